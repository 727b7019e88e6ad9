"""Probabilities that mean what they say: one temperature, fitted on validation.

Guo et al., On calibration of modern neural networks, 2017: of the ways to calibrate a network the simplest, and as good
as any; it changes no decision.
"""

import numpy as np
import scipy  # its parts are loaded when first used
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.model_files.info import TEMPERATURES

_PRIOR = 1.0  # faces' worth of belief that the temperature is 1: a handful of faces, all right, asks for 0


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> float:
    """Return the temperature by which logits are divided for the least cross entropy.

    Args:
        logits: (N,K), or log probabilities, which differ from logits by nothing that matters here.
        targets: (N,), whole numbers from 0 to K - 1; or (N,K), shares that each class has in the votes.

    Returns:
        From 0.05 to 20; above 1 where the network was too sure. 1 without any example.

    Raises:
        InputError: the shapes do not fit, or a number is not finite.

    >>> sure = np.array([[9.0, 0], [9, 0], [9, 0], [0, 9]] * 25)
    >>> fit_temperature(sure, [0, 0, 1, 1] * 25) > 5
    True
    """
    logits, targets = np.asarray(logits, dtype=np.float64), np.asarray(targets)
    if logits.ndim != 2 or targets.shape not in (logits.shape, logits.shape[:1]):
        raise InputError(f"expected logits (N,K) and targets (N,) or (N,K), got {logits.shape} and {targets.shape}")
    if not np.isfinite(logits).all() or not np.isfinite(targets).all():
        raise InputError("logits and targets must be finite")
    if not len(logits):
        return 1.0
    shares = targets if targets.ndim == 2 else np.eye(logits.shape[1])[targets]
    low, high = np.log(TEMPERATURES)

    def loss(log_temperature: float) -> float:
        entropy = -(shares * log_softmax(logits / np.exp(log_temperature))).sum()
        return float(entropy + _PRIOR * log_temperature**2)

    return float(
        np.exp(scipy.optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-4}).x)
    )


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return log probabilities, (N,K), of logits (N,K)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
