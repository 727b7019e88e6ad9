"""Balance for rare emotions: weights of the classes in the loss, or a sampler that draws the classes equally often."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Subset, WeightedRandomSampler

from bimodal.training.sampler import BatchShareSampler


def class_weights(labels: ArrayLike, classes: int) -> NDArray[np.float32]:
    """Return a weight for each class, (C,): inversely proportional to its number of examples; the mean over examples is 1.

    Args:
        labels: (N,), 0 to `classes` - 1.
        classes: C. A class without examples has weight 1.

    >>> [round(weight, 2) for weight in class_weights([0, 0, 0, 1], 3).tolist()]
    [0.67, 2.0, 1.0]
    """
    given = np.asarray(labels)
    counts = np.bincount(given, minlength=classes)
    weights = len(given) / (np.maximum(counts, 1) * max(1, int((counts > 0).sum())))
    return np.where(counts > 0, weights, 1).astype(np.float32)


class BalancedSampler(BatchShareSampler):
    """Draws the examples of an epoch with replacement, each class equally often on average.

    An epoch has as many examples as the dataset. The draw depends on (seed, epoch) only, and each process has its share.

    Args:
        dataset: a subset of a dataset that has `labels` (N,).
        *options, **named: those of `BatchShareSampler`.
    """

    def __init__(self, dataset: Subset[Any], *options: Any, **named: Any) -> None:
        super().__init__(dataset, *options, **named)
        labels = np.asarray(dataset.dataset.labels)[dataset.indices]  # type: ignore[attr-defined]
        self._weights = class_weights(labels, int(labels.max()) + 1)[labels]

    def order(self) -> NDArray[np.int64]:
        sampler = WeightedRandomSampler(self._weights.tolist(), len(self._weights), generator=self._generator())
        return np.array(list(sampler), dtype=np.int64)
