"""Ensembles: the average of what several models say."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError

_ROUNDS = 500
_CLOSE = 1e-7


def average(probabilities: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """Average the probabilities of several models, with equal weights or given ones.

    Args:
        probabilities: (M,n,K), of M models.
        weights: (M,), at least 0, adding up to 1.

    Returns:
        (n,K)

    Raises:
        InputError: shapes or weights that do not fit.

    >>> average([[[0.8, 0.2]], [[0.4, 0.6]]]).round(2).tolist()
    [[0.6, 0.4]]
    """
    models = np.asarray(probabilities, dtype=np.float64)
    if models.ndim != 3 or len(models) == 0:
        raise InputError(f"expected the probabilities of at least one model, (M,n,K), got {models.shape}")
    shares = np.full(len(models), 1 / len(models)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(models),) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise InputError(f"expected {len(models)} weights that add up to 1, got {shares.tolist()}")
    result: NDArray[np.float64] = np.einsum("m,mnk->nk", shares, models)
    return result


def fit_weights(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return the weights whose average gives the labels the highest likelihood.

    They are the shares of a mixture whose components are known, found by expectation and maximisation (Dempster,
    Laird and Rubin 1977), which starts from equal weights and never lowers the likelihood.

    Args:
        probabilities: (M,n,K), on faces that no model was trained on.
        labels: (n,), codes.

    Returns:
        (M,), at least 0, adding up to 1.

    Raises:
        InputError: shapes that do not fit.

    >>> fit_weights([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.5, 0.5]]], [0, 1]).round(2).tolist()
    [1.0, 0.0]
    """
    models, codes = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if models.ndim != 3 or codes.shape != models.shape[1:2] or models.size == 0:
        raise InputError(f"expected (M,n,K) probabilities and (n,) labels, got {models.shape} and {codes.shape}")
    given = np.maximum(models[:, np.arange(codes.size), codes], 1e-12)  # (M,n): what each gives to the label
    weights: NDArray[np.float64] = np.full(len(models), 1 / len(models))
    for _ in range(_ROUNDS):
        shares = weights[:, None] * given
        new = (shares / shares.sum(axis=0)).mean(axis=1)
        if np.abs(new - weights).max() < _CLOSE:
            break
        weights = new
    return np.asarray(weights / weights.sum())
