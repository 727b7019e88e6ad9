"""Tables of pictures in other files than CSV: rows as objects, and the names that their columns may have."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bimodal.data.sources.formats.json_file import text_of
from bimodal.data.table_columns import SYNONYMS, folded, name_columns
from bimodal.errors import InputError

IMAGE_COLUMNS = ("image", *SYNONYMS["image"], "filename", "image_file_name", "url", "image_url")
LABEL_COLUMNS = (
    *("label", *SYNONYMS["label"], "labels", "emotions", "expressions", "choices", "class_label", "label_text"),
    *("sentiment", "text"),
)
MAX_ROWS = 5_000_000
_OBJECTS = "objects"
_OBJECT_LABELS = ("label", "labels", "category", "categories", "emotion", "class")


def find_column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the column with the first of these names, however it is spelt; None if there is none.

    >>> find_column(["Emotion", "File Name"], IMAGE_COLUMNS)
    'File Name'
    """
    plain = {folded(column): column for column in reversed(columns)}
    return next((plain[folded(name)] for name in names if folded(name) in plain), None)


def with_image_and_label(frame: pd.DataFrame, table: Path, chosen: Mapping[str, str]) -> pd.DataFrame:
    """Return a table whose columns with the picture and its label are called `image` and `label`.

    Args:
        frame: the table.
        table: its file, for messages.
        chosen: the user's choice of columns, see `name_columns`.

    Raises:
        InputError: there is no such column, or several could be the labels.
    """
    columns = [str(column) for column in frame.columns]
    further = {"image": IMAGE_COLUMNS, "label": LABEL_COLUMNS}
    for target, names in further.items():
        usual = find_column(columns, (target, *SYNONYMS[target]))
        if target not in chosen and usual is None and (column := find_column(columns, names)) is not None:
            chosen = {**chosen, target: column}
    return frame.set_axis(name_columns(columns, ("image", "label"), table, chosen), axis=1)


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
