"""What is trained in each cell: small networks from random weights, which have never seen a face."""

from typing import Any

from bimodal.study.label_noise.cells import LARGE, Cell
from bimodal.train.settings import TrainSettings

_NETWORK: dict[str, Any] = {
    "augment": "fast",
    "keep": "last",  # nothing is chosen by validation, so that wrong labels there do no harm
    "precision": "32",
}
_SMALL: dict[str, Any] = {"epochs": 16, "batch_size": 32, "lr": 2e-3}
_LARGE: dict[str, Any] = {"epochs": 10, "batch_size": 64, "lr": 3e-3}
_ALL: dict[str, Any] = {"epochs": 8, "batch_size": 128, "lr": 3e-3}
REMOVAL_SHARE, STEPS = 0.6, 2
"""Removal comes after this share of the epochs; where it is repeated, every so many epochs."""


def settings_of(cell: Cell, removal: str = "none") -> TrainSettings:
    """Return the recipe of a cell, with one of the rules of removal: a name of `RULES`.

    >>> from bimodal.study.label_noise.cells import SMALL
    >>> settings_of(Cell("clean", SMALL, "symmetric", 0.2, "", 0), "wang").removal.epoch
    10
    """
    changes = _NETWORK | {"image_size": 40 if cell.faces in ("clean", "own") else 48, "seed": cell.seed}
    if cell.size == LARGE:
        changes |= _LARGE
    elif cell.faces == "own":
        changes |= _ALL
    else:
        changes |= _SMALL
    epoch = round(REMOVAL_SHARE * changes["epochs"])
    rules: dict[str, dict[str, Any]] = {
        "none": {"rule": "none"},
        "wang": {"rule": "wang", "epoch": epoch},
        "wang-repeated": {"rule": "wang", "epoch": epoch, "every": STEPS, "stop_std2": 0.01},
        "slade-gedeon": {"rule": "slade-gedeon", "epoch": epoch, "every": STEPS},
        "two-modes": {"rule": "two-modes", "epoch": epoch},
    }
    return TrainSettings.preset("small", {**changes, "removal": rules[removal]})
