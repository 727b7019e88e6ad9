"""The model of label noise: agreement with a slow independent fit, symmetries, false alarms, and estimated rates."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import softmax
from sklearn.metrics import average_precision_score

from bimodal.errors import InputError
from bimodal.removal.noise_model import PRIOR_RIGHT, PRIOR_WRONG, _fit, _loss, label_noise
from tests.removal.test_two_modes import max_alarms


def simulate_held_out(
    seed: int, size: int = 600, classes: int = 7, sharpness: float = 2.0, rate: float = 0.0, kind: str = "symmetric"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, calibrated probabilities of the true classes, and which labels are wrong."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, size)
    evidence = rng.normal(size=(size, classes))
    evidence[np.arange(size), true] += sharpness
    is_wrong = rng.random(size) < rate
    shift = 1 if kind == "pair" else rng.integers(1, classes, size)
    return np.where(is_wrong, (true + shift) % classes, true), softmax(sharpness * evidence, axis=1), is_wrong


def log_posterior(
    weight: float, bias: np.ndarray, transition: np.ndarray, probs: np.ndarray, labels: np.ndarray
) -> float:
    """Return the log posterior of the parameters, one example after the other."""
    total = -0.5 * float(bias @ bias)
    for k in range(len(bias)):
        for y in range(len(bias)):
            total += (PRIOR_RIGHT if k == y else PRIOR_WRONG) * np.log(transition[k, y])
    for row, label in zip(probs, labels, strict=True):
        q = [row[k] ** weight * np.exp(bias[k]) for k in range(len(bias))]
        total += np.log(sum(q[k] / sum(q) * transition[k, label] for k in range(len(bias))))
    return total


def fit_by_em(probs: np.ndarray, labels: np.ndarray, steps: int = 200) -> tuple[float, np.ndarray]:
    """Return the maximum of the log posterior and the transition matrix, by expectation and maximisation.

    The weight and the biases have no closed form: a coordinate search that needs no gradients improves them.
    """
    count, size = probs.shape
    weight, bias = 1.0, np.zeros(size)
    transition = np.where(np.eye(size) > 0, 0.8, 0.2 / (size - 1))
    prior = np.where(np.eye(size) > 0, PRIOR_RIGHT, PRIOR_WRONG)
    width = 0.3
    for _ in range(steps):
        q = softmax(weight * np.log(probs) + bias, axis=1)
        responsibility = q * transition[:, labels].T
        responsibility /= responsibility.sum(axis=1, keepdims=True)
        counts = prior.copy()
        for i in range(count):
            counts[:, labels[i]] += responsibility[i]
        transition = counts / counts.sum(axis=1, keepdims=True)
        best, improved = log_posterior(weight, bias, transition, probs, labels), False
        for index in range(size + 1):
            for sign in (-1, 1):
                step = sign * width * np.eye(size + 1)[index]
                trial = log_posterior(weight + step[0], bias + step[1:], transition, probs, labels)
                if trial > best:
                    best, weight, bias, improved = trial, weight + step[0], bias + step[1:], True
        width = width if improved else 0.7 * width
    return best, transition


def test_the_fit_is_that_of_expectation_and_maximisation() -> None:
    labels, probs, _ = simulate_held_out(0, 60, 3, rate=0.3)
    expected, transition = fit_by_em(probs, labels)
    fitted = _fit([np.log(probs)], labels, noise=True)
    assert -fitted.loss == pytest.approx(expected, abs=0.01)
    np.testing.assert_allclose(fitted.transition, transition, atol=0.01)


@pytest.mark.parametrize("noise", [True, False])
@pytest.mark.parametrize("predictors", [1, 2])
def test_the_gradient_is_that_of_finite_differences(noise: bool, predictors: int) -> None:
    labels, probs, _ = simulate_held_out(1, 50, 4, rate=0.2)
    logs = np.log(np.stack([probs, probs[::-1]])[:predictors])
    values = np.random.default_rng(0).normal(size=predictors + 4 + 16 * noise)
    numeric = approx_fprime(values, lambda values: _loss(values, logs, labels)[0], 1e-6)
    np.testing.assert_allclose(_loss(values, logs, labels)[1], numeric, atol=1e-3)


def test_the_order_of_the_examples_does_not_matter() -> None:
    labels, probs, _ = simulate_held_out(2, 300, 5, rate=0.2)
    order = np.random.default_rng(0).permutation(300)
    first, second = (label_noise(labels[rows], probs[rows], alpha=None) for rows in (np.arange(300), order))
    assert second.noise_rate == pytest.approx(first.noise_rate, abs=1e-3)
    np.testing.assert_allclose(second.probability, first.probability[order], atol=0.01)


def test_the_numbers_of_the_classes_do_not_matter() -> None:
    labels, probs, _ = simulate_held_out(3, 300, 4, rate=0.2)
    new = np.array([2, 0, 3, 1])  # class k becomes new[k]
    first = label_noise(labels, probs, alpha=None)
    second = label_noise(new[labels], probs[:, np.argsort(new)], alpha=None)
    np.testing.assert_allclose(second.probability, first.probability, atol=0.01)
    np.testing.assert_allclose(second.transition[np.ix_(new, new)], first.transition, atol=0.01)
    assert (second.suggested == new[first.suggested]).mean() > 0.99


def test_false_alarms_are_at_most_alpha() -> None:
    alarms = [
        label_noise(*simulate_held_out(seed, 300, 5, sharpness)[:2], alpha=0.1, seed=seed).has_label_issues
        for seed in range(10)
        for sharpness in (1.0, 2.5)
    ]
    assert sum(alarms) <= max_alarms(0.1, 20)


@pytest.mark.parametrize("alpha", [0.05, 0.5])
def test_without_label_issues_nothing_is_called(alpha: float) -> None:
    labels, probs, _ = simulate_held_out(0)
    result = label_noise(labels, probs, alpha=alpha)
    assert not result.has_label_issues
    assert alpha < result.p_value <= 1
    assert (result.noise_rate, result.threshold) == (0, np.inf)
    assert not (result.is_label_issue | result.remove).any()
    assert result.probability.mean() < 0.05


@pytest.mark.parametrize(
    ("rate", "kind"), [(0.1, "symmetric"), (0.2, "symmetric"), (0.4, "symmetric"), (0.2, "pair"), (0.3, "pair")]
)
def test_the_estimated_share_is_within_seven_points(rate: float, kind: str) -> None:
    for seed in range(2):
        labels, probs, is_wrong = simulate_held_out(seed, 700, 7, 3.0, rate, kind)
        result = label_noise(labels, probs)
        assert result.has_label_issues
        assert result.p_value <= 0.05
        assert abs(result.noise_rate - is_wrong.mean()) < 0.07
        assert is_wrong[result.is_label_issue].mean() > 0.7
        assert result.is_label_issue[is_wrong].mean() > 0.7
        assert (result.suggested != labels).all()
        assert (result.remove <= result.is_label_issue).all()
        assert (np.diff(result.probability[np.argsort(result.score)]) >= 0).all()


def test_the_transition_matrix_is_near_the_true_one() -> None:
    labels, probs, _ = simulate_held_out(0, 2000, 4, 3.0, 0.3, "pair")
    transition = label_noise(labels, probs, alpha=None).transition
    np.testing.assert_allclose(transition.sum(axis=1), 1)
    np.testing.assert_allclose(transition, 0.7 * np.eye(4) + 0.3 * np.roll(np.eye(4), 1, axis=1), atol=0.08)


def test_a_second_predictor_improves_the_ranking_and_a_useless_one_does_no_harm() -> None:
    labels, probs, is_wrong = simulate_held_out(0, 900, 7, 1.5, 0.2)
    rng = np.random.default_rng(1)
    true_class = np.where(is_wrong[:, None], 0.0, np.eye(7)[labels])
    good = softmax(2 * true_class + rng.normal(size=(900, 7)), axis=1)
    useless = softmax(rng.normal(size=(900, 7)), axis=1)
    alone, helped, same = (
        average_precision_score(is_wrong, label_noise(labels, probs, *others, alpha=None).score)
        for others in ((), (good,), (useless,))
    )
    assert helped > alone + 0.05
    assert same > alone - 0.03


def test_without_a_test_there_are_wrong_labels_and_no_p_value() -> None:
    labels, probs, _ = simulate_held_out(0, 200)
    result = label_noise(labels, probs, alpha=None)
    assert result.has_label_issues
    assert np.isnan(result.p_value)
    tested = label_noise(labels, probs)
    np.testing.assert_array_equal(result.probability, tested.probability)


def test_the_same_seed_gives_the_same_result() -> None:
    labels, probs, _ = simulate_held_out(6, 200, 4, 1.2, 0.01)  # its p-value is neither 1 nor the smallest
    first, second = label_noise(labels, probs, seed=3), label_noise(labels, probs, seed=3)
    assert first.p_value == second.p_value
    np.testing.assert_array_equal(first.score, second.score)
    assert len({label_noise(labels, probs, seed=seed).p_value for seed in range(5)}) > 1


def test_the_test_of_a_large_set_takes_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bimodal.removal.noise_model.MAX_TESTED", 250)
    labels, probs, _ = simulate_held_out(0, 1000, rate=0.2)
    result = label_noise(labels, probs)
    assert result.p_value <= 0.05
    assert result.score.shape == (1000,)


def test_a_class_without_labels_is_never_suggested() -> None:
    labels, probs, _ = simulate_held_out(0, 400, 5, rate=0.2)
    rows = labels != 2
    result = label_noise(labels[rows], probs[rows])
    assert result.has_label_issues
    assert (result.suggested != 2).all()
    np.testing.assert_array_equal(result.transition[2], np.eye(5)[2])
    np.testing.assert_array_equal(result.transition[[0, 1, 3, 4], 2], 0)


def test_two_classes_and_one_class() -> None:
    labels, probs, is_wrong = simulate_held_out(0, 400, 2, 3.0, 0.2)
    result = label_noise(labels, probs)
    assert abs(result.noise_rate - is_wrong.mean()) < 0.07
    assert result.suggested.tolist() == (1 - labels).tolist()
    one = label_noise(np.zeros(50, dtype=int), np.full((50, 3), 1 / 3))
    assert not one.has_label_issues
    assert np.isfinite(one.score).all()


def test_rare_classes_are_not_removed_without_review() -> None:
    labels, probs, _ = simulate_held_out(0, 900, 4, 3.0, 0.2)
    rows = (labels != 3) | (np.arange(900) % 9 == 0)
    result = label_noise(labels[rows], probs[rows])
    assert result.remove.any()
    assert not result.remove[labels[rows] == 3].any()


def test_predictions_of_zero_and_sums_other_than_one_are_accepted() -> None:
    labels, probs, _ = simulate_held_out(0, 200, 3, rate=0.2)
    probs = np.where(probs < 0.01, 0.0, probs)
    plain, scaled = label_noise(labels, probs), label_noise(labels, 7 * probs)
    assert np.isfinite(plain.score).all()
    np.testing.assert_allclose(scaled.probability, plain.probability, atol=1e-3)


@pytest.mark.parametrize(
    ("labels", "arguments", "options", "message"),
    [
        ([0, 1, 2], (np.ones((3, 2)),), {}, "labels must be whole numbers from 0 to 1"),
        ([0, 1], (np.ones((3, 2)),), {}, "got shapes"),
        ([0, 1], (np.array([[0.5, np.nan], [1, 0]]),), {}, "finite"),
        ([0, 1], (np.array([[0.5, -0.1], [1, 0]]),), {}, "none below 0"),
        ([0, 1], (np.ones((2, 2)), np.ones((2, 3))), {}, r"one shape \(N, C\), got \(2, 2\), \(2, 3\)"),
        ([0, 1], (np.ones((2, 2)),), {"alpha": 0.0}, "alpha must lie between 0 and 1, got 0"),
        ([0, 1], (np.ones((2, 2)),), {"alpha": float("nan")}, "alpha must lie between 0 and 1"),
    ],
)
def test_invalid_input_is_an_error(labels: Any, arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        label_noise(labels, *arguments, **options)
