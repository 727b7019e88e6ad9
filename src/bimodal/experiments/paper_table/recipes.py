"""What each deep method trains, at its full size and at the quick one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bimodal.training.settings import TrainSettings

STAGE_ONE = "stage-one"
"""The first of two stages: the backbone of `two-stage`, trained on the larger set."""

_REMOVAL = {"resnet50-bdr", "two-stage-bdr", "two-stage-face-s-bdr"}
_FULL: dict[str, dict[str, Any]] = {
    "resnet50": {},
    "vgg16": {"backbone": "vgg16.tv_in1k"},
    "inception-v3": {"backbone": "inception_v3.tv_in1k", "image_size": 299},
}
"""The paper's recipe; each network at its own input size."""
_SHORT = {"image_size": 64, "epochs": 15}
_QUICK: dict[str, dict[str, Any]] = {
    "resnet50": _SHORT,
    # VGG's two layers of 4,096 would be 119 million weights for some hundred faces
    "vgg16": {
        "backbone": "vgg11_bn",
        "backbone_options": {"mlp_ratio": 1 / 64},
        "image_size": 32,
        "batch_size": 32,
        "lr": 2e-4,
        "epochs": 8,
    },
    "inception-v3": {**_SHORT, "backbone": "inception_next_atto", "lr": 1e-3, "epochs": 10},
}
"""Changes to the `small` preset: small relatives of the networks, from random weights, on small pictures."""
QUICK_REMOVAL_SHARE = 0.6
"""From random weights the removal comes after this share of the epochs: before, wrong labels do not stand out."""
QUICK_LARGER, QUICK_LARGER_VAL, QUICK_LARGER_EPOCHS = 6000, 1000, 10
"""How much of the larger set the first stage sees at quick sizes, and how often."""
FACE_SCRATCH_EPOCHS = 30
"""Of the packaged network from random weights: twice those of the one that has seen faces."""


def settings_for(
    method: str, seed: int, quick: bool, files: Mapping[str, str] | None = None, stage_one: Path | None = None
) -> TrainSettings:
    """Return the settings of a deep method.

    Args:
        method: a name of `bimodal.experiments.paper_table.methods.METHODS` that trains a deep network, or `STAGE_ONE`.
        seed: of the run.
        quick: small networks from random weights, for a laptop.
        files: files of pretrained weights in place of the hub's, by method: `{"resnet50": "resnet50.pth"}`.
        stage_one: weights of the first of two stages.

    >>> settings_for("resnet50-bdr", 1, quick=False).removal.epoch, settings_for("vgg16", 0, quick=True).backbone
    (6, 'vgg11_bn')
    """
    rule = "wang" if method in _REMOVAL else "none"
    if method == "face-s-scratch":  # it begins with less, and is given more
        fresh = {"seed": seed, "pretrained": False, "epochs": FACE_SCRATCH_EPOCHS, "removal": rule}
        return TrainSettings.preset("face", fresh)
    if "face-s" in method:  # small as it is at any size of study
        return TrainSettings.preset("face", {"seed": seed, "removal": rule})
    base = method if method in _FULL else "resnet50"
    changes = dict((_QUICK if quick else _FULL)[base])
    changes["seed"] = seed
    removal: dict[str, Any] = {"rule": rule}
    if quick:
        changes["epochs"] = QUICK_LARGER_EPOCHS if method == STAGE_ONE else changes["epochs"]
        removal["epoch"] = round(QUICK_REMOVAL_SHARE * changes["epochs"])
    if method == "resnet50-scratch":
        changes["pretrained"] = False
    elif method.startswith("two-stage"):
        changes["weights"] = str(stage_one)
    elif not quick and files and base in files:
        changes["weights"] = files[base]
    return TrainSettings.preset("small" if quick else "paper", {**changes, "removal": removal})


def network_in_words(settings: TrainSettings, two_stages: bool = False) -> str:
    """Say what is trained, for the table.

    >>> network_in_words(settings_for("resnet50", 0, quick=True))
    'test_resnet, 64 px, from random weights'
    """
    if two_stages:
        start = "from the larger set"
    elif settings.weights:
        start = f"from {Path(settings.weights).name}"
    else:
        start = "pretrained" if settings.pretrained else "from random weights"
    return f"{settings.backbone}, {settings.image_size} px, {start}"
