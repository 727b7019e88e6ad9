"""Reading Hugging Face's imagefolder: pictures whose labels are in `metadata.csv`, `metadata.jsonl` or `metadata.parquet`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from bimodal.data.sources.emotion_words import is_label
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.formats.arrow_files import read_columns
from bimodal.data.sources.formats.json_file import read_json_lines
from bimodal.data.sources.formats.records import LABEL_COLUMNS, find_column, frame_of, with_image_and_label
from bimodal.data.sources.layouts.layout import left_out, split_of_path
from bimodal.data.sources.layouts.tree import Tree
from bimodal.data.sources.table import read_rows
from bimodal.data.tables import read_table

_CAPTION = "text"
FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_FILE_NAMES = ("image", "file_name", "image_file_name")  # `read_table` renames


def is_image_folder(tree: Tree, chosen: Mapping[str, str]) -> bool:
    """Return whether a folder has pictures and such a file that names them and their labels; `chosen` as for `read_image_folder`.

    Raises:
        InputError: such a file cannot be read.
    """
    files = tree.named(*FILES)
    return bool(files) and bool(tree.pictures) and any(_has_columns(tree.path(file), chosen) for file in files)


def read_image_folder(tree: Tree, group: str, chosen: Mapping[str, str]) -> Source:
    """Read the pictures that the metadata files list; each file's paths are relative to its folder.

    The split is a column, or the folder (`train`, `validation`, `test`) in which the picture lies. Pictures that no file
    lists are reported.

    Args:
        tree: the folder, for which `is_image_folder` is true.
        group: the column with the groups, such as `group`.
        chosen: the user's choice of columns, see `name_columns`.

    Raises:
        InputError: a file cannot be read, or a path leaves its folder.
    """
    entries: list[Entry] = []
    problems: list[Problem] = []
    has_groups = False
    files = tree.named(*FILES)
    for file in files:
        path = tree.path(file)
        if not _has_columns(path, chosen):
            problems.append(Problem(file, "", "ignored", "no columns with file names and labels", "left out"))
            continue
        frame = with_image_and_label(read_records(path), path, chosen)
        has_groups |= group in frame.columns
        source = read_rows(frame, path, None, group)
        folder = PurePosixPath(file).parent
        entries += [replace(entry, name=(folder / entry.name).as_posix()) for entry in source.entries]
        problems += [replace(problem, image=(folder / problem.image).as_posix()) for problem in source.problems]
    if not any(entry.split for entry in entries):
        splits = [split_of_path(entry.name) for entry in entries]
        if all(splits):
            entries = [replace(entry, split=split) for entry, split in zip(entries, splits, strict=True)]
    listed = {entry.name for entry in entries} | {problem.image for problem in problems}
    problems += left_out((name for name in tree.pictures if name not in listed), f"not listed in {files[0]}")
    return Source("imagefolder", entries, problems, has_groups=has_groups)


def read_records(path: Path) -> pd.DataFrame:
    """Return the rows of a CSV, JSON Lines or Parquet file as text.

    Raises:
        InputError: the file is too large, damaged or empty.
    """
    if path.suffix.casefold() == ".jsonl":
        return frame_of(read_json_lines(path), path)
    if path.suffix.casefold() == ".parquet":
        return frame_of(read_columns(path), path)
    return read_table(path, ())


def _has_columns(path: Path, chosen: Mapping[str, str]) -> bool:
    """Return whether the first row has a file name and a label; other files of that name are for other purposes.

    `text` is mostly a caption, and is a label only if it is an emotion.
    """
    row: Mapping[str, Any]
    if path.suffix.casefold() == ".jsonl":
        row = next(read_json_lines(path), {})
    elif path.suffix.casefold() == ".parquet":
        row = next(read_columns(path), {})
    else:
        row = {str(column): value for column, value in read_table(path, ()).iloc[0].items()}
    columns = [str(column) for column in row]
    label = find_column(columns, [chosen["label"]] if "label" in chosen else LABEL_COLUMNS)
    has_label = label is not None or "objects" in columns
    if label is not None and "label" not in chosen and label.strip().casefold() == _CAPTION:
        has_label = is_label(str(row[label]), {})
    return has_label and find_column(columns, _FILE_NAMES) is not None
