"""Intervals and paired tests: how sure we are of an accuracy, and of a difference between two.

Everything takes arrays and gives frozen dataclasses. Accuracies are shares, 0 to 1; p-values are two-sided.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bimodal.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 2000
EXACT_SEEDS = 16
"""Up to 2^16 sign patterns are enumerated; beyond, as many are drawn."""
_CHUNK = 2_000_000
"""Numbers drawn at a time, so that memory does not grow with the examples."""


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; an infinite interval means that nothing is known of the spread."""

    value: float
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether the interval says anything."""
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test of two models on the same examples."""

    n: int
    only_a: int
    """Examples that only A gets right."""
    only_b: int
    p: float

    @property
    def difference(self) -> float:
        """Accuracy of B minus accuracy of A."""
        return (self.only_b - self.only_a) / self.n

    @property
    def discordance(self) -> float:
        """Share of the examples that exactly one of the two gets right."""
        return (self.only_a + self.only_b) / self.n


@dataclass(frozen=True)
class PairedSeeds:
    """Two conditions compared over seeds: each seed gives one difference."""

    n: int
    difference: Estimate
    p_t: float
    p_permutation: float

    @property
    def p_smallest(self) -> float:
        """The smallest p-value that the permutation test can reach with so few seeds."""
        return min(1.0, 2.0 ** (1 - self.n))


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate a share from counts, with Wilson's score interval.

    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    Args:
        successes: 0 to n.
        n: at least 1.
        confidence: of the interval, between 0 and 1; 0.95.

    Raises:
        InputError: for counts that are none.

    >>> estimate = wilson(91, 216)
    >>> f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
    '0.421 [0.357, 0.488]'
    """
    if not 0 <= successes <= n or n < 1:
        raise InputError(f"a share needs 0 <= successes <= n and n >= 1, got {successes} of {n}")
    interval = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high))


def percentile_interval(value: float, resampled: NDArray[np.float64]) -> Estimate:
    """Put the 95 % percentile interval of bootstrap values around a value.

    A biased statistic (the calibration error) can fall outside of its own percentiles; the interval is then
    widened to hold it.

    >>> percentile_interval(50.0, np.linspace(0.0, 100.0, 201)).high
    97.5
    """
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value)))


def resampled_indices(n: int, resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield bootstrap indices (rows, n), a bounded number of rows at a time, `resamples` rows in all."""
    rows = max(1, _CHUNK // n)
    for start in range(0, resamples, rows):
        yield rng.integers(0, n, size=(min(rows, resamples - start), n))


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Test whether two models differ on the same examples: McNemar (1947), in its exact form.

    Only examples that exactly one of the two gets right can tell them apart; if the two are equally good, each
    of these falls to either side like a coin.

    Args:
        correct_a: whether A is right, by example, (N,), N >= 1.
        correct_b: the same of B, in the same order.

    Raises:
        InputError: for shapes that do not fit.

    >>> mcnemar([True, True, True, False], [True, False, False, False]).p
    0.5
    """
    a, b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise InputError(f"expected two masks (N,) over the same examples, N >= 1, got {a.shape} and {b.shape}")
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    p = stats.binomtest(only_b, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(a.size, only_a, only_b, float(p))


def over_seeds(values: ArrayLike) -> Estimate:
    """Estimate a mean over seeds, with Student's t interval; a single seed leaves it infinite.

    >>> estimate = over_seeds([0.42, 0.44, 0.40])
    >>> f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]", over_seeds([0.42]).bounded
    ('0.42 [0.37, 0.47]', False)

    Raises:
        InputError: for no values, or values that are not finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise InputError(f"expected one finite value a seed, got {sample.tolist()}")
    mean = float(sample.mean())
    if sample.size == 1:
        return Estimate(mean, -math.inf, math.inf)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, sample.size - 1))
    reach = quantile * float(sample.std(ddof=1)) / math.sqrt(sample.size)
    return Estimate(mean, mean - reach, mean + reach)


