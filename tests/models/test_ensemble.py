import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from bimodal.errors import InputError
from bimodal.models.ensemble import average, fit_weights

Probabilities = NDArray[np.float64]


def some(members: int, n: int = 80, classes: int = 7, seed: int = 0) -> tuple[Probabilities, NDArray[np.int64]]:
    """Models with increasing accuracy."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    logits = rng.normal(size=(members, n, classes))
    logits += np.linspace(0, 1.5, members)[:, None, None] * np.eye(classes)[labels]
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=2, keepdims=True), labels


def log_loss(weights: Probabilities, models: Probabilities, labels: NDArray[np.int64]) -> float:
    total = 0.0
    for face, label in enumerate(labels):
        total -= np.log(sum(weight * model[face, label] for weight, model in zip(weights, models, strict=True)))
    return float(total) / len(labels)


def slow_average(models: Probabilities, weights: Probabilities) -> Probabilities:
    result = np.zeros(models.shape[1:])
    for weight, model in zip(weights, models, strict=True):
        for face in range(len(model)):
            for code in range(model.shape[1]):
                result[face, code] += weight * model[face, code]
    return result


def test_the_average_is_taken_for_each_number() -> None:
    models, _ = some(3, n=5)
    assert average(models) == pytest.approx(slow_average(models, np.full(3, 1 / 3)))
    weights = np.array([0.2, 0.7, 0.1])
    assert average(models, weights) == pytest.approx(slow_average(models, weights))
    assert average(models, weights).sum(axis=1) == pytest.approx(1)


def test_a_list_of_models_is_accepted() -> None:
    models, labels = some(3)
    assert np.array_equal(average(list(models)), average(models))
    assert np.array_equal(fit_weights(list(models), labels), fit_weights(models, labels))


def test_all_weight_on_one_model_is_that_model_and_one_model_is_itself() -> None:
    models, labels = some(3)
    assert np.array_equal(average(models, [0, 1, 0]), models[1])
    assert np.array_equal(average(models[:1]), models[0])
    assert np.array_equal(fit_weights(models[:1], labels), [1.0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("members", [2, 3, 6])
def test_fitted_weights_have_the_loss_of_a_general_optimiser(members: int, seed: int) -> None:
    models, labels = some(members, seed=seed)
    weights = fit_weights(models, labels)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    found = minimize(
        log_loss,
        np.full(members, 1 / members),
        args=(models, labels),
        method="SLSQP",
        bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        options={"ftol": 1e-12},
    )
    ours = log_loss(weights, models, labels)
    assert ours == pytest.approx(found.fun, abs=2e-6)
    assert ours <= log_loss(np.full(members, 1 / members), models, labels)
    assert ours <= min(log_loss(one, models, labels) for one in np.eye(members)) + 1e-6


def test_weights_keep_the_order_of_the_models_and_equal_models_get_equal_weights() -> None:
    models, labels = some(4)
    order = [2, 0, 3, 1]
    assert fit_weights(models[order], labels) == pytest.approx(fit_weights(models, labels)[order], abs=1e-9)
    assert fit_weights([models[1]] * 3, labels) == pytest.approx(1 / 3)


def test_a_label_with_probability_0_has_a_finite_loss() -> None:
    models = np.array([[[1.0, 0.0], [0.6, 0.4]], [[1.0, 0.0], [0.9, 0.1]]])
    assert fit_weights(models, [1, 1]) == pytest.approx([1, 0], abs=1e-3)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ([], "one or more models"),
        ([[0.5, 0.5]], "all of one shape"),
        ([[[0.5, 0.5]], [[0.5, 0.5], [0.1, 0.9]]], "all of one shape"),
        ([[[0.5, np.nan]]], "from 0 to 1"),
        ([[[-0.1, 1.1]]], "from 0 to 1"),
        ([[[2.0, 3.0]]], "from 0 to 1"),
    ],
    ids=["none", "no rows", "other faces", "NaN", "negative", "logits"],
)
def test_other_values_than_probabilities_are_refused(models: list[object], words: str) -> None:
    for call in (lambda: average(models), lambda: fit_weights(models, [0])):  # type: ignore[arg-type]
        with pytest.raises(InputError, match=words):
            call()


@pytest.mark.parametrize("weights", [[0.5], [0.7, 0.7], [1.5, -0.5], [np.nan, 1.0], [[0.5, 0.5]]], ids=str)
def test_weights_that_do_not_fit_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="2 weights"):
        average(some(2)[0], weights)


@pytest.mark.parametrize("labels", [[0, 1], [], [0, 7, 1], [0, -1, 1]], ids=str)
def test_labels_that_do_not_fit_are_refused(labels: list[int]) -> None:
    with pytest.raises(InputError, match="label"):
        fit_weights(some(2, n=3)[0], labels)
