"""The settings of the pretraining, and its stages."""

from dataclasses import dataclass

from bimodal.settings import check_fields, check_range, option

TEMPLATE = ((0.32, 0.378), (0.68, 0.378), (0.5, 0.588), (0.352, 0.747), (0.648, 0.747))
"""Mean position of eyes, nose and corners of the mouth in FER2013's faces, as fractions of the side: measured with YuNet on
1,347 of its training faces, and made symmetric."""


@dataclass(frozen=True)
class Stage:
    """Some epochs with one cycle of the learning rate.

    Attributes:
        start: number of epochs before the stage.
        epochs: number of its epochs.
        lr: highest learning rate.
        first_size, last_size: side of the augmented faces at its beginning and its end, in pixels.
        label_share: share of the loss for FER2013's labels; the rest is for the votes.
        distill_share: share of the previous stage's predicted probabilities in the targets.
    """

    start: int
    epochs: int
    lr: float
    first_size: int
    last_size: int
    label_share: float
    distill_share: float = 0.0

    def size(self, epoch: int) -> int:
        """Return the side of the augmented faces in an epoch of the stage (from 0), a multiple of 4.

        >>> [Stage(0, 5, 3e-3, 24, 40, 0.35).size(epoch) for epoch in range(5)]
        [24, 28, 36, 40, 40]
        """
        share = min(1.0, epoch / max(1, 0.75 * (self.epochs - 1)))
        return 4 * round((self.first_size + share * (self.last_size - self.first_size)) / 4)


@dataclass(frozen=True)
class Recipe:
    """The settings of the pretraining; the defaults are those of the packaged network.

    Raises:
        InputError: a number is out of its range.
    """

    epochs: int = option(32, "epochs of the first stage, from random weights", 1, 10_000)
    distill_epochs: int = option(
        36,
        "epochs of the second stage, which trains on the first stage's predictions, too; 0: no second stage",
        0,
        10_000,
    )
    batch_size: int = option(128, "faces a step", 2, 8192)
    lr: float = option(3e-3, "highest learning rate of AdamW in the first stage", 1e-9, 10)
    distill_lr: float = option(2e-3, "highest learning rate of AdamW in the second stage", 1e-9, 10)
    weight_decay: float = option(0.05, "weight decay of AdamW, on weight matrices and filters", 0, 10)
    distill_share: float = option(
        0.3, "share of the first stage's predictions in the targets of the second stage", 0, 1
    )
    first_size: int = option(
        24, "side of the augmented faces in the first epoch, in pixels; it grows with the epochs", 24, 64
    )
    last_size: int = option(40, "side of the augmented faces at the end of the first stage, in pixels", 24, 64)
    distill_size: int = option(44, "side of the augmented faces at the end of the second stage, in pixels", 24, 64)
    label_share: float = option(
        0.35, "share of the loss for FER2013's labels in the first stage; the rest is for FERPlus's votes", 0, 1
    )
    distill_label_share: float = option(0.6, "share of the loss for FER2013's labels in the second stage", 0, 1)
    smoothing: float = option(0.1, "label smoothing of FER2013's labels, a third of which the votes contradict", 0, 0.9)
    dropout: float = option(0.2, "dropout of the pooled features", 0, 0.9)
    average: float = option(
        0.998, "share of the previous value in the running average of the weights, each step", 0, 0.99999
    )
    seed: int = option(0, "random seed for weights, data order, augmentation and dropout", 0, 2**31 - 1)

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("last_size", self.last_size, self.first_size, 64, whole=True)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages, in their order."""
        first = Stage(0, self.epochs, self.lr, self.first_size, self.last_size, self.label_share)
        sizes = self.last_size, self.distill_size
        shares = self.distill_label_share, self.distill_share
        second = Stage(self.epochs, self.distill_epochs, self.distill_lr, *sizes, *shares)
        return (first, second) if self.distill_epochs else (first,)
