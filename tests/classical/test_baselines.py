import numpy as np
import pytest

from bimodal.classical.baselines import majority, uniform_guess
from bimodal.errors import InputError


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([2], 2), ([3, 5, 5], 5), ([6, 6, 1, 1], 1), ([0, 4, 4, 4, 0], 4)],
    ids=["one", "most", "a tie goes to the lowest code", "order does not matter"],
)
def test_majority_predicts_the_most_frequent_label(labels: list[int], expected: int) -> None:
    assert np.array_equal(majority(labels, 3), np.eye(7)[[expected] * 3])


def test_the_accuracy_of_majority_is_the_share_of_the_most_frequent_label() -> None:
    labels = np.array([0, 1, 1, 1, 6])
    assert (majority(labels, 5).argmax(axis=1) == labels).mean() == 0.6


def test_guesses_are_uniform_over_the_emotions_of_training_however_frequent() -> None:
    guesses = uniform_guess([1] * 98 + [4, 6], 30_000, seed=1)
    assert guesses.shape == (30_000, 7)
    assert np.array_equal(np.sort(guesses, axis=1)[:, -2:], [[0, 1]] * 30_000)
    shares = guesses.mean(axis=0)
    assert np.array_equal(np.flatnonzero(shares), [1, 4, 6])
    assert shares[[1, 4, 6]] == pytest.approx(1 / 3, abs=0.015)  # five standard deviations


def test_guesses_depend_on_the_seed_only() -> None:
    assert np.array_equal(uniform_guess([0, 1], 50, seed=3), uniform_guess([1, 0, 0], 50, seed=3))
    assert not np.array_equal(uniform_guess([0, 1], 50, seed=3), uniform_guess([0, 1], 50, seed=4))


def test_no_faces_give_no_rows() -> None:
    assert majority([1], 0).shape == uniform_guess([1], 0, seed=0).shape == (0, 7)


@pytest.mark.parametrize("labels", [[], [7], [-1, 2], [[1, 2]]], ids=str)
def test_bad_training_labels_are_refused(labels: list[int]) -> None:
    for predict in (lambda: majority(labels, 2), lambda: uniform_guess(labels, 2, 0)):
        with pytest.raises(InputError, match="codes 0 to 6"):
            predict()
