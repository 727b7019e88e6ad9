"""Measures with intervals over groups."""

import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.evaluation.grouped import measure_groups
from bimodal.evaluation.metrics import measure


def predictions(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    scores = rng.random((n, 3)) + 0.6 * np.eye(3)[labels]
    return labels, scores / scores.sum(axis=1, keepdims=True)


def test_examples_without_a_group_have_the_intervals_of_measure() -> None:
    labels, shares = predictions(60)
    ours, single = measure_groups(labels, shares, np.arange(60)), measure(labels, shares)
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert getattr(ours, name) == getattr(single, name)


def test_copies_do_not_make_an_interval_shorter() -> None:
    labels, shares = predictions(60)
    four = np.tile(labels, 4), np.tile(shares, (4, 1))
    ours = measure_groups(*four, np.tile(np.arange(60), 4)).accuracy
    once, too_short = measure(labels, shares).accuracy, measure(*four).accuracy
    assert ours.value == once.value
    assert ours.high - ours.low == pytest.approx(once.high - once.low, rel=0.1)
    assert ours.high - ours.low > 1.5 * (too_short.high - too_short.low)


def test_the_names_and_the_order_of_groups_do_not_matter_much() -> None:
    labels, shares = predictions(90)
    groups = np.arange(90) // 3
    first = measure_groups(labels, shares, groups)
    order = np.random.default_rng(1).permutation(90)
    second = measure_groups(labels[order], shares[order], 7 - 5 * groups[order])
    assert first.accuracy.value == second.accuracy.value
    assert first.groups == second.groups == 30
    assert first.macro_f1.low == pytest.approx(second.macro_f1.low, abs=0.02)


def test_the_standard_deviation_is_that_of_whole_groups() -> None:
    right = np.repeat([1, 1, 0, 1, 0, 0, 1, 1, 0, 1], 5)  # each group of 5 is right or wrong together
    shares = np.where(right[:, None] == 1, [0.9, 0.1], [0.1, 0.9])
    estimate = measure_groups(np.zeros(50, int), shares, np.repeat(np.arange(10), 5)).accuracy
    reach = 2.2622 * np.sqrt(0.6 * 0.4 / 9)  # Student's t with 9 degrees of freedom
    assert estimate.value == 0.6
    assert estimate.high == pytest.approx(min(1, 0.6 + reach), abs=0.02)
    assert estimate.low == pytest.approx(0.6 - reach, abs=0.02)


def test_all_right_has_the_interval_of_wilson_and_one_group_has_none() -> None:
    labels, shares = np.zeros(20, int), np.tile([0.9, 0.1], (20, 1))
    assert measure_groups(labels, shares, np.arange(20) // 2).accuracy.low < 0.9
    assert not measure_groups(labels, shares, np.zeros(20, int)).accuracy.bounded
    with pytest.raises(InputError, match="group of each"):
        measure_groups(labels, shares, np.arange(3))
