"""The numbers of the pretraining."""

from dataclasses import dataclass

from bimodal.emotions import NAMES
from bimodal.settings import check_range, option

EMOTIONS = (*NAMES, "contempt")
"""What FERPlus's taggers could choose; FER2013 knows the first seven."""
TEMPLATE = ((0.32, 0.378), (0.68, 0.378), (0.5, 0.588), (0.352, 0.747), (0.648, 0.747))
"""Where FER2013's faces have eyes, nose and corners of the mouth on average, in parts of the side: measured with YuNet on
1,347 of its training faces, and made symmetric."""


@dataclass(frozen=True)
class Course:
    """Some epochs with one rise and fall of the learning rate.

    Attributes:
        start: epochs before it.
        epochs: of its own.
        lr: the highest learning rate.
        first_size, last_size: side of the augmented faces, in pixels, at its beginning and its end.
        own_share: of the loss, what FER2013's own labels have; the rest is the votes'.
        predictions_at_removal: share of the targets that what the network said at the end of the course before has.
    """

    start: int
    epochs: int
    lr: float
    first_size: int
    last_size: int
    own_share: float
    predictions_at_removal: float = 0.0

    def size(self, epoch: int) -> int:
        """Return the side of the augmented faces in an epoch of the course (from 0), a multiple of 4.

        >>> [Course(0, 5, 3e-3, 24, 40, 0.35).size(epoch) for epoch in range(5)]
        [24, 28, 36, 40, 40]
        """
        share = min(1.0, epoch / max(1, 0.75 * (self.epochs - 1)))
        return 4 * round((self.first_size + share * (self.last_size - self.first_size)) / 4)


@dataclass(frozen=True)
class Recipe:
    """How to pretrain; the packaged network's own numbers are in the `config.yaml` beside it.

    Raises:
        InputError: a number is out of its range.
    """

    epochs: int = option(32, "passes over the training faces, from random weights")
    again: int = option(36, "more passes, whose targets are mixed with what the network said after the first; 0: none")
    batch_size: int = option(128, "faces a step")
    lr: float = option(3e-3, "highest learning rate of AdamW")
    again_lr: float = option(2e-3, "highest learning rate of the second course")
    weight_decay: float = option(0.05, "of AdamW, on matrices and filters")
    again_opinions: float = option(0.3, "share of those predictions_at_removal in the targets of the second course")
    first_size: int = option(24, "pixels a side of the augmented faces at the beginning; they grow with the epochs")
    last_size: int = option(40, "pixels a side at the end of the first course, where the second begins")
    again_size: int = option(44, "pixels a side at the end of the second course")
    own_share: float = option(0.35, "of the loss, what FER2013's own labels have; the rest is the votes'")
    again_own_share: float = option(0.6, "the same in the second course")
    smoothing: float = option(0.1, "label smoothing of FER2013's own labels, of which a third are disputed")
    dropout: float = option(0.2, "of the pooled features")
    average: float = option(0.998, "share of the old in the running average of the weights, by step")
    seed: int = option(0, "of weights, order and augmentation")

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 1, 10_000, whole=True)
        check_range("again", self.again, 0, 10_000, whole=True)
        check_range("batch_size", self.batch_size, 2, 8192, whole=True)
        check_range("lr", self.lr, 1e-9, 10)
        check_range("again_lr", self.again_lr, 1e-9, 10)
        check_range("again_opinions", self.again_opinions, 0, 1)
        check_range("weight_decay", self.weight_decay, 0, 10)
        check_range("first_size", self.first_size, 24, 64, whole=True)
        check_range("last_size", self.last_size, self.first_size, 64, whole=True)
        check_range("again_size", self.again_size, 24, 64, whole=True)
        check_range("own_share", self.own_share, 0, 1)
        check_range("again_own_share", self.again_own_share, 0, 1)
        check_range("smoothing", self.smoothing, 0, 0.9)
        check_range("dropout", self.dropout, 0, 0.9)
        check_range("average", self.average, 0, 0.99999)
        check_range("seed", self.seed, 0, 2**31 - 1, whole=True)

    @property
    def courses(self) -> tuple[Course, ...]:
        """The courses, one after the other."""
        first = Course(0, self.epochs, self.lr, self.first_size, self.last_size, self.own_share)
        if not self.again:
            return (first,)
        sizes = self.last_size, self.again_size
        return (
            first,
            Course(self.epochs, self.again, self.again_lr, *sizes, self.again_own_share, self.again_opinions),
        )
