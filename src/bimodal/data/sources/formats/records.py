"""Tables of pictures in other files than CSV: rows as objects, and the names that their columns may have."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bimodal.data.sources.formats.json_file import text_of
from bimodal.errors import InputError

IMAGE_COLUMNS = (
    *("image", "file_name", "image_file_name", "filename", "file", "path", "image_path", "filepath", "file_path"),
    *("img", "image_name", "image_id", "picture", "photo", "url", "image_url"),
)
LABEL_COLUMNS = (
    *("label", "labels", "emotion", "emotions", "expression", "choice", "choices", "category", "class", "label_text"),
    *("class_name", "class_label", "emotion_label", "sentiment", "target", "text"),
)
MAX_ROWS = 5_000_000
_OBJECTS = "objects"
_OBJECT_LABELS = ("label", "labels", "category", "categories", "emotion", "class")


def find_column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the column with the first of these names, in upper or lower case; None if there is none.

    >>> find_column(["Emotion", "File_Name"], IMAGE_COLUMNS)
    'File_Name'
    """
    plain = {column.strip().casefold(): column for column in reversed(columns)}
    return next((plain[name] for name in names if name in plain), None)


def with_image_and_label(frame: pd.DataFrame, table: Path) -> pd.DataFrame:
    """Return a table whose columns with the picture and its label are called `image` and `label`.

    Raises:
        InputError: there is no such column; the message lists the columns.
    """
    columns = [str(column) for column in frame.columns]
    image, label = find_column(columns, IMAGE_COLUMNS), find_column(columns, LABEL_COLUMNS)
    if image is None or label is None:
        missing = "file_name for the picture" if image is None else "label or emotion for its label"
        raise InputError(f"{table} has no column such as {missing}; its columns are {', '.join(columns)[:300]}")
    others = [column for column in columns if column not in (image, label, "image", "label")]
    return frame[[image, label, *others]].set_axis(["image", "label", *others], axis=1)


def frame_of(rows: Iterable[Mapping[str, Any]], table: Path) -> pd.DataFrame:
    """Return rows of a JSON or Parquet file as a table of text.

    A row with several faces, `"objects": {"bbox": [[x, y, width, height], ...], "categories": [...]}`, becomes one row for
    each of them.

    Raises:
        InputError: there are no rows, or more than five million.
    """
    texts: list[dict[str, str]] = []
    for row in rows:
        texts += [{str(key).strip(): text_of(value) for key, value in face.items()} for face in _faces(row)]
        if len(texts) > MAX_ROWS:
            raise InputError(f"{table} has more than {MAX_ROWS:,} rows: expected one data set")
    if not texts:
        raise InputError(f"{table} lists no pictures")
    return pd.DataFrame(texts, dtype=object).fillna("")


def _faces(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    objects = row.get(_OBJECTS)
    boxes = objects.get("bbox") if isinstance(objects, dict) else None
    if not isinstance(objects, dict) or not isinstance(boxes, list):
        return [row]
    labels = next((objects[name] for name in _OBJECT_LABELS if isinstance(objects.get(name), list)), None)
    if labels is None or len(labels) != len(boxes):
        return [row]
    rest = {key: value for key, value in row.items() if key != _OBJECTS}
    return [{**rest, "label": label, "bbox": box} for box, label in zip(boxes, labels, strict=True)]
