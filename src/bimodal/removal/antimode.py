"""Silverman's test for more than one mode, and the antimode: the lowest point of the density between two modes."""

import numpy as np
import scipy
from numpy.typing import NDArray

from bimodal.errors import InputError

_BINS, _BISECTIONS, _SEED = 512, 20, 0
_MIN_DRAWS, _MAX_DRAWS = 200, 5000
_ROUNDING = 1e-9


def antimode(values: NDArray[np.floating], alpha: float = 0.05) -> float:
    """Return the antimode between the two highest modes of `values`; infinity if the test finds only one mode.

    Silverman, "Using kernel density estimates to investigate multimodality", 1981: the statistic is the smallest
    bandwidth of a kernel density estimate that has one mode; its distribution under the null hypothesis of one mode
    comes from a smoothed bootstrap. The test assumes bell-shaped modes; skewed or heavy-tailed values exceed the
    stated error.

    Raises:
        InputError: for no values, values that are not finite, or an `alpha`, the significance level, outside 0 to 1.

    >>> random = np.random.default_rng(0)
    >>> antimode(random.normal(size=500))
    inf
    >>> 1 < antimode(np.r_[random.normal(size=500), random.normal(5, 1, 200)]) < 4
    True
    """
    numbers: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or numbers.size == 0 or not np.isfinite(numbers).all():
        raise InputError(f"expected finite values, one for each example, got an array of shape {numbers.shape}")
    if not 0 < alpha < 1:
        raise InputError(f"alpha must lie between 0 and 1, got {alpha}")
    deviation = float(numbers.std())
    if deviation <= _ROUNDING * max(1.0, float(np.abs(numbers).max())):
        return float("inf")
    critical = _critical_bandwidth(numbers)
    random = np.random.default_rng(_SEED)
    shrink = 1 / np.sqrt(1 + (critical / deviation) ** 2)  # gives the draws the variance of the values
    exceeding = 0
    draws = min(max(_MIN_DRAWS, int(2 / alpha)), _MAX_DRAWS)  # enough to estimate a p-value as small as alpha
    for _ in range(draws):
        drawn = random.choice(numbers, numbers.size) + critical * random.normal(size=numbers.size)
        counts, centres = _histogram(numbers.mean() + shrink * (drawn - numbers.mean()))
        exceeding += len(_peaks(_smooth(counts, centres, critical))) > 1
    if (exceeding + 1) / (draws + 1) >= alpha:
        return float("inf")
    counts, centres = _histogram(numbers)
    density = _smooth(counts, centres, 0.98 * critical)  # just below the critical bandwidth: two modes
    peaks = _peaks(density)
    if len(peaks) < 2:  # by rounding
        return float("inf")
    low, high = sorted(peaks[np.argsort(density[peaks])[-2:]])
    # At the critical bandwidth the lowest point lies at the foot of the lesser mode; half of it places it better.
    density = _smooth(counts, centres, 0.5 * critical)
    return float(centres[low + int(density[low : high + 1].argmin())])


def _critical_bandwidth(values: NDArray[np.float64]) -> float:
    """Return the smallest bandwidth with which the density has one mode, by bisection."""
    counts, centres = _histogram(values)
    low, high = 0.0, 2 * float(values.std())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if len(_peaks(_smooth(counts, centres, middle))) > 1 else (low, middle)
    return high


def _histogram(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    margin = 3 * float(values.std())
    counts, edges = np.histogram(values, _BINS, (values.min() - margin, values.max() + margin))
    return counts.astype(np.float64), (edges[1:] + edges[:-1]) / 2


def _smooth(counts: NDArray[np.float64], centres: NDArray[np.float64], bandwidth: float) -> NDArray[np.float64]:
    sigma = max(bandwidth / (centres[1] - centres[0]), 1e-3)
    return np.asarray(scipy.ndimage.gaussian_filter1d(counts, sigma, mode="constant", truncate=6))


def _peaks(density: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return where the density falls after it has risen, ignoring changes of rounding; a flat top counts once."""
    steps = np.diff(np.r_[0.0, density, 0.0])
    places = np.flatnonzero(np.abs(steps) > 1e-9 * density.max())
    turns = (steps[places[:-1]] > 0) & (steps[places[1:]] < 0)
    return np.asarray(places[1:][turns] - 1)
