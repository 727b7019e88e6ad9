"""Mean and standard deviation of losses, of all and of the upper mode, in double precision."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError

_CHUNK = 1 << 20


def moments(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the mean and the population standard deviation of `values` (N,); NaN for no values.

    Both are sums in the order of the array, computed without a double-precision copy of it.

    >>> moments(np.array([1.0, 3.0], dtype=np.float32))
    (2.0, 1.0)
    """
    if values.size == 0:
        return float("nan"), float("nan")
    mean = float(values.mean(dtype=np.float64))
    squares = 0.0
    for start in range(0, values.size, _CHUNK):
        deviation = values[start : start + _CHUNK].astype(np.float64) - mean
        squares += float(deviation @ deviation)
    return mean, float(np.sqrt(squares / values.size))


def upper_mode(losses: NDArray[np.floating]) -> tuple[float, float, float]:
    """Return M1, the mean of all losses (N,), and M2 and std2, mean and standard deviation of the losses above M1."""
    m1 = float(losses.mean(dtype=np.float64))
    return m1, *moments(losses[losses > m1])


def check_losses(losses: ArrayLike) -> NDArray[np.floating]:
    """Return losses as an array of floats.

    Raises:
        InputError: if they are not finite or not one-dimensional, or there are none.
    """
    values = np.asarray(losses)
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    if values.ndim != 1 or values.size == 0:
        raise InputError(f"losses must be one number for each example, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError(f"losses must be finite, but {int((~np.isfinite(values)).sum())} of {values.size} are not")
    return values
