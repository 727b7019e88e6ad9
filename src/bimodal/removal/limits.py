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

    Return the positions of the examples to remove, highest score first; of equal scores the earlier example comes first. Those
    that are no longer `kept` in training are ignored; a label of -1 means that the example was never in training. All removals
    together take at most `max_share` of the training examples, and `min_per_class` examples stay in each class.

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
