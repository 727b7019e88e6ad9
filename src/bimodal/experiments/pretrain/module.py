"""The Lightning module of the pretraining: losses, optimiser and learning rate."""

import math
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR

from bimodal.experiments.pretrain.augment import augment_faces
from bimodal.experiments.pretrain.recipe import Recipe, Stage
from bimodal.experiments.pretrain.two_heads import TwoHeads

_WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


class PretrainModule(pl.LightningModule):
    """Trains `TwoHeads` for one stage, on the batches of `FaceBatches`.

    Args:
        recipe: the settings of all stages.
        stage: the stage.
        steps_before: number of steps in the stages before it.
    """

    def __init__(self, recipe: Recipe, stage: Stage, steps_before: int = 0) -> None:
        super().__init__()
        self.recipe, self.stage, self.steps_before = recipe, stage, steps_before
        self.model = TwoHeads(recipe.dropout).to(memory_format=torch.channels_last)
        self._sums: dict[str, Tensor] = {}

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        recipe = self.recipe
        # random state depends on (seed, step) only, so that a resumed training gives the same weights
        seed = int(np.random.SeedSequence((recipe.seed, self.steps_before + self.global_step)).generate_state(1)[0])
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        images = augment_faces(batch["picture"], self.stage.size(self.current_epoch), generator)
        votes, labels = self.model(images.contiguous(memory_format=torch.channels_last))
        of_votes = votes_loss(votes, batch["votes"])
        of_labels = cross_entropy(labels, batch["label"], label_smoothing=recipe.smoothing)
        share = self.stage.distill_share
        if share:  # cross-entropy is linear in its targets: this is the loss of the mixed targets
            of_votes = (1 - share) * of_votes + share * votes_loss(votes, batch["teacher_votes"])
            of_labels = (1 - share) * of_labels + share * cross_entropy(labels, batch["teacher_label"])
        loss = (1 - self.stage.label_share) * of_votes + self.stage.label_share * of_labels
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        votes, labels = self.model(batch["picture"][:, None].float() / 255)
        has_votes = batch["votes"].sum(dim=1) > 0
        self._count("votes", (votes.argmax(dim=1) == batch["votes"].argmax(dim=1))[has_votes])
        self._count("own", labels.argmax(dim=1) == batch["label"])

    def on_validation_epoch_end(self) -> None:
        accuracies = {f"val_{head}": float(sums[0] / sums[1].clamp(min=1)) for head, sums in self._sums.items()}
        self.log_dict(accuracies)
        self._sums = {}

    def configure_optimizers(self) -> Any:
        decayed = [p for p in self.parameters() if p.ndim > 1]
        plain = [p for p in self.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.stage.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimizer, lambda step: rate_factor(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _count(self, head: str, right: Tensor) -> None:
        """Add to the number of right predictions and the number of faces."""
        sums = torch.stack([right.sum(), torch.tensor(len(right), device=right.device)])
        self._sums[head] = self._sums[head] + sums if head in self._sums else sums


def votes_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Return the cross-entropy with the votes, averaged over the faces with votes.

    Args:
        logits: (B,8).
        shares: (B,8), of the votes; zeros for a face without votes.
    """
    each = -(shares * logits.float().log_softmax(dim=1)).sum(dim=1)
    loss: Tensor = each.sum() / (shares.sum(dim=1) > 0).sum().clamp(min=1)
    return loss


def rate_factor(step: int, steps: int) -> float:
    """Return the learning rate of a step as a share of the highest: a linear rise for a tenth of the steps, then a cosine.

    >>> [round(rate_factor(step, 10), 2) for step in (0, 1, 5, 9)]
    [1.0, 1.0, 0.59, 0.03]
    """
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
