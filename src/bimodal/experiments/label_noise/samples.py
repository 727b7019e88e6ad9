"""The training set of a cell, as a data folder, and what is known about each of its labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest, read_table
from bimodal.data.sources.fer2013 import read_votes
from bimodal.data.views import with_wrong_labels, write_view
from bimodal.emotions import CODES, NAMES, code_of
from bimodal.errors import InputError
from bimodal.experiments.label_noise.cells import Cell
from bimodal.files import write_atomically

RIGHT, WRONG, UNDECIDED = 0, 1, -1
TRUTH = "truth.npy"
SURE = 8
"""So many of ten taggers make a clean label."""
MOST, FEW = 5, 1
"""A label is wrong if at most `FEW` of ten chose it, and at least `MOST` another; right if at least `MOST` chose it."""
VAL = 70
"""Validation faces: training asks for some, and nothing is chosen by them (the last weights are kept)."""
_RARE_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Fer:
    """FER2013 and the votes of FERPlus.

    Attributes:
        manifest: of FER2013 with its own labels.
        votes: (N,7), how many taggers chose each emotion.
        most: (N,), the most votes that anything else than the seven got.
    """

    manifest: Manifest
    votes: NDArray[np.int64]
    most_other: NDArray[np.int64]

    @property
    def majority(self) -> NDArray[np.int64]:
        """The emotion with most votes, (N,)."""
        return np.asarray(self.votes.argmax(axis=1))

    @property
    def is_clean(self) -> NDArray[np.bool_]:
        """Whether nearly all taggers agree, (N,)."""
        return np.asarray(self.votes.max(axis=1) >= SURE)

    @property
    def truth(self) -> NDArray[np.int8]:
        """What the votes say of FER2013's own labels, (N,): `RIGHT`, `WRONG` or `UNDECIDED`."""
        own = self.votes[np.arange(len(self.votes)), self.manifest.labels]
        truth = np.full(len(own), UNDECIDED, dtype=np.int8)
        truth[own >= MOST] = RIGHT
        truth[(own <= FEW) & (np.maximum(self.votes.max(axis=1), self.most_other) >= MOST)] = WRONG
        return truth

    @property
    def confusions(self) -> NDArray[np.float64]:
        """How FER2013 mislabels faces on which most taggers agree, (7,7): a row for each emotion, summing to 1."""
        sure = (self.votes.max(axis=1) >= MOST) & (self.manifest.table["split"] != "test").to_numpy()
        counts = np.zeros((len(NAMES), len(NAMES)))
        np.add.at(counts, (self.majority[sure], self.manifest.labels[sure]), 1)
        np.fill_diagonal(counts, 0)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def read_fer(manifest: Manifest) -> Fer:
    """Read the votes of a data folder of FER2013.

    Raises:
        InputError: it was prepared without them.
    """
    file = manifest.root / "origins.csv"
    need = f"{manifest.root} has no votes of FERPlus; prepare FER2013 with --votes fer2013new.csv"
    if not file.is_file():
        raise InputError(need)
    table = read_table(file, ("image",))
    if "votes" not in table or not table["votes"].any():
        raise InputError(need)
    by_image = dict(zip(table["image"], map(read_votes, table["votes"]), strict=True))
    votes = np.zeros((len(manifest), len(NAMES)), dtype=np.int64)
    most_other = np.zeros(len(manifest), dtype=np.int64)
    for row, image in enumerate(manifest.table["image"]):
        for name, count in by_image.get(image, {}).items():
            if name in ("contempt", "unknown", "NF"):
                most_other[row] = max(most_other[row], count)
            else:
                votes[row, code_of(name)] = count
    return Fer(manifest, votes, most_other)


