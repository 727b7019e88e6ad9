"""Log-odds of the best other class against the given label: the score of the rule two-modes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError


def check_pred_probs(
    pred_probs: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return log probabilities (N, K) of the K classes that occur as labels, the labels (N,) among them, and the classes (K,).

    A class that never occurs as a label cannot be suggested either; its probability is distributed over the others.

    Raises:
        InputError: for shapes that do not fit, labels outside 0 to C - 1, or values that are not probabilities.
    """
    probs, given = np.asarray(pred_probs, dtype=np.float64), np.asarray(labels)
    if probs.ndim != 2 or probs.shape[1] < 2 or given.shape != probs.shape[:1] or not len(given):
        raise InputError(
            "expected labels of shape (N,) and predicted probabilities of shape (N, C) with at least two classes, "
            f"got shapes {given.shape} and {probs.shape}"
        )
    if given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= probs.shape[1]:
        raise InputError(f"labels must be whole numbers from 0 to {probs.shape[1] - 1}")
    if not np.isfinite(probs).all() or (probs < 0).any() or not (probs.sum(axis=1) > 0).all():
        raise InputError("predicted probabilities must be finite, none below 0, and not all 0 for an example")
    classes = np.unique(given).astype(np.int64)
    if len(classes) < 2:
        classes = np.arange(probs.shape[1])
    probs = probs[:, classes]
    probs = np.where(probs.sum(axis=1, keepdims=True) > 0, probs, 1.0)
    logs = np.log(np.maximum(probs / probs.sum(axis=1, keepdims=True), 1e-12))
    return logs, np.searchsorted(classes, given).astype(np.int64), classes


def log_odds(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, K): for each example and label, the log-odds of the best other class against that label."""
    ranked = np.sort(logs, axis=1)
    first, second = ranked[:, -1:], ranked[:, -2:-1]
    return np.asarray(np.where(logs == first, second, first) - logs)


def best_other(logs: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the most probable class other than the label, and its probability, each (N,)."""
    others = np.where(np.arange(logs.shape[1]) == labels[:, None], -np.inf, logs)
    best = others.argmax(axis=1)
    return best, np.exp(others[np.arange(len(labels)), best])


def is_only_rare(logs: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (N,): whether the label would be the most probable class if all classes were equally frequent."""
    balanced = logs - np.log(np.exp(logs).mean(axis=0))
    return np.asarray(log_odds(balanced)[np.arange(len(labels)), labels] <= 0)
