"""Each test against a literal formula, brute force, or scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from bimodal.errors import InputError
from bimodal.evaluation.paired_tests import (
    bootstrap_difference,
    detectable_difference,
    holm,
    mcnemar,
    mcnemar_power,
    paired_over_seeds,
)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (3, 9), (9, 3), (5, 5), (0, 12)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    a = [True] * only_a + [False] * only_b + [True, False]
    b = [False] * only_a + [True] * only_b + [True, False]
    discordant = only_a + only_b
    # every outcome that is at most as likely as the observed one
    probabilities = [math.comb(discordant, k) / 2**discordant for k in range(discordant + 1)]
    expected = sum(chance for chance in probabilities if chance <= probabilities[only_b] * (1 + 1e-9))
    test = mcnemar(a, b)
    assert test.p == pytest.approx(expected)
    assert (test.only_a, test.only_b) == (only_a, only_b)
    assert mcnemar(b, a).p == pytest.approx(test.p)


def test_mcnemar_refuses_different_examples() -> None:
    with pytest.raises(InputError, match="same examples"):
        mcnemar([True], [True, False])


@pytest.mark.parametrize("n", [2, 5, 8])
def test_sign_flips_match_enumeration_and_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    a = rng.normal(0.4, 0.02, n)
    b = a + rng.normal(0.02, 0.02, n)
    patterns = [sum(s * d for s, d in zip(signs, b - a, strict=True)) for signs in itertools.product([1, -1], repeat=n)]
    expected = np.mean([abs(total) >= abs(sum(b - a)) - 1e-12 for total in patterns])
    test = paired_over_seeds(a, b)
    assert test.p_permutation == pytest.approx(expected)
    reference = stats.permutation_test((b - a,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert test.p_permutation == pytest.approx(reference.pvalue)
    assert test.p_t == pytest.approx(stats.ttest_1samp(b - a, 0).pvalue)
    assert test.p_permutation >= test.p_smallest


def test_many_seeds_are_sampled_and_still_near_the_t_test() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(0, 1, 40)
    b = a + rng.normal(0.4, 1, 40)
    test = paired_over_seeds(a, b)
    assert test.p_permutation == pytest.approx(test.p_t, abs=0.02)


def test_equal_differences_and_one_seed_fall_back_on_sign_flips() -> None:
    assert paired_over_seeds([0.1, 0.2, 0.3], [0.2, 0.3, 0.4]).p_t == 0.25
    assert paired_over_seeds([0.1], [0.9]).p_t == 1.0
    assert paired_over_seeds([0.1, 0.2], [0.1, 0.2]).p_permutation == 1.0


def _slow_bootstrap(a: np.ndarray, b: np.ndarray, resamples: int) -> tuple[float, float]:
    rng = np.random.default_rng(99)
    seeds, n = a.shape
    values = []
    for _ in range(resamples):
        rows, columns = rng.integers(0, seeds, seeds), rng.integers(0, n, n)
        values.append(b[np.ix_(rows, columns)].mean() - a[np.ix_(rows, columns)].mean())
    return tuple(np.quantile(values, [0.025, 0.975]))


@pytest.mark.parametrize("seeds", [1, 4])
def test_bootstrap_of_examples_and_seeds_matches_a_plain_loop(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    a = rng.random((seeds, 120)) < 0.5
    b = rng.random((seeds, 120)) < 0.6
    estimate, p = bootstrap_difference(a, b)
    assert estimate.value == pytest.approx(b.mean() - a.mean())
    assert (estimate.low, estimate.high) == pytest.approx(_slow_bootstrap(a, b, 4000), abs=0.012)
    assert (p < 0.05) == (not estimate.low <= 0 <= estimate.high)


def test_bootstrap_is_repeatable_and_changes_its_sign_when_the_conditions_are_swapped() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 3, 80)) < 0.5
    assert bootstrap_difference(a, b) == bootstrap_difference(a, b)
    flipped, _ = bootstrap_difference(b, a)
    straight, _ = bootstrap_difference(a, b)
    assert flipped.value == pytest.approx(-straight.value)
    assert bootstrap_difference(a, a)[0].value == 0
    assert bootstrap_difference(a, a)[1] == 1.0


def test_holm_is_the_step_down_procedure() -> None:
    p = [0.01, 0.2, 0.03, 0.011]
    adjusted = holm(p)
    for level in np.linspace(0.005, 0.5, 100):
        rejected, remaining = set(), sorted(range(4), key=lambda i: p[i])
        for step, index in enumerate(remaining):
            if p[index] > level / (4 - step):
                break
            rejected.add(index)
        assert {i for i in range(4) if adjusted[i] <= level + 1e-12} == rejected
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize(("n", "discordance", "difference"), [(60, 0.4, 0.2), (216, 0.3, 0.1), (20, 1.0, 0.9)])
def test_power_matches_simulation(n: int, discordance: float, difference: float) -> None:
    rng = np.random.default_rng(0)
    b, c = (discordance + difference) / 2, (discordance - difference) / 2
    counts = rng.multinomial(n, [b, c, 1 - discordance], size=4000)
    found = [stats.binomtest(int(x), int(x + y)).pvalue < 0.05 if x + y else False for x, y, _ in counts]
    assert mcnemar_power(n, discordance, difference) == pytest.approx(np.mean(found), abs=0.025)


@pytest.mark.parametrize("discordance", [0.1, 0.3, 0.5])
def test_detectable_difference_has_the_power_and_is_near_connors_formula(discordance: float) -> None:
    n = 2000
    smallest = detectable_difference(n, discordance)
    assert smallest is not None
    assert mcnemar_power(n, discordance, smallest) >= 0.8
    assert mcnemar_power(n, discordance, smallest - 0.002) < 0.8
    # Connor (1987): n = (z_a sqrt(f) + z_b sqrt(f - d^2))^2 / d^2, for the approximate test
    z_a, z_b = stats.norm.ppf([0.975, 0.8])
    needed = (z_a * math.sqrt(discordance) + z_b * math.sqrt(discordance - smallest**2)) ** 2 / smallest**2
    assert needed == pytest.approx(n, rel=0.08)


def test_detectable_difference_at_the_edges() -> None:
    assert detectable_difference(5, 0.5) is None
    # Six discordant examples, all in favour of one model, are the fewest that can be significant.
    assert detectable_difference(6, 1.0) is not None
    without_disagreement = detectable_difference(216, 0.0)
    assert without_disagreement is not None
    assert 6 / 216 < without_disagreement < 0.06
    with pytest.raises(InputError):
        detectable_difference(0, 0.1)
    with pytest.raises(InputError):
        detectable_difference(10, 1.1)
