"""Reading FERPlus as pictures: `FER2013Train/fer0000000.png`, with the votes in `label.csv` or `fer2013new.csv`.

Barsoum et al., Training deep networks for facial expression recognition with crowd-sourced label distribution, 2016.
"""

import csv
from pathlib import PurePosixPath

import numpy as np

from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Source
from bimodal.data.sources.fer2013 import VOTES, majority, votes_in_words
from bimodal.data.sources.layouts.layout import Layout, left_out
from bimodal.data.sources.layouts.listed import absent, check_found
from bimodal.data.sources.layouts.tree import Tree
from bimodal.data.tables import read_table
from bimodal.errors import InputError

_SPLITS = {"fer2013train": "train", "fer2013valid": "val", "fer2013test": "test"}
_FOLDERS = {"training": "fer2013train", "publictest": "fer2013valid", "privatetest": "fer2013test"}
_ALL_VOTES = "fer2013new.csv"


def _recognise(tree: Tree) -> bool:
    return bool(tree.folders & set(_SPLITS)) and bool(tree.named(_ALL_VOTES) or _lists(tree))


def _lists(tree: Tree) -> list[str]:
    return [file for file in tree.named("label.csv") if _folder_of(file) in _SPLITS]


def _folder_of(file: str) -> str:
    return PurePosixPath(file).parent.name.casefold()


def _read(tree: Tree, options: PrepareOptions) -> Source:
    """Read FERPlus; the label is the emotion with most votes, and ties, contempt and unknown are dropped.

    Raises:
        InputError: a list of votes has other columns, or names no picture of the folder.
    """
    rows = [row for file in _lists(tree) for row in _read_list(tree, file)] or _read_all(tree)
    pictures = {(_folder_of(file), PurePosixPath(file).name.casefold()): file for file in tree.pictures}
    votes = np.array([counts for _, _, counts in rows], dtype=np.int64).reshape(-1, len(VOTES))
    entries, problems, missing = [], [], []
    used = set()
    for (folder, name, _), label, words in zip(rows, majority(votes), votes_in_words(votes), strict=True):
        picture = pictures.get((folder, name.casefold()), "")
        if not picture:
            problems.append(absent(name, _SPLITS[folder]))
            missing.append(name)
            continue
        used.add(picture)
        entries.append(Entry(picture, label, _SPLITS[folder], tree.path(picture), second_opinion=label, votes=words))
    check_found(used, missing, tree.root, "the pictures that generate_training_data.py of FERPlus writes")
    problems += left_out((name for name in tree.pictures if name not in used), "without votes")
    drop = dict.fromkeys(("contempt", "unknown", "NF", "undecided"), "drop")
    return Source("ferplus", entries, problems, drop, keep_groups_together=False, has_groups=True, drop_duplicates=True)


def _read_list(tree: Tree, file: str) -> list[tuple[str, str, list[int]]]:
    """Return the folder, the picture and the votes of each row of a `label.csv`, which has no header."""
    rows = []
    for number, fields in enumerate(csv.reader(tree.lines(file)), start=1):
        counts = [field.strip() for field in fields[2:]]
        if len(counts) != len(VOTES) or not all(count.isdecimal() and len(count) < 4 for count in counts):
            raise InputError(
                f"{tree.path(file)}, line {number}: expected a picture, its box and {len(VOTES)} numbers of votes, got "
                f"{','.join(fields)[:80]!r}"
            )
        rows.append((_folder_of(file), fields[0].strip(), [int(count) for count in counts]))
    return rows


def _read_all(tree: Tree) -> list[tuple[str, str, list[int]]]:
    """Return the folder, the picture and the votes of each named row of `fer2013new.csv`."""
    path = tree.path(tree.named(_ALL_VOTES)[0])
    frame = read_table(path, ("Usage", "Image name", *VOTES))
    rows = []
    for row, (usage, name, *counts) in enumerate(
        frame[["Usage", "Image name", *VOTES]].itertuples(index=False), start=1
    ):
        folder = _FOLDERS.get(usage.strip().casefold(), "")
        if not folder or not all(count.strip().isdecimal() and len(count) < 4 for count in counts):
            raise InputError(
                f"{path}, row {row}: expected a Usage of FER2013 and whole numbers of votes, got {usage!r}"
            )
        if name.strip():  # the rows that FERPlus leaves out have no name
            rows.append((folder, name.strip(), [int(count) for count in counts]))
    return rows


FERPLUS = Layout("FERPlus", _recognise, _read, "the label is the emotion with most votes")
