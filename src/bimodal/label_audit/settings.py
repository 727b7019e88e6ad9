"""The training of an audit: a small network from random weights, in minutes on a laptop, as in the label-noise study."""

from typing import Any

from bimodal.training.settings import TrainSettings

IMAGE_SIZE = 48
_COMMON: dict[str, Any] = {
    "augment": "fast",
    "keep": "last",  # nothing is chosen by validation, so that wrong labels there do no harm
    "removal": "none",  # all labels are to be judged by the same training
}
_BY_SIZE: tuple[tuple[int, dict[str, Any]], ...] = (
    (2_500, {"epochs": 16, "batch_size": 32, "lr": 2e-3}),
    (10_000, {"epochs": 10, "batch_size": 64, "lr": 3e-3}),
)
_LARGER: dict[str, Any] = {"epochs": 8, "batch_size": 128, "lr": 3e-3}


def audit_settings(faces: int, seed: int = 0, image_size: int = IMAGE_SIZE) -> TrainSettings:
    """Return the recipe for so many training faces: fewer epochs for more, and none so many that labels are learnt by heart.

    >>> audit_settings(891).epochs, audit_settings(50_000).batch_size
    (16, 128)
    """
    sized = next((recipe for limit, recipe in _BY_SIZE if faces <= limit), _LARGER)
    small = {**sized, "batch_size": min(sized["batch_size"], max(2, faces // 4))}
    return TrainSettings.preset("small", {**_COMMON, **small, "seed": seed, "image_size": image_size})
