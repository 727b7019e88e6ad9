"""The floor: right without looking."""

import numpy as np

from bimodal.classical.floor import guess, majority


def test_majority_is_the_most_frequent_training_label() -> None:
    probabilities = majority([6, 2, 2, 6, 4], 3)
    assert probabilities.tolist() == [[0, 0, 1, 0, 0, 0, 0]] * 3  # of equally frequent ones the lowest code


def test_a_guess_is_even_over_what_was_seen() -> None:
    counts = guess([0, 0, 0, 0, 3, 5], 9000, seed=1).sum(axis=0)
    assert (counts[[1, 2, 4, 6]] == 0).all()
    assert np.abs(counts[[0, 3, 5]] - 3000).max() < 200


def test_the_seed_decides() -> None:
    labels = np.arange(7)
    assert (guess(labels, 50, 1) == guess(labels, 50, 1)).all()
    assert (guess(labels, 50, 1) != guess(labels, 50, 2)).any()
