"""Ensembles: averages of the predicted probabilities of several models."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError

_ROUNDS = 10_000
_CLOSE = 1e-6
_LEAST = 1e-12
"""Lower bound of the probability of a label, so that its log loss is finite."""


def average(
    probabilities: Sequence[ArrayLike] | NDArray[np.floating], weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the average (n,K) of the probabilities of M models, each (n,K), with equal weights or given ones.

    The weights (M,) are at least 0, and their sum is 1.

    Raises:
        InputError: shapes or weights do not fit, or a value is not a probability.

    >>> average([[[0.8, 0.2]], [[0.4, 0.6]]]).round(2).tolist()
    [[0.6, 0.4]]
    """
    models = _stack(probabilities)
    shares = np.full(len(models), 1 / len(models)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(models),) or not (shares >= 0).all() or not abs(shares.sum() - 1) <= 1e-6:
        raise InputError(f"expected {len(models)} weights, at least 0, with sum 1, got {shares.tolist()}")
    result: NDArray[np.float64] = np.einsum("m,mnk->nk", shares, models)
    return result


def fit_weights(probabilities: Sequence[ArrayLike] | NDArray[np.floating], labels: ArrayLike) -> NDArray[np.float64]:
    """Return the weights with which the average has the lowest log loss, to within 1e-6.

    The weights are the shares of a mixture with known components. Each iteration multiplies the weight of a model by the mean
    ratio of its probability to the average, which never raises the loss. The largest of these ratios minus 1 bounds the
    remaining gain (Cover 1984, An algorithm for maximizing expected log investment return).

    `probabilities` are those of M models, each (n,K), on faces that no model was trained on; `labels` (n,) are codes 0 to
    K - 1. The weights (M,) are at least 0, and their sum is 1; equal models get equal weights.

    Raises:
        InputError: shapes do not fit, a label is out of range, or a value is not a probability.

    >>> fit_weights([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.5, 0.5]]], [0, 1]).round(2).tolist()
    [1.0, 0.0]
    """
    models, codes = _stack(probabilities), np.asarray(labels, dtype=np.int64)
    if codes.shape != models.shape[1:2] or codes.size == 0:
        raise InputError(f"expected a label for each of {models.shape[1]} faces, at least one, got {codes.shape}")
    if codes.min() < 0 or codes.max() >= models.shape[2]:
        raise InputError(f"labels must be codes 0 to {models.shape[2] - 1}, got {codes.min()} to {codes.max()}")
    given = np.maximum(models[:, np.arange(codes.size), codes], _LEAST)  # (M,n): probability of the label
    weights: NDArray[np.float64] = np.full(len(models), 1 / len(models))
    for _ in range(_ROUNDS):
        gain = (given / (weights @ given)).mean(axis=1)  # (M,)
        if gain.max() - 1 <= _CLOSE:
            break
        weights = weights * gain
    return np.asarray(weights / weights.sum())


def _stack(probabilities: Sequence[ArrayLike] | NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the probabilities as (M,n,K); the sums of the rows are not checked, because files hold rounded values."""
    arrays = [np.asarray(one, dtype=np.float64) for one in probabilities]
    shapes = sorted({one.shape for one in arrays})
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise InputError(f"expected one or more models' probabilities (n,K), all of one shape, got {shapes}")
    models = np.stack(arrays)
    if not ((models >= 0) & (models <= 1 + 1e-6)).all():
        raise InputError("probabilities must be from 0 to 1; some are not, or are not numbers")
    return models
