"""The sentences say what the numbers allow, and no more."""

import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.evaluation.conclusion import adjusted, compare, conclude


def _runs(seeds: int, n: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, n)) < share


def test_the_papers_gain_with_one_run_shows_nothing() -> None:
    rng = np.random.default_rng(0)
    a = rng.permutation(np.arange(216) < 91)
    b = rng.permutation(np.arange(216) < 99)
    comparison = compare(a, b)
    text = conclude(comparison, "none", "wang")
    assert not comparison.found
    assert text.startswith("No difference can be concluded: wang is 3.7 points more accurate than none")
    assert "216 examples with one seed" in text
    assert comparison.detectable is not None
    assert f"only from {100 * comparison.detectable:.1f} points on" in text


def test_a_large_difference_is_found_in_both_directions() -> None:
    a, b = _runs(5, 400, 0.4, 1), _runs(5, 400, 0.7, 2)
    assert "B is" in conclude(compare(a, b))
    assert "more accurate than A" in conclude(compare(a, b))
    assert "less accurate than A" in conclude(compare(b, a))
    assert "more than chance explains" in conclude(compare(a, b))


def test_one_seed_speaks_of_the_models_only() -> None:
    text = conclude(compare(_runs(1, 400, 0.4, 1), _runs(1, 400, 0.7, 2)))
    assert "whether it holds for the method takes several seeds" in text


def test_seeds_that_disagree_hide_a_difference_of_the_mean() -> None:
    # B gains much with one seed and loses with another: the examples alone would call it significant
    a = np.tile(np.arange(500) < 200, (3, 1))
    b = np.stack([np.arange(500) < share for share in (400, 180, 210)])
    comparison = compare(a, b)
    assert comparison.over_seeds.p_t > 0.05
    assert not comparison.found
    assert "may lie anywhere in the 95 % interval" in conclude(comparison)


def test_equal_models_and_tiny_sets() -> None:
    a = _runs(2, 50, 0.5, 1)
    assert "are equally accurate" in conclude(compare(a, a))
    assert "So few examples cannot show any difference" in conclude(compare([True, False], [False, True]))


def test_false_alarms_are_rare() -> None:
    found = [compare(_runs(4, 150, 0.5, 2 * i), _runs(4, 150, 0.5, 2 * i + 1)).found for i in range(60)]
    assert np.mean(found) <= 0.1


def test_several_comparisons_are_adjusted() -> None:
    weak = compare(_runs(1, 300, 0.5, 5), _runs(1, 300, 0.6, 6))
    alone, together = adjusted([weak]), adjusted([weak, weak, weak])
    assert alone[0].p_holm == weak.p
    assert together[0].p_holm == pytest.approx(min(1, 3 * weak.p))


def test_what_only_the_adjustment_hides_is_said_so() -> None:
    lone = next(
        one
        for one in (compare(_runs(5, 200, 0.45, 2 * seed), _runs(5, 200, 0.5, 2 * seed + 1)) for seed in range(50))
        if 0.005 < one.p < 0.05
    )
    assert lone.found
    hidden = adjusted([lone, *[compare(_runs(3, 50, 0.5, seed), _runs(3, 50, 0.5, 99)) for seed in range(30)]])[0]
    text = conclude(hidden)
    assert not hidden.found
    assert text.startswith("No difference can be concluded")
    assert "which alone would be more than chance explains (p = 0.0" in text
    assert "chance alone may bring about" not in text


def test_shapes_are_checked() -> None:
    with pytest.raises(InputError, match="same examples"):
        compare([True], [True, False])