def paired_over_seeds(a: ArrayLike, b: ArrayLike, seed: int = 0) -> PairedSeeds:
    """Test whether B differs from A over seeds: the paired t test, and the exact sign-flip permutation test.

    Without a difference between the two, the sign of each seed's difference is a coin; the permutation p is the
    share of all sign patterns whose mean is at least as far from 0. It assumes less than the t test, but with n
    seeds cannot fall below 2^(1-n): five seeds can never reach 0.05. Where all differences are equal, or there
    is one seed, there is no t test, and `p_t` is the permutation's.

    Args:
        a: a value a seed, (S,), S >= 1.
        b: the same of B, for the same seeds in the same order.
        seed: of the sign patterns that are drawn where there are more than 16 seeds.

    Raises:
        InputError: for shapes that do not fit.

    >>> test = paired_over_seeds([0.40, 0.41, 0.42, 0.40], [0.44, 0.46, 0.45, 0.43])
    >>> round(test.p_t, 3), test.p_permutation
    (0.004, 0.125)
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise InputError(f"expected the same seeds in both, got {first.shape} and {second.shape} values")
    difference = over_seeds(second - first)
    gains = second - first
    means = np.abs(_signs(gains.size, np.random.default_rng(seed)) @ gains) / gains.size
    rounding = 1e-12
    permuted = float((means >= abs(difference.value) - rounding).mean())
    spread = gains.size > 1 and float(gains.std()) > rounding
    p_t = float(stats.ttest_rel(second, first).pvalue) if spread else permuted
    return PairedSeeds(gains.size, difference, p_t, permuted)


def _signs(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """All patterns of n signs, (2^n, n), or as many random ones as are affordable, the observed one among them."""
    if n <= EXACT_SEEDS:
        return np.where(np.arange(2**n)[:, None] >> np.arange(n) & 1, -1.0, 1.0)
    signs = rng.choice(np.array([-1.0, 1.0]), size=(2**EXACT_SEEDS, n))
    signs[0] = 1.0
    return signs


def bootstrap_difference(correct_a: ArrayLike, correct_b: ArrayLike, seed: int = 0) -> tuple[Estimate, float]:
    """Estimate how much more accurate B is than A, by resampling both the examples and the seeds.

    The pigeonhole bootstrap (Owen 2007, "The pigeonhole bootstrap"): seeds and examples are drawn with
    replacement, each on their own, 2,000 times, A and B always together. The interval thus holds both for other
    faces of the same kind and for other seeds. With one seed it speaks of these two trained models only.

    Args:
        correct_a: whether A is right, by seed and example, (S, N); (N,) is one seed.
        correct_b: the same of B, for the same seeds and examples.
        seed: of the resampling.

    Returns:
        The difference in accuracy with its 95 % percentile interval, and the two-sided p-value: twice the share
        of resamples on the other side of 0. Where none of the 2,000 is, it is the tail of the normal distribution with
        the resamples' deviation, at most 1/2000: adjusted for many comparisons, a p-value that cannot be smaller
        would hide any difference.

    Raises:
        InputError: for shapes that do not fit.

    >>> a = [[True, False, False, False] * 50, [False, True, False, False] * 50]
    >>> b = [[True, True, False, True] * 50, [False, True, True, True] * 50]
    >>> difference, p = bootstrap_difference(a, b)
    >>> difference.value, difference.low > 0.3, p < 0.01
    (0.5, True, True)
    """
    a, b = np.atleast_2d(np.asarray(correct_a, dtype=bool)), np.atleast_2d(np.asarray(correct_b, dtype=bool))
    if a.ndim != 2 or a.shape != b.shape or a.size == 0:
        raise InputError(f"expected two masks (seeds, N) over the same examples, got {a.shape} and {b.shape}")
    gains = b.astype(np.float64) - a
    seeds, n = gains.shape
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES) / seeds
    resampled = np.empty(RESAMPLES)
    done = 0
    for picked in resampled_indices(n, RESAMPLES, rng):
        rows = slice(done, done + len(picked))
        resampled[rows] = np.take_along_axis(weights[rows] @ gains, picked, axis=1).mean(axis=1)
        done += len(picked)
    rounding = 1e-12
    tail = min((resampled <= rounding).mean(), (resampled >= -rounding).mean())
    p = min(1.0, 2 * float(tail))
    if p == 0:
        spread = max(float(resampled.std()), rounding)
        p = min(1 / RESAMPLES, 2 * float(stats.norm.sf(abs(float(gains.mean())) / spread)))
    return percentile_interval(float(gains.mean()), resampled), p


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for being several (Holm 1979): the smallest times their number, and so on.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = p.argsort(kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)).clip(max=1)
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return [float(value) for value in adjusted]


def mcnemar_power(n: int, discordance: float, difference: float, alpha: float = 1 - CONFIDENCE) -> float:
    """Compute the chance that the exact McNemar test finds a true difference.

    Args:
        n: examples.
        discordance: share of the examples that exactly one model gets right; at least |difference|.
        difference: true difference in accuracy.
        alpha: level of the test; 0.05.

    >>> round(mcnemar_power(216, 0.3, 0.1), 2)
    0.74
    """
    split = np.arange(n + 1)
    critical = stats.binom.ppf(alpha / 2, split, 0.5)
    # The largest count whose tail is at most alpha/2; where even 0 of m is not rare enough, -1: never rejected.
    critical = np.where(stats.binom.cdf(critical, split, 0.5) <= alpha / 2, critical, critical - 1)
    share = (discordance + abs(difference)) / (2 * discordance)
    found = stats.binom.cdf(critical, split, share) + stats.binom.sf(split - critical - 1, split, share)
    return float((stats.binom.pmf(split, n, discordance) * np.where(critical < 0, 0, found)).sum())


def detectable_difference(
    n: int, discordance: float, power: float = 0.8, alpha: float = 1 - CONFIDENCE
) -> float | None:
    """Find the smallest true difference that the exact McNemar test finds with a given power.

    Args:
        n: examples, at least 1.
        discordance: share of the examples that exactly one model gets right, as observed. A difference above it
            is taken to raise it: models that differ by d disagree on at least d.
        power: chance to find it; 0.8.
        alpha: level of the test; 0.05.

    Returns:
        A difference in accuracy, to within 0.0001, or `None` if the examples are too few for any.

    Raises:
        InputError: for n < 1 or a discordance outside [0, 1].

    >>> round(detectable_difference(216, 0.3), 2), detectable_difference(4, 0.5)
    (0.11, None)
    """
    if n < 1 or not 0 <= discordance <= 1:
        raise InputError(f"expected n >= 1 and a discordance in [0, 1], got {n} and {discordance}")

    def enough(difference: float) -> bool:
        return mcnemar_power(n, max(discordance, difference), difference, alpha) >= power

    low, high = 0.0, 1.0
    if not enough(high):
        return None
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
