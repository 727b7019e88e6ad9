"""The tables of a run folder: which columns they have, and how they are made."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.emotions import NAMES
from bimodal.removal import Remover
from bimodal.runs.read import Array, Column, read_csv

if TYPE_CHECKING:
    from bimodal.data.manifest import Manifest

PROBABILITIES = [f"p_{name}" for name in NAMES]

_TEXT, _EMOTION = Column(), Column(choices=NAMES)
_COUNT, _FROM_1 = Column(int, low=0), Column(int, low=1)
_SHARE, _SHARE_OR_NONE = Column(float, 0, 1 + 1e-6), Column(float, 0, 1 + 1e-6, optional=True)
_NUMBER, _NUMBER_OR_NONE = Column(float), Column(float, optional=True)

MANIFEST = {
    "image": _TEXT, "label": _EMOTION, "split": Column(choices=("train", "val", "test")),
    "digest": Column(pattern="([0-9a-f]{2})*"),
}  # fmt: skip
OPTIONAL_IN_MANIFEST = ("group", "original_label", "true_label", "flag")
METRICS = {
    "epoch": _FROM_1, "step": _COUNT, "train_loss": _NUMBER, "train_accuracy": _SHARE,
    "val_loss": _NUMBER_OR_NONE, "val_accuracy": _SHARE, "loss_mean": _NUMBER, "loss_variance": _NUMBER,
    "examples": _COUNT,
}  # fmt: skip
STEPS = {"step": _FROM_1, "epoch": _FROM_1, "train_loss": _NUMBER, "train_accuracy": _SHARE}
SECONDS = {"epoch": _FROM_1, "seconds": Column(float, low=0)}
REMOVED = {
    "image": _TEXT, "label": _EMOTION, "row": _COUNT, "loss": _NUMBER, "rank": _FROM_1, "epoch": _FROM_1,
    "predicted": Column(choices=NAMES, optional=True),
    "confidence": _SHARE_OR_NONE, "probability": _SHARE_OR_NONE,
}  # fmt: skip
REMOVAL_STEPS = {
    "epoch": _FROM_1, "rule": _TEXT,
    **dict.fromkeys(("m1", "m2", "std2", "threshold"), _NUMBER_OR_NONE),
    "removed": _COUNT, "kept_by_limits": _COUNT,
}  # fmt: skip
PREDICTIONS = {
    "image": _TEXT, "row": _COUNT, "label": _EMOTION, "predicted": _EMOTION,
    **dict.fromkeys(PROBABILITIES, _SHARE),
}  # fmt: skip
_LOSS = Array("f", low=0, high=float(np.finfo(np.float32).max), allows_nan=True)
LOSSES = {
    "rows": Array("iu", low=0), "last": _LOSS, "mean": _LOSS, "count": Array("iu", low=0), "kept": Array("b"),
    "pred_probs": Array("f", len(NAMES), low=0, high=1 + 1e-3, allows_nan=True), "before": _LOSS, "after": _LOSS,
    "by_epoch": Array("f", 0, low=0, high=float(np.finfo(np.float32).max), allows_nan=True),
}  # fmt: skip
"""The arrays of `losses.npz`."""
OPTIONAL_LOSSES = ("pred_probs", "by_epoch")


def is_stage(value: Any) -> bool:
    """Return whether a value of JSON describes a stage of a network: `name, kind, detail, output, parameters`."""
    if not isinstance(value, dict) or not all(
        isinstance(value.get(key, ""), str) for key in ("name", "kind", "detail")
    ):
        return False
    count = value.get("parameters", 0)
    return type(count) is int and 0 <= count < 2**60


def read_predictions(file: Path) -> pd.DataFrame:
    """Read a table with the columns of `predictions_table`; raise an `InputError` that names a bad cell."""
    return read_csv(file, PREDICTIONS)


def predictions_table(
    manifest: "Manifest", rows: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> pd.DataFrame:
    """Return one row for each face of the manifest in `rows` (n,): `image,row,label,predicted,p_angry,...,p_surprise`.

    `probabilities` are the predicted probabilities, (n,7).
    """
    names = np.array(NAMES)
    table = pd.DataFrame({"image": manifest.table["image"].to_numpy()[rows], "row": rows})
    table["label"], table["predicted"] = names[manifest.labels[rows]], names[probabilities.argmax(axis=1)]
    table[PROBABILITIES] = probabilities
    return table


def removed_table(
    manifest: "Manifest", remover: Remover, predictions_at_removal: Mapping[int, tuple[int, float]]
) -> pd.DataFrame:
    """Return one row for each removed example, in the order of removal.

    `predictions_at_removal` maps a row to (predicted class, confidence) in the epoch of its removal, where they are known.
    """
    images, labels = manifest.table["image"], manifest.table["label"]
    records: list[tuple[Any, ...]] = []
    for step in remover.steps:
        details = zip(step.rows.tolist(), step.losses.tolist(), step.probabilities.tolist(), strict=True)
        for rank, (row, loss, probability) in enumerate(details, start=len(records) + 1):
            code, confidence = predictions_at_removal.get(row, (None, None))
            predicted = ("" if code is None else NAMES[code], confidence)
            records.append((images.iat[row], labels.iat[row], row, loss, rank, step.epoch, *predicted, probability))
    return pd.DataFrame(records, columns=list(REMOVED))


def removal_steps_table(remover: Remover) -> pd.DataFrame:
    """Return one row for each removal step: the numbers of the rule, and how many examples it removed."""
    steps = [(s.epoch, s.rule, s.m1, s.m2, s.std2, s.threshold, len(s.rows), s.kept_by_limits) for s in remover.steps]
    return pd.DataFrame(steps, columns=list(REMOVAL_STEPS))
