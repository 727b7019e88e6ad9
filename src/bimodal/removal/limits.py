"""Limits of a removal: how many examples may be removed in all, and how many stay in each class."""

import numpy as np
from numpy.typing import NDArray


def apply_limits(
    remove: NDArray[np.bool_],
    scores: NDArray[np.floating],
    labels: NDArray[np.integer],
    kept: NDArray[np.bool_],
    max_share: float,
    min_per_class: int,
) -> NDArray[np.intp]:
    """Limit a removal: keep the examples with the lowest scores where a limit would be exceeded.

    Args:
        remove: (N,) bool, the examples to remove; those that are no longer in training are ignored.
        scores: (N,), losses or other scores; of equal scores the earlier example is removed first.
        labels: (N,), the class of each example; -1 for an example that was never in training.
        kept: (N,) bool, the examples that are still in training.
        max_share: largest share of the training examples that all removals together may remove, 0 to 1.
        min_per_class: number of examples that stay in each class; a class with fewer loses none.

    Returns:
        (R,), the positions of the examples to remove within the limits, highest score first.

    >>> all_four = np.ones(4, dtype=bool)
    >>> scores, labels = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1])
    >>> apply_limits(all_four, scores, labels, all_four, max_share=0.9, min_per_class=1).tolist()
    [3, 1]
    """
    remove = remove & kept
    allowed = np.zeros_like(remove)
    for label in np.unique(labels[remove]):
        members = kept & (labels == label)
        allowed[_highest(remove & members, scores, int(members.sum()) - min_per_class)] = True
    trained = int((labels >= 0).sum())
    removed = trained - int(kept.sum())
    return _highest(allowed, scores, int(max_share * trained) - removed)


def _highest(mask: NDArray[np.bool_], scores: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    rows = np.flatnonzero(mask)
    return rows[np.argsort(-scores[rows], kind="stable")[: max(count, 0)]]
