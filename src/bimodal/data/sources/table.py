"""Reading pictures that are listed in a CSV: `image,label[,split][,group][,original_label][,true_label]`, and boxes of faces."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bimodal.data.manifest import SPLITS
from bimodal.data.shards import find_places, has_shards
from bimodal.data.sources.boxes import BAD_BOX, read_boxes
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.listed_pictures import ListedPictures
from bimodal.data.table_columns import folded
from bimodal.data.tables import read_table
from bimodal.errors import InputError
from bimodal.vision.boxes import Box


def read_csv(
    table: Path, root: Path | None = None, group: str = "group", columns: Mapping[str, str] | None = None
) -> Source:
    """Read a CSV of pictures; the paths are relative to its folder, or to `root`, see `ListedPictures`.

    Of a picture that is listed several times, or several times with the same box, the first row is kept and the others are
    reported. Rows of a picture with different boxes are different faces.

    Args:
        table: the CSV; columns with boxes (`read_boxes`) name the face of each row, and other columns are ignored.
        root: the folder of the pictures; absolute paths inside it are allowed, too. Default: the CSV's folder.
        group: the column with the groups; without such a column no picture has a group.
        columns: the columns that the user chose, see `name_columns`.

    Raises:
        InputError: a column is missing, a split is unknown or given for some rows only, or a path leaves the folder.
    """
    return read_rows(read_table(table, ("image", "label"), columns), table, root, group)


def read_rows(frame: pd.DataFrame, table: Path, root: Path | None = None, group: str = "group") -> Source:
    """Read the rows of a table of pictures, see `read_csv`, whichever format its file has.

    Args:
        frame: the values as text, with the columns `image` and `label`.
        table: the file, for messages; the paths are relative to its folder.
        root, group: see `read_csv`.

    Raises:
        InputError: a split is unknown or given for some rows only, or a path leaves the folder.
    """
    hint = "put the pictures under it" if root else "give the folder of the pictures with --root"
    pictures = ListedPictures(root or table.parent, hint)
    splits = _splits(frame, table)
    groups = _column(frame, group)
    originals, truths = _column(frame, "original_label"), _column(frame, "true_label")
    labels, boxes = frame["label"].tolist(), read_boxes(frame)

    entries: list[Entry] = []
    problems: list[Problem] = []
    first_rows: dict[tuple[Path, Box | None], int] = {}
    for row, image in enumerate(frame["image"]):
        try:
            path, unclear = pictures.find(image)
        except InputError as error:
            raise InputError(f"{table}, row {row + 1}: {error}") from error
        name, box = path.relative_to(pictures.base).as_posix(), boxes[row]
        if unclear:
            problems.append(Problem(name, splits[row], "unreadable", unclear, "left out"))
            continue
        if isinstance(box, str):
            problems.append(Problem(name, splits[row], BAD_BOX, box, "left out"))
            continue
        first = first_rows.setdefault((path, box), row)
        if first != row:
            detail = f"{labels[row]} in row {row + 1}, {labels[first]} in row {first + 1}"
            if splits[first] != splits[row]:
                detail += f"; in splits {splits[row]} and {splits[first]}"
            problems.append(Problem(name, splits[row], "listed-twice", detail, "the first row kept"))
            continue
        entries.append(Entry(name, labels[row], splits[row], path, groups[row], originals[row], truths[row], box=box))
    if has_shards(Path(pictures.base)):
        entries = _in_shards(entries, Path(pictures.base))
    return Source("table", entries, problems, has_groups="group" in frame.columns)


def _in_shards(entries: list[Entry], root: Path) -> list[Entry]:
    """Return the entries of a data folder whose pictures are in shards, each with its part of one."""
    places = find_places(root, [entry.name for entry in entries])
    return [
        replace(entry, content=places.picture(row, entry.name)) if places.shard[row] >= 0 else entry
        for row, entry in enumerate(entries)
    ]


def _splits(frame: pd.DataFrame, table: Path) -> list[str]:
    names = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
    splits = [names.get(key, key) for key in (s.strip().casefold() for s in _column(frame, "split"))]
    for row, split in enumerate(splits):
        if split not in (*SPLITS, ""):
            raise InputError(f"{table}, row {row + 1}: unknown split {split!r}; expected {', '.join(SPLITS)}")
    if "" in splits and any(splits):
        raise InputError(f"{table}, row {splits.index('') + 1}: no split; give one in every row, or in none")
    return splits


def _column(frame: pd.DataFrame, name: str) -> list[str]:
    """Return a column by its name, or by one that is spelt in another way; empty texts if there is none."""
    spelt = [column for column in frame.columns if folded(str(column)) == folded(name)]
    column = name if name in frame.columns else spelt[0] if len(spelt) == 1 else None
    return [""] * len(frame) if column is None else frame[column].tolist()
