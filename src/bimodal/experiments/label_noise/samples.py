"""The training set of a cell, as a data folder, and which of its labels are wrong."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.data.tables import read_table
from bimodal.data.views import with_wrong_labels, write_view
from bimodal.emotions import CODES, NAMES, code_of
from bimodal.errors import InputError
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.votes import read_vote_counts
from bimodal.files import write_atomically

RIGHT, WRONG, UNDECIDED = 0, 1, -1
TRUTH = "truth.npy"
"""One of these three numbers for each row of the manifest, int8."""
CLEAN_VOTES = 8
"""A label is clean if at least so many of the ten taggers chose it."""
MANY_VOTES, FEW_VOTES = 5, 1
"""A label is right if at least `MANY_VOTES` of the ten taggers chose it, and wrong if at most `FEW_VOTES` chose it and at
least `MANY_VOTES` another."""
VAL = 70
"""Validation faces: training needs some, but they choose nothing (the last weights are kept)."""
PUBLIC_SHARE = 1 / 3
"""Share of PublicTest that the sets of its faces leave out of training; those of them with clean labels are `VAL` validation
faces, and the test faces."""
CONFUSIONS = np.array(
    [
        [0.00, 0.11, 0.62, 0.03, 0.03, 0.18, 0.03],
        [0.76, 0.00, 0.14, 0.00, 0.00, 0.05, 0.05],
        [0.20, 0.01, 0.00, 0.02, 0.00, 0.12, 0.65],
        [0.12, 0.01, 0.11, 0.00, 0.44, 0.06, 0.26],
        [0.20, 0.00, 0.23, 0.08, 0.00, 0.46, 0.03],
        [0.20, 0.05, 0.59, 0.01, 0.15, 0.00, 0.00],
        [0.13, 0.00, 0.64, 0.16, 0.03, 0.04, 0.00],
    ]
)
"""`Fer.confusions` of FER2013, rounded, for faces of other sources."""
_RARE_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Fer:
    """FER2013 with the votes of FERPlus.

    Attributes:
        manifest: FER2013 with the labels that it came with.
        votes: (N,7), votes for each emotion.
        most_other: (N,), the most votes for any answer that is none of the seven emotions.
    """

    manifest: Manifest
    votes: NDArray[np.int64]
    most_other: NDArray[np.int64]

    @property
    def majority(self) -> NDArray[np.int64]:
        """(N,), the emotion with the most votes."""
        return np.asarray(self.votes.argmax(axis=1))

    @property
    def is_clean(self) -> NDArray[np.bool_]:
        """(N,), whether nearly all taggers agree."""
        return np.asarray(self.votes.max(axis=1) >= CLEAN_VOTES)

    @property
    def truth(self) -> NDArray[np.int8]:
        """(N,), whether FER2013's label is `RIGHT`, `WRONG` or `UNDECIDED` by the votes."""
        for_label = self.votes[np.arange(len(self.votes)), self.manifest.labels]
        truth = np.full(len(for_label), UNDECIDED, dtype=np.int8)
        truth[for_label >= MANY_VOTES] = RIGHT
        most = np.maximum(self.votes.max(axis=1), self.most_other)
        truth[(for_label <= FEW_VOTES) & (most >= MANY_VOTES)] = WRONG
        return truth

    @property
    def confusions(self) -> NDArray[np.float64]:
        """(7,7), how often FER2013 labels an emotion (row) as each other emotion; rows sum to 1, the diagonal is 0."""
        sure = (self.votes.max(axis=1) >= MANY_VOTES) & (self.manifest.table["split"] != "test").to_numpy()
        counts = np.zeros((len(NAMES), len(NAMES)))
        np.add.at(counts, (self.majority[sure], self.manifest.labels[sure]), 1)
        np.fill_diagonal(counts, 0)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def read_fer(manifest: Manifest) -> Fer:
    """Read the votes of a data folder of FER2013.

    Raises:
        InputError: the folder has no votes.
    """
    counts = read_vote_counts(manifest)
    return Fer(manifest, counts[:, : len(NAMES)], counts[:, len(NAMES) :].max(axis=1))


def write_fer_cell(fer: Fer, cell: Cell, folder: Path) -> None:
    """Write the data folder of a cell of FER2013.

    The test faces are the test faces of FER2013 with clean labels. No training face has the same pixels as one of them,
    because `prepare` leaves such copies out.
    """
    random = np.random.default_rng((cell.seed, cell.size))
    table = fer.manifest.table.copy()
    training = (table["split"] != "test").to_numpy()
    table["true_label"] = np.array(NAMES, dtype=object)[fer.majority]
    if cell.faces == "clean":
        table["label"] = table["true_label"]
        pool = np.flatnonzero(training & fer.is_clean)
        codes = fer.majority[pool]
        counts = even_counts(np.bincount(codes, minlength=len(NAMES)), cell.size)
        if cell.rare:
            counts[CODES[cell.rare]] = round(_RARE_SHARE * counts[CODES[cell.rare]])
        chosen = [random.permutation(pool[codes == code])[:count] for code, count in enumerate(counts)]
        train = np.sort(np.concatenate(chosen))
    else:
        pool = random.permutation(np.flatnonzero(training))
        train = np.sort(pool[VAL : VAL + cell.size] if cell.size else pool[VAL:])
    val = np.sort(random.permutation(np.setdiff1d(pool, train))[:VAL])
    test = np.flatnonzero(~training & fer.is_clean)
    table.loc[test, "label"] = table["true_label"]
    for split, split_rows in (("train", train), ("val", val), ("test", test)):
        table.loc[split_rows, "split"] = split
    rows = np.sort(np.concatenate([train, val, test]))
    table = table.iloc[rows].reset_index(drop=True)
    if cell.faces == "clean":
        write_with_wrong_labels(fer.manifest, table, cell, folder, fer.confusions)
    else:
        _write(fer.manifest, table, fer.truth[rows], folder)


