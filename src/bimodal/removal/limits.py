"""What removal must never do: take too much, or nearly empty a class."""

import numpy as np
from numpy.typing import NDArray


def spare(
    remove: NDArray[np.bool_],
    losses: NDArray[np.floating],
    labels: NDArray[np.integer],
    kept: NDArray[np.bool_],
    *,
    max_removed: int,
    min_per_class: int,
) -> NDArray[np.bool_]:
    """Return which of the examples that a rule would remove may go; those with the lowest losses are spared.

    All arrays are (N,), an entry for each example that has ever been in training.

    Args:
        remove: what the rule would remove; what is not in training any more is ignored.
        losses: the losses that the rule saw; the highest go first.
        labels: the class of each example.
        kept: who is still in training.
        max_removed: how many may still go in all.
        min_per_class: how many must stay in each class (a class that has fewer already loses none).

    >>> everyone = np.ones(4, dtype=bool)
    >>> spare(everyone, np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1]), everyone,
    ...       max_removed=3, min_per_class=1).tolist()
    [False, True, False, True]
    """
    remove = remove & kept
    allowed = np.zeros_like(remove)
    for label in np.unique(labels[remove]):
        room = int((kept & (labels == label)).sum()) - min_per_class
        rows = np.flatnonzero(remove & (labels == label))
        allowed[_highest(rows, losses, room)] = True
    rows = np.flatnonzero(allowed)
    capped = np.zeros_like(allowed)
    capped[_highest(rows, losses, max_removed)] = True
    return capped


def _highest(rows: NDArray[np.intp], losses: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    order = np.argsort(-losses[rows], kind="stable")  # stable: ties go by row, so the outcome is always the same
    return rows[order[: max(count, 0)]]
