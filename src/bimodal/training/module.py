"""The LightningModule of the paper's training: cross entropy, Adam, and the loss of each example."""

import math
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.models import EmotionClassifier
from bimodal.training.batch_augmentation import augment_batch


class EmotionModule(pl.LightningModule):
    """Trains an `EmotionClassifier` on batches `{"image", "label", "index"}`.

    `training_step` returns `loss`, `sample_loss` (B,) and `logits` (B,7). The last two are computed without dropout: the
    head alone runs a second time on the pooled features, so no second pass over the backbone is needed.

    The optimiser is Adam; `schedule` is `constant` (as in the paper) or `cycle`, see `learning_rate_factor`. Dropout and batch
    augmentation of a step depend on (seed, step, process) only. With `augment`, `augment_batch` changes each training batch.

    Raises:
        InputError: in a training step whose loss is not finite.
    """

    def __init__(
        self,
        model: EmotionClassifier,
        lr: float = 1e-4,
        schedule: str = "constant",
        seed: int = 0,
        augment: bool = False,
    ) -> None:
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)
        self.lr, self.schedule, self.seed, self.augment = lr, schedule, seed, augment
        self.val_loss = MeanMetric()
        self.val_accuracy = MulticlassAccuracy(len(NAMES), average="micro")

    def forward(self, images: Tensor) -> Tensor:  # (B,3,S,S) -> (B,7)
        logits: Tensor = self.model(images)
        return logits

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # Seeded by the step, so that a resumed run draws the same numbers as an uninterrupted one.
        seed = np.random.SeedSequence((self.seed, self.global_step, self.global_rank)).generate_state(1)[0]
        torch.manual_seed(int(seed))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        labels = batch["label"]
        # Batch norm cannot compute statistics of a single face (the last batch may have one): use the running ones.
        self.model.backbone.train(len(labels) > 1)
        images = augment_batch(batch["image"]) if self.augment else batch["image"]
        features = self.model.backbone(images)  # (B,F)
        self.model.backbone.train()
        loss = cross_entropy(self.model.head(features), labels)
        if not torch.isfinite(loss):
            raise InputError(
                f"the loss became {loss.item()} at step {self.global_step + 1} (epoch {self.current_epoch + 1}); "
                f"try a lower --lr than {self.lr:g}; the last finished epoch is kept"
            )
        logits = self._logits_without_dropout(features.detach())
        return {"loss": loss, "sample_loss": cross_entropy(logits, labels, reduction="none"), "logits": logits}

    @torch.no_grad()
    def _logits_without_dropout(self, features: Tensor) -> Tensor:
        self.model.head.eval()
        logits: Tensor = self.model.head(features).float()
        self.model.head.train()
        return logits

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        logits = self(batch["image"]).float()
        self.val_loss.update(cross_entropy(logits, batch["label"], reduction="none"))
        self.val_accuracy.update(logits, batch["label"])

    def on_validation_epoch_end(self) -> None:
        self.log_dict({"val_loss": self.val_loss.compute(), "val_accuracy": self.val_accuracy.compute()})
        self.val_loss.reset()
        self.val_accuracy.reset()

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr, fused=True)
        if self.schedule == "constant":
            return optimizer
        epochs = self.trainer.max_epochs or 1
        return [optimizer], [LambdaLR(optimizer, lambda epoch: learning_rate_factor(epoch, epochs))]


def learning_rate_factor(epoch: int, epochs: int) -> float:
    """Return the learning rate of an epoch as a share of the highest: it rises for a fifth of the epochs, then falls.

    This is the schedule of Smith & Topin (2018), "Super-convergence", by epochs instead of steps, because removal changes
    the number of steps in an epoch. It would reach 0 after the last epoch. `epoch` counts from 0.

    >>> [round(learning_rate_factor(epoch, 10), 2) for epoch in range(10)]
    [0.5, 1.0, 0.97, 0.88, 0.75, 0.59, 0.41, 0.25, 0.12, 0.03]
    """
    rising = max(1, epochs // 5)
    if epoch < rising:
        return (epoch + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (epoch - rising + 1) / (epochs - rising + 1)))
