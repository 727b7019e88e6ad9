"""Mean and standard deviation of losses, of all and of the upper mode, in double precision."""

import math

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
        return math.nan, math.nan
    mean = float(values.mean(dtype=np.float64))
    squares = 0.0
    for start in range(0, values.size, _CHUNK):
        deviation = values[start : start + _CHUNK].astype(np.float64) - mean
        squares += float(deviation @ deviation)
    return mean, math.sqrt(squares / values.size)


def upper_mode(losses: ArrayLike, k: float) -> tuple[NDArray[np.floating], tuple[float, float, float, float]]:
    """Return the losses (N,) as floats, and the threshold M2 + k·std2 with M1, M2 and std2.

    M1 is the mean of all losses, M2 and std2 are the mean and the standard deviation of the losses above M1. Without losses
    above M1 the threshold is infinity.

    Raises:
        InputError: the losses are not finite or not one-dimensional, or there are none.
    """
    values = np.asarray(losses)
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    if values.ndim != 1 or values.size == 0:
        raise InputError(f"losses must be one number for each example, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError(f"losses must be finite, but {int((~np.isfinite(values)).sum())} of {values.size} are not")
    m1 = float(values.mean(dtype=np.float64))
    m2, std2 = moments(values[values > m1])
    return values, (math.inf if math.isnan(m2) else m2 + k * std2, m1, m2, std2)
