"""The LightningModule of the paper's training: cross entropy, Adam, and the loss of each example."""

import math
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy
from torchvision.transforms.v2 import MixUp

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.models import EmotionClassifier
from bimodal.training.batch_augmentation import augment_batch
from bimodal.training.batch_share import BatchShare
from bimodal.training.layer_decay import learning_rate_groups
from bimodal.training.sampler import BatchShareSampler
from bimodal.training.whole_batch import as_whole_batch, gather_batch, sum_over_processes


class EmotionModule(pl.LightningModule):
    """Trains an `EmotionClassifier` on batches `{"image", "label", "index"}`.

    `training_step` returns `loss`, `sample_loss` (B,) and `logits` (B,7). The last two are computed without dropout: the
    head alone runs a second time on the pooled features, so no second pass over the backbone is needed. It also returns
    `batch_loss`, `batch_accuracy` and `batch_size` of the batch over all processes; `loss` is scaled so that its mean over the
    processes, by which gradients are averaged, is `batch_loss`.

    The optimiser is Adam; `schedule` is `constant` (as in the paper) or `cycle`, see `learning_rate_factor`. Dropout, batch
    augmentation and mixup of a step depend on (seed, step) only. With several processes and a `BatchShareSampler`, each computes
    its share of a batch so that loss, gradients and batch norm are those of the whole batch on one process.

    `sample_loss` is always the plain cross entropy of the given label, without label smoothing and class weights. With mixup,
    it is measured on the faces before they are mixed: the whole network runs a second time on them, in evaluation mode and
    without gradients.

    Args:
        model: the classifier.
        lr: the highest learning rate, that of the head.
        schedule: `constant` or `cycle`.
        seed: random seed.
        augment: change each training batch with `augment_batch`.
        layer_decay: each stage of the backbone has the learning rate of the stage above times this factor.
        label_smoothing: share of each label that is spread over all classes (Szegedy et al. 2016).
        mixup: parameter of the Beta distribution of the mixing shares (Zhang et al. 2018); 0: off.
        class_weights: (K,), weights of the classes in the loss; None: equal weights.
        mirror: in validation, average the logits of each face and its mirror image.

    Raises:
        InputError: in a training step whose loss is not finite, or for a backbone without stages and a `layer_decay` below 1.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        model: EmotionClassifier,
        lr: float = 1e-4,
        schedule: str = "constant",
        seed: int = 0,
        augment: bool = False,
        *,
        layer_decay: float = 1.0,
        label_smoothing: float = 0.0,
        mixup: float = 0.0,
        class_weights: NDArray[np.float32] | None = None,
        mirror: bool = False,
    ) -> None:
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)
        self.lr, self.schedule, self.seed, self.augment = lr, schedule, seed, augment
        self.layer_decay, self.label_smoothing, self.mirror = layer_decay, label_smoothing, mirror
        weights = None if class_weights is None else torch.from_numpy(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)
        self.mix = MixUp(alpha=mixup, num_classes=list(model.head.children())[-1].out_features) if mixup else None
        self.val_loss = MeanMetric()
        self.val_accuracy = MulticlassAccuracy(len(NAMES), average="micro")

    def forward(self, images: Tensor) -> Tensor:  # (B,3,S,S) -> (B,7)
        logits: Tensor = self.model(images)
        return logits

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # Seeded by the step, so that a resumed run draws the same numbers as an uninterrupted one, and all processes the same.
        seed = np.random.SeedSequence((self.seed, self.global_step)).generate_state(1)[0]
        torch.manual_seed(int(seed))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Any]:
        labels, share = batch["label"], self._share(batch_idx, len(batch["label"]))
        # Batch norm cannot compute statistics of a single face (the last batch may have one): use the running ones.
        self.model.backbone.train(share.count > 1)
        with as_whole_batch(share):
            images = augment_batch(batch["image"], share) if self.augment else batch["image"]
            inputs, targets = self._mixed(images, labels, share) if self.mix else (images, labels)
            features = self.model.backbone(inputs)  # (B,F)
            self.model.backbone.train()
            logits = self.model.head(features)
        loss = cross_entropy(logits, targets, self.class_weights, label_smoothing=self.label_smoothing)
        loss = loss * self._scale(targets, share)
        logits = self._logits_without_dropout(self._features_unmixed(images) if self.mix else features.detach())
        accuracy = (logits.argmax(dim=1) == labels).float().mean() * share.scale
        batch_loss, batch_accuracy = sum_over_processes(torch.stack([loss.detach(), accuracy])) / share.processes
        if not torch.isfinite(batch_loss):
            raise InputError(
                f"the loss became {batch_loss.item()} at step {self.global_step + 1} (epoch {self.current_epoch + 1}); "
                f"try a lower --lr than {self.lr:g}; the last finished epoch is kept"
            )
        of_batch = {"batch_loss": batch_loss, "batch_accuracy": batch_accuracy, "batch_size": share.count}
        sample_loss = cross_entropy(logits, labels, reduction="none")
        return {"loss": loss, "sample_loss": sample_loss, "logits": logits, **of_batch}

    def _share(self, batch_idx: int, size: int) -> BatchShare:
        """Return which examples of the batch over all processes this process has."""
        sampler = getattr(self.trainer.train_dataloader, "sampler", None) if self._trainer is not None else None
        if isinstance(sampler, BatchShareSampler) and sampler.num_replicas > 1:
            return sampler.share(batch_idx)
        return BatchShare(0, size, size)

    def _mixed(self, images: Tensor, labels: Tensor, share: BatchShare) -> tuple[Tensor, Tensor]:
        """Return the share of the mixtures of the whole batch, and of their labels (B,7): a face is mixed with its neighbour."""
        assert self.mix is not None
        inputs, targets = self.mix(gather_batch(images, share), gather_batch(labels, share))
        return inputs[share.start : share.stop], targets[share.start : share.stop]

    def _scale(self, targets: Tensor, share: BatchShare) -> Tensor | float:
        """Return the factor by which the mean loss of the share counts in that of the batch."""
        if self.class_weights is None or targets.is_floating_point() or share.processes == 1:
            return share.scale
        weight = (
            self.class_weights[targets].sum() * share.weight
        )  # PyTorch's mean is weighted by the class of each label
        return share.processes * weight / sum_over_processes(weight)

    @torch.no_grad()
    def _logits_without_dropout(self, features: Tensor) -> Tensor:
        self.model.head.eval()
        logits: Tensor = self.model.head(features).float()
        self.model.head.train()
        return logits

    @torch.no_grad()
    def _features_unmixed(self, images: Tensor) -> Tensor:
        self.model.backbone.eval()  # with its running statistics, which a second training pass would change
        features: Tensor = self.model.backbone(images)
        self.model.backbone.train()
        return features

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        # Not in bf16: it changed 8 % of the predictions of an EfficientNet-Lite0, and `evaluate` does not round either.
        with torch.autocast(self.device.type, enabled=False):
            logits = logits_of(self, batch["image"], self.mirror)
        self.val_loss.update(cross_entropy(logits, batch["label"], reduction="none"))
        self.val_accuracy.update(logits, batch["label"])

    def on_validation_epoch_end(self) -> None:
        self.log_dict({"val_loss": self.val_loss.compute(), "val_accuracy": self.val_accuracy.compute()})
        self.val_loss.reset()
        self.val_accuracy.reset()

    def configure_optimizers(self) -> Any:
        groups = (
            self.parameters() if self.layer_decay == 1 else learning_rate_groups(self.model, self.lr, self.layer_decay)
        )
        optimizer = torch.optim.Adam(groups, lr=self.lr, fused=True)
        if self.schedule == "constant":
            return optimizer
        epochs = self.trainer.max_epochs or 1
        return [optimizer], [LambdaLR(optimizer, lambda epoch: learning_rate_factor(epoch, epochs))]


def logits_of(model: nn.Module, images: Tensor, mirror: bool = False) -> Tensor:
    """Return logits (B,K) of pictures (B,3,S,S); with `mirror`, the mean of those of each picture and its mirror image."""
    logits: Tensor = model(images)
    return (logits + model(images.flip(3))) / 2 if mirror else logits


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
