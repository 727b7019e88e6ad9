"""Two heads on one backbone, and their training."""

import math
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR

from bimodal.emotions import NAMES
from bimodal.experiments.pretrain.augment import augment_faces
from bimodal.experiments.pretrain.recipe import EMOTIONS, Course, Recipe
from bimodal.models.face_net import FaceNet

_WARM_UP = 0.1  # share of the steps


class TwoHeads(nn.Module):
    """A backbone under two heads: `votes` says what taggers would, `own` what FER2013 would.

    Args:
        dropout: share of the pooled features that is set to zero in training.
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = FaceNet()
        self.dropout = nn.Dropout(dropout)
        self.votes = nn.Linear(self.backbone.num_features, len(EMOTIONS))
        self.own = nn.Linear(self.backbone.num_features, len(NAMES))

    def forward(self, grey: Tensor) -> tuple[Tensor, Tensor]:  # (B,1,S,S), 0 to 1 -> (B,8), (B,7)
        features = self.dropout(self.backbone.features(self.backbone.grey.normalise(grey)))
        return self.votes(features), self.own(features)


class PretrainModule(pl.LightningModule):
    """Trains `TwoHeads` for one course, on batches `{"picture", "votes", "own"}` and, where predictions_at_removal count, `votes_opinion` and
    `own_opinion`.

    Args:
        recipe: the numbers that all courses share.
        course: which.
        steps_before: of the courses before it.
    """

    def __init__(self, recipe: Recipe, course: Course, steps_before: int = 0) -> None:
        super().__init__()
        self.recipe, self.course, self.steps_before = recipe, course, steps_before
        self.model = TwoHeads(recipe.dropout).to(memory_format=torch.channels_last)
        self._sums: dict[str, Tensor] = {}

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        recipe = self.recipe
        # all that is drawn depends on (seed, step) alone: a resumed run draws what one would that was never interrupted
        seed = int(np.random.SeedSequence((recipe.seed, self.steps_before + self.global_step)).generate_state(1)[0])
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        images = augment_faces(batch["picture"], self.course.size(self.current_epoch), generator)
        votes, own = self.model(images.contiguous(memory_format=torch.channels_last))
        votes_part = votes_loss(votes, batch["votes"])
        own_part = cross_entropy(own, batch["own"], label_smoothing=recipe.smoothing)
        share = self.course.predictions_at_removal
        if share:  # the cross entropy is linear in its targets: this is that of the mixed ones
            votes_part = (1 - share) * votes_part + share * votes_loss(votes, batch["votes_opinion"])
            own_part = (1 - share) * own_part + share * cross_entropy(own, batch["own_opinion"])
        loss = (1 - self.course.own_share) * votes_part + self.course.own_share * own_part
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        votes, own = self.model(batch["picture"][:, None].float() / 255)
        counted = batch["votes"].sum(dim=1) > 0
        wanted = batch["votes"].argmax(dim=1)
        self._add("votes", (votes.argmax(dim=1) == wanted)[counted])
        self._add("own", own.argmax(dim=1) == batch["own"])

    def on_validation_epoch_end(self) -> None:
        shares = {name: float(both[0] / both[1].clamp(min=1)) for name, both in self._sums.items()}
        self.log_dict({f"val_{name}": share for name, share in shares.items()})
        self._sums = {}

    def configure_optimizers(self) -> Any:
        decayed = [p for p in self.parameters() if p.ndim > 1]
        plain = [p for p in self.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.course.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimizer, lambda step: rate_factor(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _add(self, name: str, right: Tensor) -> None:
        now = torch.stack([right.sum(), torch.tensor(len(right), device=right.device)])
        self._sums[name] = self._sums[name] + now if name in self._sums else now


def votes_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Return the cross entropy with the votes, the mean over the faces that have some.

    Args:
        logits: (B,8).
        shares: (B,8), of the votes; a row of zeros counts for nothing.
    """
    each = -(shares * logits.float().log_softmax(dim=1)).sum(dim=1)
    loss: Tensor = each.sum() / (shares.sum(dim=1) > 0).sum().clamp(min=1)
    return loss


def rate_factor(step: int, steps: int) -> float:
    """Return the learning rate of a step as a share of the highest: up for a tenth of the steps, then down as a cosine.

    >>> [round(rate_factor(step, 10), 2) for step in (0, 1, 5, 9)]
    [1.0, 1.0, 0.59, 0.03]
    """
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
