"""Averages of probabilities, and the weights that validation gives them."""

import numpy as np
import pytest
from scipy.optimize import minimize

from bimodal.errors import InputError
from bimodal.models.ensemble import average, fit_weights


def models(seed: int, n: int = 200, skills: tuple[float, ...] = (1.5, 0.7, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n)
    logits = np.stack([rng.normal(size=(n, 7)) + skill * np.eye(7)[labels] * 2 for skill in skills])
    probabilities = np.exp(logits)
    return probabilities / probabilities.sum(axis=2, keepdims=True), labels


def log_loss(weights: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(average(probabilities, weights)[np.arange(len(labels)), labels]).mean())


def test_average_is_the_weighted_sum() -> None:
    probabilities, _ = models(0)
    np.testing.assert_allclose(average(probabilities), probabilities.mean(axis=0))
    weights = np.array([0.5, 0.25, 0.25])
    np.testing.assert_allclose(average(probabilities, weights), np.tensordot(weights, probabilities, axes=1))


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_as_good_as_a_general_optimisers(seed: int) -> None:
    probabilities, labels = models(seed)
    weights = fit_weights(probabilities, labels)
    assert weights.sum() == pytest.approx(1)
    other = minimize(
        lambda x: log_loss(np.exp(x) / np.exp(x).sum(), probabilities, labels), np.zeros(3), method="Nelder-Mead"
    )
    assert log_loss(weights, probabilities, labels) <= other.fun + 1e-4
    assert weights[0] > weights[1] > weights[2]


def test_order_does_not_matter_and_equals_share() -> None:
    probabilities, labels = models(1)
    np.testing.assert_allclose(fit_weights(probabilities[::-1], labels)[::-1], fit_weights(probabilities, labels))
    same = np.stack([probabilities[0]] * 3)
    np.testing.assert_allclose(fit_weights(same, labels), 1 / 3)


def test_a_certain_mistake_of_all_is_no_obstacle() -> None:
    wrong = np.zeros((2, 4, 7))
    wrong[:, :, 0] = 1
    assert np.isfinite(fit_weights(wrong, [1, 1, 1, 1])).all()


@pytest.mark.parametrize(
    ("probabilities", "weights"),
    [
        (np.ones((2, 7)), None),
        (np.ones((0, 3, 7)), None),
        (np.ones((2, 3, 7)), [0.5, 0.6]),
        (np.ones((2, 3, 7)), [1, 0, 0]),
    ],
)
def test_what_does_not_fit_is_refused(probabilities: np.ndarray, weights: list[float] | None) -> None:
    with pytest.raises(InputError):
        average(probabilities, weights)
    with pytest.raises(InputError):
        fit_weights(np.ones((2, 3, 7)), [0, 1])
