"""Silverman's test for more than one mode, and the antimode."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from bimodal.errors import InputError
from bimodal.removal.antimode import antimode


def two_modes(seed: int, far: float = 6.0, share: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(0, 1, 400), rng.normal(far, 1, round(share * 400))]


@pytest.mark.parametrize("seed", range(3))
def test_antimode_lies_between_two_modes(seed: int) -> None:
    values = two_modes(seed, share=1)
    cut = antimode(values)
    assert 2 < cut < 4
    assert abs((values > cut).sum() - 400) < 8


@pytest.mark.parametrize("share", [0.1, 0.3, 3.0])
def test_antimode_is_near_the_lowest_point_of_the_density(share: float) -> None:
    grid = np.linspace(0, 6, 601)
    lowest = grid[(norm.pdf(grid) + share * norm.pdf(grid - 6)).argmin()]
    assert antimode(two_modes(0, share=share)) == pytest.approx(lowest, abs=1)


@pytest.mark.parametrize("seed", range(3))
def test_overlapping_modes_count_as_one(seed: int) -> None:
    assert antimode(two_modes(seed, far=1.5)) == np.inf


@pytest.mark.parametrize("draw", ["normal", "exponential", "gumbel"])
def test_false_alarms_are_at_most_alpha(draw: str) -> None:
    alarms = 0
    for seed in range(20):
        alarms += np.isfinite(antimode(getattr(np.random.default_rng(seed), draw)(size=300)))
    assert alarms <= binom.ppf(0.999, 20, 0.05)


def test_antimode_is_equivariant_to_scale_sign_and_order() -> None:
    values = two_modes(1)
    cut = antimode(values)
    assert antimode(1000 * values - 7) == pytest.approx(1000 * cut - 7, rel=0.02)
    assert antimode(-values) == pytest.approx(-cut, abs=0.15)
    assert antimode(np.random.default_rng(0).permutation(values)) == pytest.approx(cut, abs=0.15)


def test_result_is_deterministic_and_leaves_the_values_unchanged() -> None:
    values = two_modes(2).astype(np.float32)
    before = values.copy()
    assert antimode(values) == antimode(values)
    np.testing.assert_array_equal(values, before)


def test_smaller_alpha_finds_fewer_modes() -> None:
    values = two_modes(0, far=3.0)
    assert np.isfinite(antimode(values, alpha=0.9))
    assert antimode(values, alpha=0.001) == np.inf


@pytest.mark.parametrize("values", [[1.0], [2.0] * 50, [0.0] * 7, [1.0, 2.0]])
def test_few_or_equal_values_have_one_mode(values: list[float]) -> None:
    assert antimode(np.array(values)) == np.inf


@pytest.mark.parametrize("size", [3, 7, 100])
def test_equal_values_have_one_mode_despite_rounding(size: int) -> None:
    assert antimode(np.full(size, 0.1)) == np.inf


@pytest.mark.parametrize(
    "values",
    [
        np.repeat([-2.0, -1.0, 0.0, 1.0, 2.0], [3, 13, 20, 15, 7]),
        np.log(np.exp(np.random.default_rng(1).normal(-6, 2, 900)).clip(1e-4)),
    ],
)
def test_discrete_and_clipped_values_have_one_mode(values: np.ndarray) -> None:
    assert antimode(values) == np.inf


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], 3.0, [1.0, float("nan")], [1.0, float("inf")]])
def test_invalid_values_are_an_error(values: list) -> None:
    with pytest.raises(InputError, match="expected finite values, one for each example"):
        antimode(np.array(values))


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 2.0, float("nan")])
def test_alpha_out_of_range_is_an_error(alpha: float) -> None:
    with pytest.raises(InputError, match="alpha must lie between 0 and 1"):
        antimode(two_modes(0), alpha=alpha)
