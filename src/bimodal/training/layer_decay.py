"""Learning rates by stage of the backbone: the first stages of a pretrained network change least."""

from typing import Any

from timm.models import group_parameters
from torch import nn

from bimodal.errors import InputError
from bimodal.models import EmotionClassifier


def learning_rate_groups(model: EmotionClassifier, lr: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return groups of parameters for an optimiser: the head with rate `lr`, each stage below with a lower rate.

    The last stage of the backbone has `lr * layer_decay`, the one before `lr * layer_decay**2`, and so on (Howard & Ruder
    2018, "Universal language model fine-tuning"). A stage is what timm calls one: of a residual network all blocks of the same
    resolution, of a transformer a block.

    Raises:
        InputError: timm does not know the stages of this backbone.

    >>> model = EmotionClassifier("test_resnet", image_size=32)
    >>> [group["lr"] for group in learning_rate_groups(model, 1.0, 0.5)]
    [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]
    """
    backbone: Any = model.backbone
    if not hasattr(backbone, "group_matcher"):
        raise InputError(f"--layer-decay: {type(backbone).__name__} has no known stages; leave the option out")
    stage_of: dict[str, int] = group_parameters(backbone, backbone.group_matcher(coarse=True), reverse=True)
    stages: dict[int, list[nn.Parameter]] = {}
    for name, parameter in backbone.named_parameters():
        stages.setdefault(stage_of[name], []).append(parameter)
    groups = [{"params": list(model.head.parameters()), "lr": lr}]
    for depth, stage in enumerate(sorted(stages, reverse=True), start=1):
        groups.append({"params": stages[stage], "lr": lr * layer_decay**depth})
    return groups
