"""Limits of a removal: how many examples may be removed in all, and how many stay in each class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RemovalLimits:
    """How much may be removed.

    Attributes:
        max_share: largest share of the training examples that all removals together may remove, 0 to 1.
        min_per_class: number of examples that stay in each class; a class with fewer loses none.
    """

    max_share: float = 0.3
    min_per_class: int = 5


def apply_limits(
    remove: NDArray[np.bool_],
    scores: NDArray[np.floating],
    labels: NDArray[np.integer],
    kept: NDArray[np.bool_],
    limits: RemovalLimits,
) -> NDArray[np.bool_]:
    """Limit a removal: keep the examples with the lowest scores where a limit would be exceeded.

    Args:
        remove: (N,) bool, the examples to remove; those that are no longer in training are ignored.
        scores: (N,), losses or other scores; of equal scores the earlier example is removed first.
        labels: (N,), the class of each example; -1 for an example that was never in training.
        kept: (N,) bool, the examples that are still in training.
        limits: the limits.

    Returns:
        (N,) bool, the examples to remove within the limits.

    >>> all_four = np.ones(4, dtype=bool)
    >>> scores, labels = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1])
    >>> apply_limits(all_four, scores, labels, all_four, RemovalLimits(0.9, 1)).tolist()
    [False, True, False, True]
    """
    remove = remove & kept
    allowed = np.zeros_like(remove)
    for label in np.unique(labels[remove]):
        members = labels == label
        rows = np.flatnonzero(remove & members)
        allowed[_highest(rows, scores, int((kept & members).sum()) - limits.min_per_class)] = True
    trained = int((labels >= 0).sum())
    removed = trained - int(kept.sum())
    rows = _highest(np.flatnonzero(allowed), scores, int(limits.max_share * trained) - removed)
    within = np.zeros_like(remove)
    within[rows] = True
    return within


def _highest(rows: NDArray[np.intp], scores: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    order = np.argsort(-scores[rows], kind="stable")
    return rows[order[: max(count, 0)]]
