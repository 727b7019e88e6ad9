"""The two rules on losses against a literal implementation of their papers, and properties that hold for any losses."""

import math

import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.removal import slade_gedeon, wang


def literal(losses: list[float], factor: float, inclusive: bool) -> list[bool]:
    """The steps of the paper in plain Python."""
    m1 = sum(losses) / len(losses)
    subset = [loss for loss in losses if loss > m1]
    if not subset:
        return [False] * len(losses)
    m2 = sum(subset) / len(subset)
    std2 = math.sqrt(sum((loss - m2) ** 2 for loss in subset) / len(subset))
    threshold = m2 + factor * std2
    return [loss >= threshold if inclusive else loss > threshold for loss in losses]


def random_losses(seed: int, size: int = 891) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.gamma(1.0, 0.3, size) + (rng.random(size) < 0.1) * rng.normal(3, 0.5, size).clip(0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0])
def test_rules_agree_with_a_literal_implementation(seed: int, factor: float) -> None:
    losses = random_losses(seed)
    assert wang(losses, k=factor).remove.tolist() == literal(losses.tolist(), factor, inclusive=False)
    assert slade_gedeon(losses, k=factor).remove.tolist() == literal(losses.tolist(), factor, inclusive=True)


def test_wang_removes_the_far_mode_of_bimodal_losses() -> None:
    near, far = np.full(800, 0.2), np.full(91, 4.0)
    cut = wang(np.r_[near, far, 6.0])
    assert cut.remove.nonzero()[0].tolist() == [891]
    assert cut.m1 < 4.0 < cut.m2 < cut.threshold < 6.0


@pytest.mark.parametrize("rule", [wang, slade_gedeon])
def test_order_and_scale_of_the_losses_do_not_matter(rule) -> None:
    losses = random_losses(7)
    order = np.random.default_rng(0).permutation(losses.size)
    assert (rule(losses).remove[order] == rule(losses[order]).remove).all()
    assert (rule(losses).remove == rule(8.0 * losses).remove).all()


@pytest.mark.parametrize("rule", [wang, slade_gedeon])
@pytest.mark.parametrize("losses", [[1.0], [0.0, 0.0, 0.0], [2.0] * 10, [1.0, 1.0, 3.0, 3.0]])
def test_without_a_tail_nothing_is_removed(rule, losses: list[float]) -> None:
    assert not rule(np.array(losses)).remove.any()


def test_wang_keeps_a_loss_at_the_threshold_and_slade_gedeon_removes_it() -> None:
    losses = np.array([0.0, 0.0, 0.0, 2.0, 4.0])  # M1 1.2, M2 3, std2 1: the threshold is 4 exactly
    assert wang(losses, k=1).threshold == slade_gedeon(losses, k=1).threshold == 4.0
    assert not wang(losses, k=1).remove.any()
    assert slade_gedeon(losses, k=1).remove.tolist() == [False, False, False, False, True]


def test_single_precision_losses_give_double_precision_numbers() -> None:
    losses = random_losses(3, 100_000)
    single, double = wang(losses.astype(np.float32)), wang(losses)
    assert single.threshold == pytest.approx(double.threshold, rel=1e-6)


@pytest.mark.parametrize("rule", [wang, slade_gedeon])
@pytest.mark.parametrize("losses", [[], [[1.0, 2.0]], [1.0, float("nan")], [1.0, float("inf")]])
def test_invalid_losses_are_an_error(rule, losses: list) -> None:
    with pytest.raises(InputError, match="losses must be"):
        rule(np.array(losses))


def test_k_out_of_range_is_an_error() -> None:
    with pytest.raises(InputError, match="k must be at least 0, got -1"):
        wang(np.ones(3), k=-1)
    for k in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="k must lie between 0 and 1"):
            slade_gedeon(np.ones(3), k=k)
