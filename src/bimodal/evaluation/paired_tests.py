"""Paired tests: whether two models, or two conditions over several seeds, differ. P-values are two-sided."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bimodal.errors import InputError
from bimodal.evaluation.statistics import RESAMPLES, Estimate, over_seeds, percentile_interval, resampled_indices

EXACT_SEEDS = 16
"""Up to 2^16 sign patterns are enumerated; for more seeds, as many are drawn at random."""
_ROUNDING = 1e-12
_ALPHA, _POWER = 0.05, 0.8


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test of two models on n examples, of which some are right only by A, some only by B."""

    n: int
    only_a: int
    only_b: int
    p: float

    @property
    def discordance(self) -> float:
        """Share of the examples that exactly one of the two gets right."""
        return (self.only_a + self.only_b) / self.n


@dataclass(frozen=True)
class PairedSeeds:
    """Tests of two conditions over n seeds, where each seed gives one difference."""

    n: int
    p_t: float
    p_permutation: float

    @property
    def p_smallest(self) -> float:
        """The smallest p-value that the permutation test can give with this number of seeds."""
        return min(1.0, 2.0 ** (1 - self.n))


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Test whether two models differ on the same examples: the exact test of McNemar (1947).

    Of the examples that exactly one model gets right, each belongs to A or to B with the same probability if the models
    are equally good.

    Args:
        correct_a, correct_b: whether A and B are right, by example, (N,), N >= 1, in the same order.

    Raises:
        InputError: the shapes do not fit.

    >>> mcnemar([True, True, True, False], [True, False, False, False]).p
    0.5
    """
    a, b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise InputError(f"expected two masks (N,) over the same examples, N >= 1, got {a.shape} and {b.shape}")
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    p = stats.binomtest(only_b, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(a.size, only_a, only_b, float(p))


def paired_over_seeds(a: ArrayLike, b: ArrayLike, seed: int = 0) -> PairedSeeds:
    """Test whether B differs from A over seeds: the paired t test, and the exact sign-flip permutation test.

    If A and B do not differ, the sign of each seed's difference is random; the permutation p-value is the share of all
    sign patterns whose mean is at least as far from 0. It assumes less than the t test, but with n seeds it is at least
    2^(1-n): five seeds cannot reach 0.05. If all differences are equal, or there is one seed, the t test is undefined
    and `p_t` is the permutation p-value.

    Args:
        a, b: a value for each seed, (S,), S >= 1, for the same seeds in the same order.
        seed: random seed for the sign patterns that are drawn if there are more than 16 seeds.

    Raises:
        InputError: the shapes do not fit.

    >>> test = paired_over_seeds([0.40, 0.41, 0.42, 0.40], [0.44, 0.46, 0.45, 0.43])
    >>> round(test.p_t, 3), test.p_permutation
    (0.004, 0.125)
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise InputError(f"expected the same seeds in both, got {first.shape} and {second.shape} values")
    gains = second - first
    mean = over_seeds(gains).value
    means = np.abs(_signs(gains.size, np.random.default_rng(seed)) @ gains) / gains.size
    permuted = float((means >= abs(mean) - _ROUNDING).mean())
    spread = gains.size > 1 and float(gains.std()) > _ROUNDING
    p_t = float(stats.ttest_rel(second, first).pvalue) if spread else permuted
    return PairedSeeds(gains.size, p_t, permuted)


def _signs(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return all patterns of n signs, (2^n, n); for many seeds random ones, of which the first is the observed one."""
    if n <= EXACT_SEEDS:
        return np.where(np.arange(2**n)[:, None] >> np.arange(n) & 1, -1.0, 1.0)
    signs = rng.choice(np.array([-1.0, 1.0]), size=(2**EXACT_SEEDS, n))
    signs[0] = 1.0
    return signs


def bootstrap_difference(correct_a: ArrayLike, correct_b: ArrayLike, seed: int = 0) -> tuple[Estimate, float]:
    """Estimate how much more accurate B is than A, by resampling both the examples and the seeds.

    The pigeonhole bootstrap (Owen 2007, "The pigeonhole bootstrap"): seeds and examples are drawn with replacement,
    independently of each other, 2,000 times, A and B together. The interval therefore holds for other examples of the
    same kind and for other seeds. With one seed it holds for these two trained models only.

    Args:
        correct_a, correct_b: whether A and B are right, by seed and example, (S, N); (N,) is one seed.
        seed: random seed for the resampling.

    Returns:
        The difference in accuracy with its 95 % percentile interval, and the two-sided p-value: twice the share of
        resamples on the other side of 0. If there is none, the p-value is the tail of a normal distribution with the
        resamples' standard deviation, at most 1/2000; a larger one would stay above 0.05 once it is adjusted for many
        comparisons.

    Raises:
        InputError: the shapes do not fit.

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
    resampled, done = np.empty(RESAMPLES), 0
    for picked in resampled_indices(n, RESAMPLES, rng):
        rows = slice(done, done := done + len(picked))
        resampled[rows] = np.take_along_axis(weights[rows] @ gains, picked, axis=1).mean(axis=1)
    tail = min((resampled <= _ROUNDING).mean(), (resampled >= -_ROUNDING).mean())
    p = min(1.0, 2 * float(tail))
    if p == 0:
        spread = max(float(resampled.std()), _ROUNDING)
        p = min(1 / RESAMPLES, 2 * float(stats.norm.sf(abs(float(gains.mean())) / spread)))
    return percentile_interval(float(gains.mean()), resampled), p


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of several comparisons (Holm 1979): the smallest times their number, and so on.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = p.argsort(kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)).clip(max=1)
    return [float(value) for value in adjusted]


def mcnemar_power(n: int, discordance: float, difference: float) -> float:
    """Return the probability that the exact McNemar test at the level of 0.05 finds a true difference in accuracy.

    Exactly one model gets a share `discordance` of the n examples right; it is at least |difference|.

    >>> round(mcnemar_power(216, 0.3, 0.1), 2)
    0.74
    """
    split = np.arange(n + 1)
    critical = stats.binom.ppf(_ALPHA / 2, split, 0.5)
    # The largest count whose tail is at most alpha/2; -1 if there is none: the test never rejects.
    critical = np.where(stats.binom.cdf(critical, split, 0.5) <= _ALPHA / 2, critical, critical - 1)
    share = (discordance + abs(difference)) / (2 * discordance)
    found = stats.binom.cdf(critical, split, share) + stats.binom.sf(split - critical - 1, split, share)
    return float((stats.binom.pmf(split, n, discordance) * np.where(critical < 0, 0, found)).sum())


def detectable_difference(n: int, discordance: float) -> float | None:
    """Find the smallest true difference that the exact McNemar test at the level of 0.05 finds in 80 of 100 cases.

    The result is within 0.0001; None if there are too few examples for any. The observed share of the n examples that
    exactly one model gets right, `discordance`, is raised to the difference where that is larger: models whose
    accuracies differ by d disagree on at least a share d.

    Raises:
        InputError: n < 1, or the discordance is outside 0 to 1.

    >>> round(detectable_difference(216, 0.3), 2), detectable_difference(4, 0.5)
    (0.11, None)
    """
    if n < 1 or not 0 <= discordance <= 1:
        raise InputError(f"expected n >= 1 and a discordance in [0, 1], got {n} and {discordance}")

    def enough(difference: float) -> bool:
        return mcnemar_power(n, max(discordance, difference), difference) >= _POWER

    low, high = 0.0, 1.0
    if not enough(high):
        return None
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
