"""The limits of a removal."""

import numpy as np

from bimodal.removal.limits import apply_limits

LOSSES = np.array([5.0, 7.0, 6.0, 6.0, 1.0])
LABELS = np.zeros(5, dtype=int)


def limited(kept: np.ndarray, max_share: float, labels: np.ndarray = LABELS, min_per_class: int = 1) -> list[int]:
    rows = apply_limits(LOSSES > 2, LOSSES, labels, kept, max_share, min_per_class)
    assert (np.diff(LOSSES[rows]) <= 0).all(), "highest score first"
    return sorted(rows.tolist())


def test_the_highest_losses_are_removed_and_ties_by_position() -> None:
    assert limited(np.ones(5, dtype=bool), max_share=0.4) == [1, 2]


def test_earlier_removals_count_towards_the_largest_share() -> None:
    assert limited(LOSSES != 7, max_share=0.6) == [2, 3]
    assert limited(LOSSES != 7, max_share=0.2) == []


def test_examples_outside_training_do_not_count() -> None:
    labels = np.array([0, 0, 0, 0, -1])
    assert limited(labels >= 0, max_share=0.5, labels=labels) == [1, 2]


def test_each_class_keeps_its_smallest_number() -> None:
    labels = np.array([0, 1, 0, 1, 1])
    assert limited(np.ones(5, dtype=bool), max_share=0.9, labels=labels, min_per_class=2) == [1]
    assert limited(np.ones(5, dtype=bool), max_share=0.9, labels=labels, min_per_class=4) == []
