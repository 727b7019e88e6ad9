"""Two modes that can be seen: Silverman's test for more than one mode, and the valley between the two."""

import numpy as np
import scipy
from numpy.typing import NDArray

from bimodal.errors import InputError

_GRID, _STEPS, _SEED = 512, 20, 0
_DRAWS, _MOST_DRAWS = 200, 5000
_ROUNDING = 1e-9


def antimode(values: NDArray[np.floating], error: float = 0.05) -> float:
    """Return the lowest point between two modes; infinity where the values have only one.

    Silverman, "Using kernel density estimates to investigate multimodality", 1981: the more a density must be smoothed
    until it has a single mode, the less it has one. How much is usual is found by a smoothed bootstrap from that single
    mode. The test is for bell-shaped modes; skewed or heavy-tailed values raise more false alarms than stated.

    Args:
        values: (N,), finite.
        error: chance to find two modes where there is one, 0 to 1.

    Raises:
        InputError: for no values, or some that are not finite.

    >>> random = np.random.default_rng(0)
    >>> antimode(random.normal(size=500))
    inf
    >>> 1 < antimode(np.r_[random.normal(size=500), random.normal(5, 1, 200)]) < 4
    True
    """
    numbers: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or numbers.size == 0 or not np.isfinite(numbers).all():
        raise InputError(f"expected finite values, one for each example, got an array of shape {numbers.shape}")
    if not 0 < error < 1:
        raise InputError(f"error must lie between 0 and 1, got {error}")
    deviation = float(numbers.std())
    if deviation <= _ROUNDING * max(1.0, float(np.abs(numbers).max())):
        return float("inf")
    critical = _critical_width(numbers)
    random = np.random.default_rng(_SEED)
    shrink = 1 / np.sqrt(1 + (critical / deviation) ** 2)  # so that the draws have the variance of the numbers
    wider = 0
    draws = min(max(_DRAWS, int(2 / error)), _MOST_DRAWS)  # enough to tell chances as small as `error`
    for _ in range(draws):
        drawn = random.choice(numbers, numbers.size) + critical * random.normal(size=numbers.size)
        wider += _modes(*_histogram(numbers.mean() + shrink * (drawn - numbers.mean())), critical) > 1
    if (wider + 1) / (draws + 1) >= error:
        return float("inf")
    counts, centres = _histogram(numbers)
    density = _smooth(counts, centres, 0.98 * critical)  # just less than what makes them one
    peaks = _peaks(density)
    if len(peaks) < 2:  # on the edge of rounding
        return float("inf")
    low, high = sorted(peaks[np.argsort(density[peaks])[-2:]])
    density = _smooth(counts, centres, 0.5 * critical)  # smoothed as before, it lies at the foot of the lesser mode
    return float(centres[low + int(density[low : high + 1].argmin())])


def _critical_width(values: NDArray[np.float64]) -> float:
    """Return the least width of the kernel with which the density has one mode."""
    counts, centres = _histogram(values)
    low, high = 0.0, 2 * float(values.std())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _modes(counts, centres, middle) > 1 else (low, middle)
    return high


def _histogram(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    margin = 3 * float(values.std())
    counts, edges = np.histogram(values, _GRID, (values.min() - margin, values.max() + margin))
    return counts.astype(np.float64), (edges[1:] + edges[:-1]) / 2


def _smooth(counts: NDArray[np.float64], centres: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    sigma = max(width / (centres[1] - centres[0]), 1e-3)
    return np.asarray(
        scipy.ndimage.gaussian_filter1d(counts, sigma, mode="constant", truncate=6)
    )  # beyond the grid there is nothing


def _modes(counts: NDArray[np.float64], centres: NDArray[np.float64], width: float) -> int:
    return len(_peaks(_smooth(counts, centres, width)))


def _peaks(density: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return where the density falls after it has risen; a flat top counts once."""
    steps = np.diff(np.r_[0.0, density, 0.0])
    places = np.flatnonzero(np.abs(steps) > 1e-9 * density.max())
    turns = (steps[places[:-1]] > 0) & (steps[places[1:]] < 0)
    return np.asarray(places[1:][turns] - 1)
