"""The training settings of a cell: a small network from random weights, as an audit trains it."""

from typing import Any

from bimodal.experiments.label_noise.cells import SMALL, Cell
from bimodal.label_audit.settings import IMAGE_SIZE, AuditSettings, audit_settings
from bimodal.training.settings import TrainSettings

_FACES = {"own": 27_000, "public-own": 2_200}
"""About the number of training faces of the sets of all faces, where the settings differ from those of 891 faces."""
FER_SIZE = 40
"""Image size for FER2013, whose faces have 48 pixels; 40 pixels cost a third less at the same accuracy."""
REMOVAL_SHARE, REMOVAL_INTERVAL = 0.6, 2
"""Rules on losses remove after this share of the epochs; the repeated ones again after every so many epochs."""


def settings_of(cell: Cell, rule: str = "none") -> TrainSettings:
    """Return the training settings of a cell.

    Args:
        cell: the training set.
        rule: `none`, `two-modes`, `wang`, `wang-repeated` or `slade-gedeon`.

    >>> settings_of(Cell("clean", SMALL, "symmetric", 0.2, "", 0), "wang").removal.epoch
    10
    """
    faces = cell.size or _FACES.get(cell.faces, SMALL)
    image_size = IMAGE_SIZE if cell.faces in ("drawn", "photographs") else FER_SIZE
    plain = audit_settings(faces, image_size=image_size, changes={"seed": cell.seed}).to_dict()
    epoch = round(REMOVAL_SHARE * plain["epochs"])
    removals: dict[str, dict[str, Any]] = {
        "none": {"rule": "none"},
        "two-modes": {"rule": "two-modes"},  # it has its own epoch
        "wang": {"rule": "wang", "epoch": epoch},
        "wang-repeated": {"rule": "wang", "epoch": epoch, "every": REMOVAL_INTERVAL, "stop_std2": 0.01},
        "slade-gedeon": {"rule": "slade-gedeon", "epoch": epoch, "every": REMOVAL_INTERVAL},
    }
    return TrainSettings.preset(plain.pop("preset"), {**plain, "removal": removals[rule]})


def thorough_settings(cell: Cell) -> TrainSettings:
    """Return the settings of the training in a thorough audit."""
    return AuditSettings("thorough", seed=cell.seed).training(cell.size or _FACES.get(cell.faces, SMALL))
