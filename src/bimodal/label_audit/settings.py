"""The default recipe of an audit: a small network from random weights, which trains in minutes on a laptop."""

from collections.abc import Mapping
from typing import Any

from bimodal.training.settings import TrainSettings

IMAGE_SIZE = 48
_COMMON: dict[str, Any] = {
    "augment": "fast",
    "keep": "last",  # validation chooses nothing, so wrong validation labels do no harm
    "removal": "none",  # one training judges all labels
}
_BY_SIZE: tuple[tuple[int, dict[str, Any]], ...] = (
    (2_500, {"epochs": 16, "batch_size": 32, "lr": 2e-3}),
    (10_000, {"epochs": 10, "batch_size": 64, "lr": 3e-3}),
)
_LARGER: dict[str, Any] = {"epochs": 8, "batch_size": 128, "lr": 3e-3}


def audit_settings(
    faces: int, seed: int | None = None, image_size: int = IMAGE_SIZE, changes: Mapping[str, Any] | None = None
) -> TrainSettings:
    """Return the training settings of an audit: fewer epochs for more faces, so that no network memorises the labels.

    Args:
        faces: number of training faces.
        seed: random seed for weights, data order, augmentation and dropout; by default that of `changes`, or else 0.
        image_size: side of the network's input, in pixels.
        changes: settings that replace those of the recipe. With a `preset` among them, they change that preset instead.

    Raises:
        InputError: a change is unknown or outside its range.

    >>> audit_settings(891).epochs, audit_settings(50_000).batch_size
    (16, 128)
    >>> audit_settings(891, changes={"epochs": 3}).epochs, audit_settings(891, changes={"preset": "face"}).epochs
    (3, 15)
    """
    recipe = next((recipe for limit, recipe in _BY_SIZE if faces <= limit), _LARGER)
    batch_size = min(recipe["batch_size"], max(2, faces // 4))
    start = TrainSettings.preset("small", {**_COMMON, **recipe, "batch_size": batch_size, "image_size": image_size})
    return TrainSettings.load(changes={**(changes or {}), **({} if seed is None else {"seed": seed})}, start=start)
