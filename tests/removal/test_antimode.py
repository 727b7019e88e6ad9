"""One mode or two."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from bimodal.errors import InputError
from bimodal.removal.antimode import antimode


def two_humps(seed: int, far: float = 6.0, share: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(0, 1, 400), rng.normal(far, 1, round(share * 400))]


@pytest.mark.parametrize("seed", range(3))
def test_the_valley_lies_between_two_modes(seed: int) -> None:
    values = two_humps(seed, share=1)
    cut = antimode(values)
    assert 2 < cut < 4
    assert abs((values > cut).sum() - 400) < 8


@pytest.mark.parametrize("share", [0.1, 0.3, 3.0])
def test_the_valley_is_the_lowest_point(share: float) -> None:
    grid = np.linspace(0, 6, 601)
    lowest = grid[(norm.pdf(grid) + share * norm.pdf(grid - 6)).argmin()]
    assert antimode(two_humps(0, share=share)) == pytest.approx(lowest, abs=1)


@pytest.mark.parametrize("seed", range(3))
def test_humps_that_cannot_be_told_apart_are_one(seed: int) -> None:
    assert antimode(two_humps(seed, far=1.5)) == np.inf


@pytest.mark.parametrize("draw", ["normal", "exponential", "gumbel"])
def test_one_mode_is_seldom_taken_for_two(draw: str) -> None:
    found = 0
    for seed in range(20):
        found += np.isfinite(antimode(getattr(np.random.default_rng(seed), draw)(size=300)))
    assert found <= binom.ppf(0.999, 20, 0.05)


def test_unit_sign_and_order_do_not_matter() -> None:
    values = two_humps(1)
    cut = antimode(values)
    assert antimode(1000 * values - 7) == pytest.approx(1000 * cut - 7, rel=0.02)
    assert antimode(-values) == pytest.approx(-cut, abs=0.15)
    assert antimode(np.random.default_rng(0).permutation(values)) == pytest.approx(cut, abs=0.15)


def test_the_answer_is_always_the_same() -> None:
    values = two_humps(2).astype(np.float32)
    before = values.copy()
    assert antimode(values) == antimode(values)
    np.testing.assert_array_equal(values, before)


def test_a_smaller_error_is_harder_to_convince() -> None:
    values = two_humps(0, far=3.0)
    assert np.isfinite(antimode(values, error=0.9))
    assert antimode(values, error=0.001) == np.inf


@pytest.mark.parametrize("values", [[1.0], [2.0] * 50, [0.0] * 7, [1.0, 2.0]])
def test_too_little_to_have_two_modes(values: list[float]) -> None:
    assert antimode(np.array(values)) == np.inf


@pytest.mark.parametrize("size", [3, 7, 100])
def test_equal_values_have_one_mode_however_they_are_rounded(size: int) -> None:
    assert antimode(np.full(size, 0.1)) == np.inf


@pytest.mark.parametrize(
    "values",
    [
        np.repeat([-2.0, -1.0, 0.0, 1.0, 2.0], [3, 13, 20, 15, 7]),
        np.log(np.exp(np.random.default_rng(1).normal(-6, 2, 900)).clip(1e-4)),
    ],
)
def test_no_values_crash_it(values: np.ndarray) -> None:
    assert antimode(values) == np.inf


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], 3.0, [1.0, float("nan")], [1.0, float("inf")]])
def test_values_that_are_none_are_refused(values: list) -> None:
    with pytest.raises(InputError, match="expected finite values, one for each example"):
        antimode(np.array(values))


@pytest.mark.parametrize("error", [-1.0, 0.0, 2.0, float("nan")])
def test_errors_out_of_range_are_refused(error: float) -> None:
    with pytest.raises(InputError, match="error must lie between 0 and 1"):
        antimode(two_humps(0), error=error)
