"""What is trained in each cell: what `bimodal audit` trains, a small network that has never seen a face."""

from typing import Any

from bimodal.experiments.label_noise.cells import SMALL, Cell
from bimodal.label_audit.settings import IMAGE_SIZE, audit_settings
from bimodal.training.settings import TrainSettings

ALL = 27_000
"""About so many faces the set of all has: more than any limit of the recipe."""
FER_SIZE = 40
"""FER2013's faces have 48 pixels; so many cost a third less, and the network knows no less by them."""
REMOVAL_SHARE, STEPS = 0.6, 2
"""Removal comes after this share of the epochs; where it is repeated, every so many epochs."""


def settings_of(cell: Cell, removal: str = "none") -> TrainSettings:
    """Return the recipe of a cell, with one of the rules of removal.

    >>> settings_of(Cell("clean", SMALL, "symmetric", 0.2, "", 0), "wang").removal.epoch
    10
    """
    faces = cell.size or (ALL if cell.faces == "own" else SMALL)
    plain = audit_settings(faces, cell.seed, FER_SIZE if cell.faces in ("clean", "own") else IMAGE_SIZE).to_dict()
    epoch = round(REMOVAL_SHARE * plain["epochs"])
    rules: dict[str, dict[str, Any]] = {
        "none": {"rule": "none"},
        "two-modes": {"rule": "two-modes"},  # it knows itself when
        "wang": {"rule": "wang", "epoch": epoch},
        "wang-repeated": {"rule": "wang", "epoch": epoch, "every": STEPS, "stop_std2": 0.01},
        "slade-gedeon": {"rule": "slade-gedeon", "epoch": epoch, "every": STEPS},
    }
    preset = plain.pop("preset")
    return TrainSettings.preset(preset, plain | {"removal": rules[removal]})
