"""The floor under every number: what is right without looking at any face."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.emotions import NAMES
from bimodal.errors import InputError


def majority(train_labels: ArrayLike, n: int) -> NDArray[np.float64]:
    """Predict the most frequent training label for each of n faces; of equally frequent ones the lowest code.

    Args:
        train_labels: codes 0 to 6, at least one.
        n: how many faces.

    Returns:
        Probabilities, (n,7), 0 and 1.

    Raises:
        InputError: no training labels, or what is no code.

    >>> majority([3, 5, 5], 2).argmax(axis=1)
    array([5, 5])
    """
    return _certain(np.full(n, _counts(train_labels).argmax()))


def guess(train_labels: ArrayLike, n: int, seed: int) -> NDArray[np.float64]:
    """Predict for each of n faces one of the emotions seen in training, each with the same chance.

    Args:
        train_labels: codes 0 to 6, at least one.
        n: how many faces.
        seed: of the guesses.

    Returns:
        Probabilities, (n,7), 0 and 1: a guess at 1/7 each would be no guess, but a tie.

    Raises:
        InputError: no training labels, or what is no code.

    >>> sorted(set(guess([3, 5, 5], 50, seed=0).argmax(axis=1).tolist()))
    [3, 5]
    """
    seen = np.flatnonzero(_counts(train_labels))
    return _certain(np.random.default_rng(seed).choice(seen, size=n))


def _counts(train_labels: ArrayLike) -> NDArray[np.int64]:
    codes = np.asarray(train_labels, dtype=np.int64)
    if codes.ndim != 1 or codes.size == 0 or codes.min() < 0 or codes.max() >= len(NAMES):
        raise InputError(
            f"expected training labels (n,), at least one, codes 0 to {len(NAMES) - 1}, got {np.unique(codes)}"
        )
    return np.bincount(codes, minlength=len(NAMES))


def _certain(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.eye(len(NAMES))[codes]
    return result
