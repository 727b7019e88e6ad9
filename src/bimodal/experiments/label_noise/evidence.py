"""What a cell's trainings left behind, as the methods want it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest

FOLDS = 5
"""Of cleanlab's cross-validation."""
PLAIN, THRESHOLD = "plain.npz", "threshold.npz"


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that methods may look at: nothing here knows the truth.

    Attributes:
        labels: (n,), of the training faces.
        logits: (epochs, n, 7) float64, of the plain training.
        out_of_fold: (n,7), probabilities of each face from a network that has not seen it; None before all folds ended.
        threshold: the margin of a label that only memory can know; None before that training ended.
        removed: by rule, (n,) bool: what it removed in its own training.
        seed: of what is left to chance.
    """

    labels: NDArray[np.int64]
    logits: NDArray[np.float64]
    out_of_fold: NDArray[np.float64] | None
    threshold: float | None
    removed: dict[str, NDArray[np.bool_]]
    seed: int

    @property
    def losses(self) -> NDArray[np.float64]:
        """(epochs, n), cross entropy."""
        top = self.logits.max(axis=2)
        total = np.log(np.exp(self.logits - top[:, :, None]).sum(axis=2)) + top
        return np.asarray(total - self.logits[:, np.arange(len(self.labels)), self.labels])


def fold_of(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the fold of each training face, (n,), each emotion spread evenly over the folds."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    folds[order] = np.arange(len(labels)) % FOLDS
    return folds


def read_evidence(cell: Path, manifest: Manifest, seed: int) -> Evidence:
    """Read what there is of a cell; its plain training must have ended.

    Args:
        cell: the cell's folder.
        manifest: of its faces.
        seed: of the cell.
    """
    rows = manifest.rows("train")
    labels = manifest.labels[rows]
    out_of_fold = None
    if all((cell / fold_file(fold)).is_file() for fold in range(FOLDS)):
        out_of_fold = np.zeros((len(rows), 7))
        folds = fold_of(labels, seed)
        for fold in range(FOLDS):
            out_of_fold[folds == fold] = read(cell / fold_file(fold))["probabilities"]
    threshold = float(read(cell / THRESHOLD)["threshold"]) if (cell / THRESHOLD).is_file() else None
    removed = {
        file.stem.removeprefix("rule-"): np.isin(rows, read(file)["removed"])
        for file in sorted(cell.glob("rule-*.npz"))
    }
    logits = read(cell / PLAIN)["logits"].astype(np.float64)
    return Evidence(labels, logits, out_of_fold, threshold, removed, seed)


def mean_margin(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the area under the margin of each face, (n,): the mean over the epochs of its label's logit less the next.

    Args:
        logits: (epochs, n, classes).
        labels: (n,), whose logit.
    """
    logits = logits.astype(np.float64)
    own = np.arange(logits.shape[2]) == labels[:, None]
    mine = np.where(own, logits, -np.inf).max(axis=2)
    others = np.where(own, -np.inf, logits).max(axis=2)
    return np.asarray((mine - others).mean(axis=0))


def fold_file(fold: int) -> str:
    """Return the name of a fold's file."""
    return f"fold-{fold}.npz"


def read(file: Path) -> dict[str, Any]:
    """Read a file of evidence."""
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
