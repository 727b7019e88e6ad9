"""What the trainings of a cell recorded, for the methods that find wrong labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest

FOLDS = 5
"""Folds of the cross-validation for cleanlab."""
FOLD_FILES = tuple(f"fold-{fold}.npz" for fold in range(FOLDS))
PLAIN, THRESHOLD, FEATURES, THOROUGH = "plain.npz", "threshold.npz", "features.npz", "thorough.npz"


@dataclass(frozen=True, eq=False)
class Evidence:
    """The inputs of all methods; no true labels.

    Attributes:
        labels: (n,), of the training faces.
        logits: (epochs, n, 7) float64, of the plain training; no epochs until it has finished.
        out_of_fold: (n,7), predicted probabilities from cross-validation; None until all folds have finished.
        threshold: margin below which a label counts as wrong (AUM); None until that training has finished.
        removed: by rule, (n,) bool: the faces that it removed in its own training.
        seed: random seed of the cell.
        audits: by the stem of its file (`features`, `thorough`), the arrays of an audit by features.
    """

    labels: NDArray[np.int64]
    logits: NDArray[np.float64]
    out_of_fold: NDArray[np.float64] | None
    threshold: float | None
    removed: dict[str, NDArray[np.bool_]]
    seed: int
    audits: dict[str, dict[str, Any]]

    @property
    def losses(self) -> NDArray[np.float64]:
        """(epochs, n), cross-entropy of the plain training."""
        top = self.logits.max(axis=2)
        total = np.log(np.exp(self.logits - top[:, :, None]).sum(axis=2)) + top
        return np.asarray(total - self.logits[:, np.arange(len(self.labels)), self.labels])


def fold_of(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the fold of each training face, (n,), stratified by emotion."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    folds[order] = np.arange(len(labels)) % FOLDS
    return folds


def read_evidence(folder: Path, manifest: Manifest, seed: int) -> Evidence:
    """Read what the finished jobs in a cell's folder recorded."""
    rows = manifest.rows("train")
    labels = manifest.labels[rows]
    out_of_fold = threshold = None
    if all((folder / file).is_file() for file in FOLD_FILES):
        out_of_fold = np.zeros((len(rows), 7))
        folds = fold_of(labels, seed)
        for fold, file in enumerate(FOLD_FILES):
            out_of_fold[folds == fold] = read_arrays(folder / file)["probabilities"]
    if (folder / THRESHOLD).is_file():
        threshold = float(read_arrays(folder / THRESHOLD)["threshold"])
    removed = {
        file.stem.removeprefix("rule-"): np.isin(rows, read_arrays(file)["removed"])
        for file in sorted(folder.glob("rule-*.npz"))
    }
    logits = np.zeros((0, len(rows), 7))
    if (folder / PLAIN).is_file():
        logits = read_arrays(folder / PLAIN)["logits"].astype(np.float64)
    audits = {Path(file).stem: read_arrays(folder / file) for file in (FEATURES, THOROUGH) if (folder / file).is_file()}
    return Evidence(labels, logits, out_of_fold, threshold, removed, seed, audits)


def mean_margin(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the area under the margin (AUM), (n,): the label's logit minus the largest other, averaged over epochs.

    Args:
        logits: (epochs, n, classes).
        labels: (n,).
    """
    logits = logits.astype(np.float64)
    is_label = np.arange(logits.shape[2]) == labels[:, None]
    of_label = np.where(is_label, logits, -np.inf).max(axis=2)
    others = np.where(is_label, -np.inf, logits).max(axis=2)
    return np.asarray((of_label - others).mean(axis=0))


def read_arrays(file: Path) -> dict[str, Any]:
    """Read all arrays of an `.npz` file."""
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)
