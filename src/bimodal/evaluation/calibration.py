"""Temperature scaling: calibrate predicted probabilities with one number that is fitted on validation.

Guo et al. (2017), "On calibration of modern neural networks". Calibration does not change the predicted classes.
"""

import numpy as np
import scipy  # imports scipy.optimize on first use
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError

TEMPERATURES = (0.05, 20.0)
"""The range of a temperature."""
_PRIOR = 1.0  # weight of a penalty that keeps the temperature near 1 where there are few examples


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> float:
    """Return the temperature that minimises the cross entropy of the logits divided by it.

    Args:
        logits: logits or log probabilities, (N,K).
        targets: class codes, (N,), 0 to K - 1; or class shares, (N,K), such as shares of votes.

    Returns:
        The temperature, 0.05 to 20; above 1 if the network is overconfident; 1 if there is no example.

    Raises:
        InputError: the shapes do not fit, or a number is not finite.

    >>> overconfident = np.array([[9.0, 0], [9, 0], [9, 0], [0, 9]] * 25)
    >>> fit_temperature(overconfident, [0, 0, 1, 1] * 25) > 5
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
    """Return the log probabilities of logits, both (N,K)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
