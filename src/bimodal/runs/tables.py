"""The tables of a run folder: which columns they have, and how they are made."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.emotions import NAMES
from bimodal.removal import Remover
from bimodal.runs.read import Column, read_csv

if TYPE_CHECKING:
    from bimodal.data.manifest import Manifest

PROBABILITIES = [f"p_{name}" for name in NAMES]

_TEXT, _EMOTION = Column(), Column(choices=NAMES)
_COUNT, _FROM_1 = Column(int, low=0), Column(int, low=1)
_SHARE, _NUMBER = Column(float, 0, 1 + 1e-6), Column(float, optional=True)

MANIFEST = {
    "image": _TEXT,
    "label": _EMOTION,
    "split": Column(choices=("train", "val", "test")),
    "digest": Column(pattern="([0-9a-f]{2})*"),
}
METRICS = {
    "epoch": _FROM_1,
    "step": _COUNT,
    "train_loss": _NUMBER,
    "train_accuracy": _SHARE,
    "val_loss": _NUMBER,
    "val_accuracy": _SHARE,
    "loss_mean": _NUMBER,
    "loss_variance": _NUMBER,
    "examples": _COUNT,
}
STEPS = {"step": _FROM_1, "epoch": _FROM_1, "train_loss": _NUMBER, "train_accuracy": _SHARE}
SECONDS = {"epoch": _FROM_1, "seconds": Column(float, low=0)}
REMOVED = {
    "image": _TEXT,
    "label": _EMOTION,
    "row": _COUNT,
    "loss": Column(float),
    "rank": _FROM_1,
    "epoch": _FROM_1,
    "predicted": Column(choices=NAMES, optional=True),
    "confidence": Column(float, 0, 1 + 1e-6, optional=True),
    "probability": Column(float, 0, 1 + 1e-6, optional=True),
}
REMOVAL_STEPS = {
    "epoch": _FROM_1,
    "rule": _TEXT,
    "m1": _NUMBER,
    "m2": _NUMBER,
    "std2": _NUMBER,
    "threshold": _NUMBER,
    "removed": _COUNT,
    "kept_by_limits": _COUNT,
}
PREDICTIONS = {"image": _TEXT, "row": _COUNT, "label": _EMOTION, "predicted": _EMOTION} | dict.fromkeys(
    PROBABILITIES, _SHARE
)
LOSSES = {
    "rows": ("iu", 1),
    "last": ("f", 1),
    "mean": ("f", 1),
    "count": ("iu", 1),
    "kept": ("b", 1),
    "pred_probs": ("f", 2),
    "before": ("f", 1),
    "after": ("f", 1),
}
"""The arrays of `losses.npz`: allowed NumPy kinds and number of dimensions; `pred_probs` may be missing."""


def read_predictions(file: Path) -> pd.DataFrame:
    """Read a table of predictions, with the columns of `predictions_table`.

    Raises:
        InputError: the file is not such a table; the message names row and column.
    """
    return read_csv(file, PREDICTIONS)


def predictions_table(
    manifest: "Manifest", rows: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> pd.DataFrame:
    """Return one row for each face: `image,row,label,predicted,p_angry,...,p_surprise`.

    Args:
        manifest: the faces.
        rows: (n,), their rows in the manifest.
        probabilities: (n,7), the predicted probability of each emotion.
    """
    names = np.array(NAMES)
    table = pd.DataFrame(
        {
            "image": manifest.table["image"].to_numpy()[rows],
            "row": rows,
            "label": names[manifest.labels[rows]],
            "predicted": names[probabilities.argmax(axis=1)],
        }
    )
    table[PROBABILITIES] = probabilities
    return table


def removed_table(
    manifest: "Manifest", remover: Remover, predictions_at_removal: Mapping[int, tuple[int, float]]
) -> pd.DataFrame:
    """Return one row for each removed example, in the order of removal.

    Args:
        manifest: the examples.
        remover: with all its steps.
        predictions_at_removal: row -> (predicted class, confidence) in the epoch of the removal, where it is known.
    """
    parts = [
        pd.DataFrame({"row": step.rows, "loss": step.losses, "epoch": step.epoch, "probability": step.probabilities})
        for step in remover.steps
    ]
    table = (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["row", "loss", "epoch", "probability"])
    )
    rows = table["row"].astype(np.int64)
    known = [predictions_at_removal.get(row, (None, None)) for row in rows]
    return pd.DataFrame(
        {
            "image": manifest.table["image"].to_numpy()[rows],
            "label": manifest.table["label"].to_numpy()[rows],
            "row": rows,
            "loss": table["loss"].astype(np.float64),
            "rank": np.arange(1, len(rows) + 1),
            "epoch": table["epoch"],
            "predicted": ["" if code is None else NAMES[code] for code, _ in known],
            "confidence": [confidence for _, confidence in known],
            "probability": table["probability"].astype(np.float64),
        }
    )


def removal_steps_table(remover: Remover) -> pd.DataFrame:
    """Return one row for each removal step: the numbers of the rule, and how many examples it removed."""
    steps = [(s.epoch, s.rule, s.m1, s.m2, s.std2, s.threshold, len(s.rows), s.kept_by_limits) for s in remover.steps]
    return pd.DataFrame(steps, columns=list(REMOVAL_STEPS))
