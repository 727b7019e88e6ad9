"""Which kind of source lies there, and its reader."""

from dataclasses import replace
from pathlib import Path

from bimodal.data.manifest import FILE
from bimodal.data.sources.entry import Source
from bimodal.data.sources.fer2013 import is_fer2013, read_fer2013
from bimodal.data.sources.folders import read_folders
from bimodal.data.sources.grouping import regroup
from bimodal.data.sources.table import read_csv
from bimodal.errors import InputError


def read_source(
    path: Path,
    *,
    root: Path | None = None,
    group: str | None = None,
    votes: Path | None = None,
    label_from: str = "fer2013",
    raw: bool = False,
) -> Source:
    """Read a source, whatever its kind.

    Args:
        path: a folder of class folders, with or without splits (SFEW, or any other); a data folder of ours;
            a CSV with `image,label`; or `fer2013.csv`, plain or packed with gzip.
        root: for a CSV, the folder of its pictures.
        group: a column of the CSV, `name-before-number`, or a regular expression for the file's name.
        votes: for FER2013, the votes of FERPlus.
        label_from: `fer2013` or `ferplus`: whose labels FER2013's pictures get.
        raw: of SFEW, read the pictures that are not aligned yet.

    Raises:
        InputError: there is nothing there, or nothing that can be read.
    """
    if not path.exists():
        raise InputError(f"no such source: {path}; expected a folder of pictures or a CSV file")
    if path.is_dir() and (path / FILE).is_file():
        path = path / FILE
    fer2013 = path.is_file() and is_fer2013(path)
    if not fer2013 and (votes is not None or label_from != "fer2013"):
        raise InputError(f"--votes and --label-from are for FER2013, but {path} is none")
    if root is not None and (path.is_dir() or fer2013):
        raise InputError(f"--root is for a CSV of pictures, but {path} is none")

    if path.is_dir():
        source = read_folders(path, raw)
    elif fer2013:
        source = read_fer2013(path, votes, label_from == "ferplus")
    elif path.is_file():
        source = read_csv(path, root, group)
    else:
        raise InputError(f"{path} is neither a folder nor a file")
    if group is None or (source.kind == "table" and any(entry.group for entry in source.entries)):
        return source
    return replace(source, entries=regroup(source.entries, group), groups_bind=True)
