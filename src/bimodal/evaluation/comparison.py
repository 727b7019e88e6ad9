"""The comparison of two conditions on the same examples, and the sentence that says what may be concluded from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from bimodal.evaluation.paired_tests import (
    McNemar,
    PairedSeeds,
    bootstrap_difference,
    detectable_difference,
    holm,
    mcnemar,
    paired_over_seeds,
)
from bimodal.evaluation.statistics import Estimate

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """Conditions A (the baseline) and B on the same n examples, in pairs of runs.

    Attributes:
        seeds: the seeds of A and B in each pair of runs.
        difference: accuracy of B minus accuracy of A, with the interval over examples and seeds.
        p: one pair: exact McNemar test. Several: the larger of the p-values of the paired t test over seeds and of the
            bootstrap over examples and seeds, so that neither source of chance explains the difference.
        p_holm: `p`, adjusted where several comparisons are read together.
        detectable: the smallest true difference that one pair of runs finds on these examples in 80 of 100 cases; None
            if there are too few examples for any.
    """

    a: str
    b: str
    seeds: tuple[tuple[int, int], ...]
    n: int
    difference: Estimate
    p: float
    p_holm: float
    by_seed: tuple[McNemar, ...]
    over_seeds: PairedSeeds
    detectable: float | None

    @property
    def found(self) -> bool:
        """Whether the difference is significant at the level of 0.05."""
        return self.p_holm < LEVEL

    @property
    def conclusion(self) -> str:
        """What may be concluded; if nothing, how large a difference could have been found.

        >>> print(compare([True] * 60 + [False] * 40, [True] * 62 + [False] * 38, "none", "wang").conclusion)
        No difference can be concluded: wang is 2.0 points more accurate than none on these 100 examples with one seed, \
which chance alone can explain (p = 0.50). On 100 examples, one pair of runs finds a true difference in 80 of 100 \
cases if it is at least 7.8 points.
        """
        gain, low, high = (100 * end for end in (self.difference.value, self.difference.low, self.difference.high))
        interval = f"95 % interval {low:+.1f} to {high:+.1f} points"
        p = _p(self.p_holm)
        seeds = "one seed" if len(self.seeds) == 1 else f"{len(self.seeds)} seeds"
        scope = f"on these {self.n:,} examples with {seeds}"
        size = f"{self.b} is {abs(gain):.1f} points {'more' if gain > 0 else 'less'} accurate than {self.a} {scope}"
        if self.found:
            sentence = f"Significant difference: {size} ({interval}; {p})."
            if len(self.seeds) == 1:
                sentence += (
                    " It holds for these two trained models; several seeds show whether it holds for the method."
                )
            return sentence
        if round(abs(gain), 1) == 0:
            why = f"{self.b} and {self.a} are equally accurate {scope} ({p})"
        elif self.p < LEVEL:
            why = f"{size}, which is significant alone ({_p(self.p)}), but not among several comparisons (adjusted {p})"
        else:
            why = f"{size}, which chance alone can explain ({p})"
        sentence = f"No difference can be concluded: {why}."
        if len(self.seeds) > 1 and high > low:
            sentence += f" The 95 % interval of the difference is {low:+.1f} to {high:+.1f} points."
        if self.detectable is None:
            return f"{sentence} So few examples cannot show any difference."
        return (
            f"{sentence} On {self.n:,} examples, one pair of runs finds a true difference in 80 of 100 cases if it is at"
            f" least {100 * self.detectable:.1f} points."
        )


def compare(
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    a: str = "A",
    b: str = "B",
    seeds: Sequence[tuple[int, int]] | None = None,
) -> Comparison:
    """Compare two conditions whose runs are paired, usually by seed.

    Args:
        correct_a: whether A is right, by pair and example, (S, N); (N,) is one pair.
        correct_b: the same of B, for the same examples in the same order.
        a, b: names of the conditions; A is the baseline.
        seeds: the seeds of A and B in each pair, (S,); by default 0 to S - 1.

    Raises:
        InputError: the shapes do not fit.

    >>> comparison = compare([True] * 60 + [False] * 40, [True] * 62 + [False] * 38)
    >>> comparison.p, comparison.found
    (0.5, False)
    """
    right_a, right_b = (np.atleast_2d(np.asarray(one, dtype=bool)) for one in (correct_a, correct_b))
    difference, p_bootstrap = bootstrap_difference(right_a, right_b)
    count, n = right_a.shape
    by_seed = tuple(mcnemar(*pair) for pair in zip(right_a, right_b, strict=True))
    paired = paired_over_seeds(right_a.mean(axis=1), right_b.mean(axis=1))
    p = by_seed[0].p if count == 1 else max(paired.p_t, p_bootstrap)
    discordance = float(np.mean([test.discordance for test in by_seed]))
    pairs = tuple(seeds) if seeds is not None else tuple(zip(range(count), range(count), strict=True))
    detectable = detectable_difference(n, discordance)
    return Comparison(a, b, pairs, n, difference, p, p, by_seed, paired, detectable)


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Adjust the p-values of comparisons that are read together (Holm)."""
    p_values = holm([comparison.p for comparison in comparisons])
    return [replace(comparison, p_holm=p) for comparison, p in zip(comparisons, p_values, strict=True)]


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.3f}"