def write_public(fer: Fer, clean: bool, folder: Path) -> None:
    """Write PublicTest as a training set, for methods that need faces on which the packaged network was not trained.

    Args:
        fer: FER2013, whose test split is PublicTest.
        clean: take the faces on which nearly all taggers agree, with their label; otherwise all faces, with FER2013's labels.
        folder: the folder to write.
    """
    public = np.random.default_rng(0).permutation(np.flatnonzero(fer.manifest.table["split"] == "test"))
    left_out, train = np.split(public, [round(PUBLIC_SHARE * len(public))])
    others = left_out[fer.is_clean[left_out]]
    if clean:
        train = train[fer.is_clean[train]]
    table, truth = fer.manifest.table.copy(), fer.truth
    table["true_label"] = np.array(NAMES, dtype=object)[fer.majority]
    relabelled = np.concatenate([others, train]) if clean else others
    table.loc[relabelled, "label"], truth[relabelled] = table["true_label"], RIGHT
    for split, rows in (("train", train), ("val", others[:VAL]), ("test", others[VAL:])):
        table.loc[rows, "split"] = split
    chosen = np.sort(np.concatenate([train, others]))
    _write(fer.manifest, table.iloc[chosen].reset_index(drop=True), truth[chosen], folder)


def write_with_wrong_labels(
    source: Manifest, table: pd.DataFrame, cell: Cell, folder: Path, confusions: NDArray[np.float64] = CONFUSIONS
) -> None:
    """Make labels of the training faces wrong as a cell needs it, and write its data folder.

    Args:
        source: the manifest that the faces come from.
        table: the cell's faces; a label without a `true_label` counts as true.
        cell: the cell.
        folder: the folder to write.
        confusions: for the pattern `confusions`, see `Fer.confusions`.
    """
    table = table.assign(true_label=table["true_label"].where(table["true_label"] != "", table["label"]))
    if cell.noise:
        table = with_wrong_labels(table, cell.noise, cell.seed, confusions if cell.pattern == "confusions" else None)
    _write(source, table, (table["label"] != table["true_label"]).to_numpy(), folder)


def write_photographs_cell(photographs: Manifest, annotations: dict[str, set[str]], folder: Path) -> None:
    """Write the data folder of the photographs.

    A label is right if all annotators gave it and wrong if their labels differ; without several it is undecided.

    Args:
        photographs: the manifest.
        annotations: see `read_annotations`.
        folder: the folder to write.
    """
    origins = read_table(photographs.root / "origins.csv", ("image", "origin"))
    origin = dict(zip(origins["image"], origins["origin"], strict=True))
    truth = np.full(len(photographs), UNDECIDED)
    for row, (image, label) in enumerate(zip(photographs.table["image"], photographs.table["label"], strict=True)):
        given = annotations.get(origin.get(image, image))
        if given is not None:
            truth[row] = RIGHT if given == {label} else WRONG
    _write(photographs, photographs.table, truth, folder)


def read_annotations(file: Path) -> dict[str, set[str]]:
    """Read a CSV `image,label`, one line for each annotator's label of a picture.

    Returns:
        The different labels of each picture that has several annotations, by the picture's name in its source.
    """
    table = read_table(file, ("image", "label"))
    table["label"] = [_emotion_or_text(label) for label in table["label"]]
    several = table.groupby("image").filter(lambda rows: len(rows) > 1)
    return {str(image): set(rows["label"]) for image, rows in several.groupby("image")}


def _emotion_or_text(label: str) -> str:
    """Return the name of an emotion, or the text itself if it names none."""
    try:
        return NAMES[code_of(label)]
    except InputError:
        return label


def even_counts(available: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Return how many of each class to draw so that the classes are as equal as possible.

    Raises:
        InputError: fewer than `total` are available.

    >>> even_counts(np.array([3, 50, 50]), 23).tolist()
    [3, 10, 10]
    """
    if available.sum() < total:
        raise InputError(f"the study needs {total} faces with clean labels, got {available.sum()}; give a larger set")
    counts = np.zeros_like(available)
    while counts.sum() < total:
        room = np.flatnonzero(available > counts)
        each = max(1, (total - counts.sum()) // len(room))
        for code in room:
            counts[code] += min(each, available[code] - counts[code], total - counts.sum())
    return counts


def _write(source: Manifest, table: pd.DataFrame, truth: NDArray[np.generic], folder: Path) -> None:
    write_view(source, table, folder)
    write_atomically(folder / TRUTH, lambda file: np.save(file, truth.astype(np.int8), allow_pickle=False))
