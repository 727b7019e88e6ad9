"""Networks: a backbone by its timm name, the paper's head, and pretrained weights."""

from bimodal.models.classifier import EmotionClassifier, Stage, describe
from bimodal.models.head import build_head

__all__ = ["EmotionClassifier", "Stage", "build_head", "describe"]
