"""The conclusions of comparisons."""

import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.evaluation.comparison import adjusted, compare


def _runs(seeds: int, n: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, n)) < share


def test_the_papers_gain_with_one_run_shows_nothing() -> None:
    rng = np.random.default_rng(0)
    a = rng.permutation(np.arange(216) < 91)
    b = rng.permutation(np.arange(216) < 99)
    comparison = compare(a, b, "none", "wang")
    text = comparison.conclusion
    assert not comparison.found
    assert text.startswith("No difference can be concluded: wang is 3.7 points more accurate than none")
    assert "216 examples with one seed" in text
    assert comparison.detectable is not None
    assert f"if it is at least {100 * comparison.detectable:.1f} points" in text


def test_a_large_difference_is_found_in_both_directions() -> None:
    a, b = _runs(5, 400, 0.4, 1), _runs(5, 400, 0.7, 2)
    assert compare(a, b).conclusion.startswith("Significant difference: B is ")
    assert "more accurate than A" in compare(a, b).conclusion
    assert "less accurate than A" in compare(b, a).conclusion


def test_one_seed_allows_a_conclusion_about_the_models_only() -> None:
    text = compare(_runs(1, 400, 0.4, 1), _runs(1, 400, 0.7, 2)).conclusion
    assert "several seeds show whether it holds for the method" in text


def test_seeds_that_disagree_hide_a_difference_of_the_mean() -> None:
    # B gains much with one seed and loses with another: the examples alone would call it significant
    a = np.tile(np.arange(500) < 200, (3, 1))
    b = np.stack([np.arange(500) < share for share in (400, 180, 210)])
    comparison = compare(a, b)
    assert comparison.over_seeds.p_t > 0.05
    assert not comparison.found
    assert "The 95 % interval of the difference is" in comparison.conclusion


def test_equal_models_and_tiny_sets() -> None:
    a = _runs(2, 50, 0.5, 1)
    assert "are equally accurate" in compare(a, a).conclusion
    assert "So few examples cannot show any difference" in compare([True, False], [False, True]).conclusion


def test_false_alarms_are_rare() -> None:
    found = [compare(_runs(4, 150, 0.5, 2 * i), _runs(4, 150, 0.5, 2 * i + 1)).found for i in range(60)]
    assert np.mean(found) <= 0.1


def test_several_comparisons_are_adjusted() -> None:
    weak = compare(_runs(1, 300, 0.5, 5), _runs(1, 300, 0.6, 6))
    alone, together = adjusted([weak]), adjusted([weak, weak, weak])
    assert alone[0].p_holm == weak.p
    assert together[0].p_holm == pytest.approx(min(1, 3 * weak.p))


def test_a_difference_that_only_the_adjustment_hides_is_named() -> None:
    lone = next(
        one
        for one in (compare(_runs(5, 200, 0.45, 2 * seed), _runs(5, 200, 0.5, 2 * seed + 1)) for seed in range(50))
        if 0.005 < one.p < 0.05
    )
    assert lone.found
    hidden = adjusted([lone, *[compare(_runs(3, 50, 0.5, seed), _runs(3, 50, 0.5, 99)) for seed in range(30)]])[0]
    text = hidden.conclusion
    assert not hidden.found
    assert text.startswith("No difference can be concluded")
    assert "which is significant alone (p = 0.0" in text
    assert "chance alone can explain" not in text


def test_shapes_are_checked() -> None:
    with pytest.raises(InputError, match="same examples"):
        compare([True], [True, False])


def test_names_and_seeds_of_the_pairs_are_kept() -> None:
    comparison = compare(_runs(2, 30, 0.5, 1), _runs(2, 30, 0.5, 2), "none", "wang", [(3, 3), (5, 5)])
    assert (comparison.a, comparison.b, comparison.seeds) == ("none", "wang", ((3, 3), (5, 5)))
    assert "with 2 seeds" in comparison.conclusion