def write_fer_cell(fer: Fer, cell: Cell, folder: Path) -> None:
    """Write the data folder of a cell of FER2013; one that is there stays.

    The test faces are those of the test split with a clean label; no training face has the same pixels, since `prepare`
    left such copies out.
    """
    if (folder / TRUTH).is_file():
        return
    random = np.random.default_rng((cell.seed, cell.size))
    table = fer.manifest.table.copy()
    training = (table["split"] != "test").to_numpy()
    names = np.array(NAMES, dtype=object)
    table["true_label"] = names[fer.majority]
    if cell.faces == "clean":
        table["label"] = table["true_label"]
        pool = np.flatnonzero(training & fer.is_clean)
        counts = even_counts(np.bincount(fer.majority[pool], minlength=len(NAMES)), cell.size)
        if cell.rare:
            counts[CODES[cell.rare]] = round(_RARE_SHARE * counts[CODES[cell.rare]])
        train = _draw(pool, fer.majority[pool], counts, random)
    else:
        pool = random.permutation(np.flatnonzero(training))
        train = np.sort(pool[VAL : VAL + cell.size] if cell.size else pool[VAL:])
    rest = np.setdiff1d(pool, train)
    val = np.sort(random.permutation(rest)[:VAL])
    test = np.flatnonzero(~training & fer.is_clean)
    table.loc[test, "label"] = names[fer.majority[test]]
    for split, rows in (("train", train), ("val", val), ("test", test)):
        table.loc[rows, "split"] = split
    rows = np.sort(np.concatenate([train, val, test]))
    table, truth = table.iloc[rows].reset_index(drop=True), fer.truth[rows]
    if cell.faces == "clean":
        table = _with_noise(table, cell, fer.confusions)
        truth = (table["label"] != table["true_label"]).to_numpy().astype(np.int8)
    _write(fer.manifest, table, truth, folder)


def write_drawn_cell(drawn: Manifest, cell: Cell, folder: Path) -> None:
    """Write the data folder of a cell of drawn faces; one that is there stays."""
    if (folder / TRUTH).is_file():
        return
    table = _with_noise(drawn.table, cell, None)
    wrong = (table["label"] != table["true_label"]).to_numpy()
    _write(drawn, table, wrong.astype(np.int8), folder)


def write_photographs_cell(photographs: Manifest, second: dict[str, set[str]], folder: Path) -> None:
    """Write the data folder of the photographs; one that is there stays.

    A label is wrong if another annotator gave another, right if another gave the same; of the others nothing is known.

    Args:
        photographs: the manifest.
        second: by the source's name of a picture, all labels that it was given, where it was given several.
        folder: where to write.
    """
    if (folder / TRUTH).is_file():
        return
    origins = read_table(photographs.root / "origins.csv", ("image", "origin"))
    origin = dict(zip(origins["image"], origins["origin"], strict=True))
    truth = np.full(len(photographs), UNDECIDED, dtype=np.int8)
    for row, (image, label) in enumerate(zip(photographs.table["image"], photographs.table["label"], strict=True)):
        predictions_at_removal = second.get(origin.get(image, image))
        if predictions_at_removal is not None:
            truth[row] = RIGHT if predictions_at_removal == {label} else WRONG
    _write(photographs, photographs.table, truth, folder)


def read_second_opinions(file: Path) -> dict[str, set[str]]:
    """Read `annotations.csv` (`image,label,annotator`): the labels of each picture that was labelled several times."""
    table = read_table(file, ("image", "label"))
    table["label"] = [_plainly(label) for label in table["label"]]
    several = table.groupby("image").filter(lambda rows: len(rows) > 1)
    return {str(image): set(rows["label"]) for image, rows in several.groupby("image")}


def _plainly(label: str) -> str:
    """Return our name of an emotion, or what else was said as it is."""
    try:
        return NAMES[code_of(label)]
    except InputError:
        return label


def even_counts(available: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Return how many of each class to take so that all have as many, as far as there are.

    Raises:
        InputError: there are fewer than `total`.

    >>> even_counts(np.array([3, 50, 50]), 23).tolist()
    [3, 10, 10]
    """
    if available.sum() < total:
        raise InputError(f"the study needs {total} faces of one kind, and there are {available.sum()}")
    counts = np.zeros_like(available)
    while counts.sum() < total:
        room = np.flatnonzero(available > counts)
        each = max(1, (total - counts.sum()) // len(room))
        for code in room:
            counts[code] += min(each, available[code] - counts[code], total - counts.sum())
    return counts


def _draw(
    pool: NDArray[np.int64], codes: NDArray[np.int64], counts: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.int64]:
    """Draw so many of each class."""
    chosen = [random.permutation(pool[codes == code])[:count] for code, count in enumerate(counts)]
    return np.sort(np.concatenate(chosen))


def _with_noise(table: pd.DataFrame, cell: Cell, confusions: NDArray[np.float64] | None) -> pd.DataFrame:
    if not cell.noise:
        return table
    return with_wrong_labels(table, cell.noise, cell.seed, confusions if cell.pattern == "confusions" else None)


def _write(source: Manifest, table: pd.DataFrame, truth: NDArray[np.int8], folder: Path) -> None:
    write_view(source, table, folder)
    write_atomically(folder / TRUTH, lambda file: np.save(file, truth, allow_pickle=False))
