"""Baselines: predictions that do not use the pictures."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.classical.checks import check_codes
from bimodal.emotions import NAMES
from bimodal.errors import InputError


def majority(train_labels: ArrayLike, n: int) -> NDArray[np.float64]:
    """Predict the most frequent training label for each of n faces; in a tie, the label with the lowest code.

    Returns probabilities, (n,7), each 0 or 1.

    Raises:
        InputError: there are no training labels, or one is not a code, 0 to 6.

    >>> majority([3, 5, 5], 2).argmax(axis=1)
    array([5, 5])
    """
    return _one_hot(np.full(n, _counts(train_labels).argmax()))


def uniform_guess(train_labels: ArrayLike, n: int, seed: int) -> NDArray[np.float64]:
    """Predict for each of n faces a random emotion of the training set; all have the same probability.

    Returns probabilities, (n,7), each 0 or 1.

    Raises:
        InputError: there are no training labels, or one is not a code, 0 to 6.

    >>> sorted(set(uniform_guess([3, 5, 5], 50, seed=0).argmax(axis=1).tolist()))
    [3, 5]
    """
    return _one_hot(np.random.default_rng(seed).choice(np.flatnonzero(_counts(train_labels)), size=n))


def _counts(train_labels: ArrayLike) -> NDArray[np.int64]:
    codes = np.asarray(train_labels, dtype=np.int64)
    if codes.ndim != 1 or codes.size == 0:
        raise InputError(f"expected at least one training label, codes 0 to 6, got an array of shape {codes.shape}")
    check_codes(codes)
    return np.bincount(codes, minlength=len(NAMES))


def _one_hot(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.eye(len(NAMES))[codes])
