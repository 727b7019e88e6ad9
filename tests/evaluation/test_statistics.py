"""Each interval against a literal formula or scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from bimodal.errors import InputError
from bimodal.evaluation.statistics import mean_accuracy, over_seeds, wilson


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 30), (91, 216), (99, 216), (500, 1000)])
def test_wilson_is_wilsons_formula(successes: int, n: int) -> None:
    z = stats.norm.ppf(0.975)
    p = successes / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    estimate = wilson(successes, n)
    assert (estimate.low, estimate.high) == pytest.approx((max(0, centre - reach), min(1, centre + reach)), abs=1e-12)


def test_the_papers_gain_is_within_both_intervals() -> None:
    # 42 and 46 % of 216 faces, one run each: each value lies inside of the other's interval
    without, with_removal = wilson(91, 216), wilson(99, 216)
    assert without.low < with_removal.value < without.high
    assert with_removal.low < without.value < with_removal.high


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_counts_out_of_range(successes: int, n: int) -> None:
    with pytest.raises(InputError, match="successes"):
        wilson(successes, n)


def test_over_seeds_is_scipys_t_interval() -> None:
    values = np.random.default_rng(0).normal(0.4, 0.02, 5)
    expected = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    estimate = over_seeds(values)
    assert (estimate.low, estimate.high) == pytest.approx(expected)


@pytest.mark.parametrize("values", [[0.4], [0.3, 0.5]])
def test_one_or_two_seeds_give_no_interval(values: list[float]) -> None:
    assert over_seeds(values).value == pytest.approx(0.4)
    assert not over_seeds(values).bounded


def test_over_seeds_refuses_no_values_and_nan() -> None:
    with pytest.raises(InputError):
        over_seeds([])
    with pytest.raises(InputError):
        over_seeds([math.nan])


def test_the_mean_accuracy_of_one_seed_has_wilsons_interval_and_of_several_a_t_interval() -> None:
    correct = np.random.default_rng(0).random((4, 60)) < 0.6
    assert mean_accuracy(correct[:1]) == wilson(int(correct[0].sum()), 60)
    assert mean_accuracy(correct) == over_seeds(correct.mean(axis=1))
