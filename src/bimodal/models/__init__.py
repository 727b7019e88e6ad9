"""Networks: a backbone by its timm name, the paper's head, and pretrained weights."""

from bimodal.models.classifier import EmotionClassifier, describe

__all__ = ["EmotionClassifier", "describe"]
