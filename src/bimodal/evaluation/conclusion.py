"""What may be concluded from a comparison of two conditions, in plain words."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from bimodal.errors import InputError
from bimodal.evaluation.statistics import (
    Estimate,
    McNemar,
    PairedSeeds,
    bootstrap_difference,
    detectable_difference,
    holm,
    mcnemar,
    paired_over_seeds,
)

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """Conditions A and B on the same examples, run by run in pairs of one seed."""

    n: int
    seeds: int
    difference: Estimate
    """Accuracy of B minus accuracy of A, with the interval over examples and seeds."""
    p: float
    """One seed: exact McNemar. Several: the larger of the paired t test's over seeds and the bootstrap's over
    examples and seeds, so that both kinds of chance must be excluded."""
    p_holm: float
    """`p`, adjusted if several conditions were compared with A."""
    by_seed: tuple[McNemar, ...]
    over_seeds: PairedSeeds
    detectable: float | None
    """The smallest true difference that one pair of runs finds on these examples in 80 of 100 cases."""

    @property
    def found(self) -> bool:
        """Whether there is a difference that chance does not explain, at the level of 0.05."""
        return self.p_holm < LEVEL


def compare(correct_a: ArrayLike, correct_b: ArrayLike) -> Comparison:
    """Compare two conditions whose runs are paired by seed.

    Args:
        correct_a: whether A is right, by seed and example, (S, N); (N,) is one seed.
        correct_b: the same of B, for the same seeds and examples in the same order.

    Raises:
        InputError: for shapes that do not fit.

    >>> comparison = compare([True] * 60 + [False] * 40, [True] * 62 + [False] * 38)
    >>> comparison.p, comparison.found
    (0.5, False)
    """
    a, b = np.atleast_2d(np.asarray(correct_a, dtype=bool)), np.atleast_2d(np.asarray(correct_b, dtype=bool))
    if a.ndim != 2 or a.shape != b.shape or a.size == 0:
        raise InputError(f"expected two masks (seeds, N) over the same examples, got {a.shape} and {b.shape}")
    seeds, n = a.shape
    difference, p_bootstrap = bootstrap_difference(a, b)
    by_seed = tuple(mcnemar(*pair) for pair in zip(a, b, strict=True))
    paired = paired_over_seeds(a.mean(axis=1), b.mean(axis=1))
    p = by_seed[0].p if seeds == 1 else max(paired.p_t, p_bootstrap)
    discordance = float(np.mean([test.discordance for test in by_seed]))
    return Comparison(n, seeds, difference, p, p, by_seed, paired, detectable_difference(n, discordance))


def adjusted(comparisons: list[Comparison]) -> list[Comparison]:
    """Adjust the p-values of comparisons that are read together (Holm)."""
    p_values = holm([comparison.p for comparison in comparisons])
    return [replace(comparison, p_holm=p) for comparison, p in zip(comparisons, p_values, strict=True)]


def conclude(comparison: Comparison, a: str = "A", b: str = "B") -> str:
    """Say what may be concluded, and if nothing may, how large a difference could have been seen.

    Args:
        comparison: from `compare`.
        a: name of A, the baseline.
        b: name of B.

    >>> print(conclude(compare([True] * 60 + [False] * 40, [True] * 62 + [False] * 38), "none", "wang"))
    No difference can be concluded: wang is 2.0 points more accurate than none on these 100 examples with one seed, \
which chance alone may bring about (p = 0.50). One pair of runs on 100 examples shows a true difference \
reliably (in 80 of 100 cases) only from 7.8 points on.
    """
    gain = 100 * comparison.difference.value
    low, high = 100 * comparison.difference.low, 100 * comparison.difference.high
    interval = f"95 % interval {low:+.1f} to {high:+.1f} points"
    p = _p(comparison.p_holm)
    seeds = "one seed" if comparison.seeds == 1 else f"{comparison.seeds} seeds"
    scope = f"on these {comparison.n:,} examples with {seeds}"
    equal = round(abs(gain), 1) == 0
    size = f"{b} is {abs(gain):.1f} points {'more' if gain > 0 else 'less'} accurate than {a} {scope}"
    if comparison.found:
        sentence = f"{size[:1].upper()}{size[1:]} ({interval}; {p}): more than chance explains."
        if comparison.seeds == 1:
            sentence += " This holds for these two trained models; whether it holds for the method takes several seeds."
        return sentence
    if equal:
        why = f"{b} and {a} are equally accurate {scope} ({p})"
    elif comparison.p < LEVEL:
        why = (
            f"{size}, which alone would be more than chance explains ({_p(comparison.p)}), but among several comparisons"
            f" one as large may come by chance (adjusted {p})"
        )
    else:
        why = f"{size}, which chance alone may bring about ({p})"
    sentence = f"No difference can be concluded: {why}."
    if comparison.seeds > 1 and high > low:
        sentence += f" The true difference may lie anywhere in the {interval}."
    if comparison.detectable is None:
        return f"{sentence} So few examples cannot show any difference."
    return (
        f"{sentence} One pair of runs on {comparison.n:,} examples shows a true difference reliably (in 80 of 100"
        f" cases) only from {100 * comparison.detectable:.1f} points on."
    )


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.3f}"
