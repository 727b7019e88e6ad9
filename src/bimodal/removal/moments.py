"""Mean and standard deviation in double precision, without a double-precision copy of the losses."""

import numpy as np
from numpy.typing import NDArray

_CHUNK = 1 << 20


def moments(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the mean and the population standard deviation of `values` (N,).

    Both are sums in the order of the array, so they do not depend on how the losses arrived. For no values
    at all both are NaN.

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
