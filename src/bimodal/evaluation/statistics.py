"""Estimates with 95 % intervals, from arrays of outcomes. Accuracies are shares, 0 to 1."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 2000
MIN_SEEDS = 3
"""Fewer seeds give no useful t interval: that of two seeds is some nine times as wide as their distance."""
_CHUNK = 2_000_000
"""Numbers drawn at a time, so that memory does not grow with the examples."""


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; the ends are infinite where there are too few seeds for an interval."""

    value: float
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether the estimate has an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def wilson(successes: int, n: int) -> Estimate:
    """Estimate a share from counts, with Wilson's score interval.

    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    Raises:
        InputError: `successes` is outside of 0 to n, or n < 1.

    >>> estimate = wilson(91, 216)
    >>> f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
    '0.421 [0.357, 0.488]'
    """
    if not 0 <= successes <= n or n < 1:
        raise InputError(f"a share needs 0 <= successes <= n and n >= 1, got {successes} of {n}")
    from scipy import stats  # slow to import, and most commands compute no interval

    interval = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high))


def percentile_interval(value: float, resampled: NDArray[np.float64]) -> Estimate:
    """Return a value with the 95 % percentile interval of its bootstrap samples.

    A biased statistic (the calibration error) can fall outside of its own percentiles; the interval is then
    widened to contain it.

    >>> percentile_interval(50.0, np.linspace(0.0, 100.0, 201)).high
    97.5
    """
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value)))


def resampled_indices(n: int, resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield bootstrap indices (rows, n) in chunks of bounded size, `resamples` rows in total."""
    rows = max(1, _CHUNK // n)
    for start in range(0, resamples, rows):
        yield rng.integers(0, n, size=(min(rows, resamples - start), n))


def over_seeds(values: ArrayLike) -> Estimate:
    """Estimate a mean over seeds, (S,), with Student's t interval; infinite ends for fewer than three seeds.

    Raises:
        InputError: there is no value, or one is not finite.

    >>> estimate = over_seeds([0.42, 0.44, 0.40])
    >>> f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]", over_seeds([0.42, 0.44]).bounded
    ('0.42 [0.37, 0.47]', False)
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise InputError(f"expected one finite value for each seed, got {sample.tolist()}")
    mean = float(sample.mean())
    if sample.size < MIN_SEEDS:
        return Estimate(mean, -math.inf, math.inf)
    from scipy import stats

    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, sample.size - 1))
    reach = quantile * float(sample.std(ddof=1)) / math.sqrt(sample.size)
    return Estimate(mean, mean - reach, mean + reach)


def mean_accuracy(correct: NDArray[np.bool_]) -> Estimate:
    """Estimate an accuracy from masks (S, N): the mean over seeds with its t interval, or Wilson's for one seed.

    >>> mean_accuracy(np.array([[True, False]])).value
    0.5
    """
    if len(correct) == 1:
        return wilson(int(correct.sum()), correct.size)
    return over_seeds(correct.mean(axis=1))
