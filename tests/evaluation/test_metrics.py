"""Every metric against scikit-learn or a literal loop; the bootstrap against a loop over examples."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as reference

from bimodal.errors import InputError
from bimodal.evaluation.metrics import BINS, accuracy_both_ways, measure
from bimodal.evaluation.statistics import Estimate, wilson

Sample = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def sample() -> Sample:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 300)
    probabilities = rng.dirichlet(np.full(7, 0.5), 300)
    probabilities[np.arange(300), labels] += 0.3
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_values_are_scikit_learns(sample: Sample) -> None:
    labels, probabilities = sample
    predicted = probabilities.argmax(axis=1)
    measures = measure(labels, probabilities)
    assert measures.accuracy == wilson(int((labels == predicted).sum()), 300)
    assert measures.balanced_accuracy.value == pytest.approx(reference.balanced_accuracy_score(labels, predicted))
    assert measures.macro_f1.value == pytest.approx(reference.f1_score(labels, predicted, average="macro"))
    assert (measures.confusion == reference.confusion_matrix(labels, predicted)).all()
    precision, recall, f1, support = reference.precision_recall_fscore_support(labels, predicted)
    for own in measures.classes:
        assert own.precision is not None
        assert own.recall is not None
        assert (own.precision.value, own.recall.value, own.f1, own.support) == pytest.approx(
            (precision[own.code], recall[own.code], f1[own.code], support[own.code])
        )
        assert own.recall == wilson(int(measures.confusion[own.code, own.code]), own.support)


def _slow_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0.0
    for number in range(BINS):
        inside = (confidence > number / BINS) & (confidence <= (number + 1) / BINS)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def test_calibration_error_is_the_definition(sample: Sample) -> None:
    measures = measure(*sample)
    assert measures.calibration_error.value == pytest.approx(_slow_calibration_error(*sample))
    bins = measures.reliability
    assert bins.count.sum() == 300
    assert (bins.count * np.abs(bins.accuracy - bins.confidence)).sum() / 300 == pytest.approx(
        measures.calibration_error.value
    )


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("balanced_accuracy", lambda y, p: reference.balanced_accuracy_score(y, p.argmax(axis=1))),
        ("macro_f1", lambda y, p: reference.f1_score(y, p.argmax(axis=1), average="macro")),
        ("calibration_error", _slow_calibration_error),
    ],
)
def test_intervals_match_a_plain_bootstrap(name: str, statistic: Callable[..., float], sample: Sample) -> None:
    labels, probabilities = sample
    rng = np.random.default_rng(7)
    picks = [rng.integers(0, 300, 300) for _ in range(600)]
    low, high = np.quantile([statistic(labels[i], probabilities[i]) for i in picks], [0.025, 0.975])
    estimate: Estimate = getattr(measure(labels, probabilities), name)
    assert estimate.low == pytest.approx(low, abs=0.015)
    assert estimate.high == pytest.approx(high, abs=0.015)
    assert estimate.low <= estimate.value <= estimate.high


def test_order_of_examples_does_not_matter_and_the_seed_fixes_the_interval(sample: Sample) -> None:
    labels, probabilities = sample
    order = np.random.default_rng(1).permutation(300)
    one, two = measure(labels, probabilities), measure(labels[order], probabilities[order])
    assert one.macro_f1 == two.macro_f1
    assert (one.confusion == two.confusion).all()
    assert one.calibration_error.value == pytest.approx(two.calibration_error.value)
    assert measure(labels, probabilities).calibration_error == one.calibration_error
    assert measure(labels, probabilities, seed=1).macro_f1 != one.macro_f1


def test_absent_classes_are_said_and_leave_no_nan() -> None:
    probabilities = np.eye(7)[[0, 0, 1, 2]]
    measures = measure([0, 0, 1, 1], probabilities)
    assert measures.absent == (2, 3, 4, 5, 6)
    assert measures.balanced_accuracy.value == pytest.approx(0.75)
    assert measures.macro_f1.value == pytest.approx((1 + 2 / 3) / 2)
    assert measures.classes[2].recall is None
    assert measures.classes[2].precision is not None
    assert measures.classes[2].precision.value == 0
    assert measures.classes[6].precision is None
    for estimate in (measures.balanced_accuracy, measures.macro_f1, measures.calibration_error):
        assert estimate.bounded
    assert np.isfinite(measures.reliability.accuracy).all()


def test_perfect_and_single() -> None:
    perfect = measure(np.arange(7), np.eye(7))
    assert perfect.macro_f1 == Estimate(1.0, 1.0, 1.0)
    assert perfect.calibration_error == Estimate(0.0, 0.0, 0.0)
    assert measure([3], [np.eye(7)[2]]).accuracy.value == 0


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        ([], np.empty((0, 7))),
        ([0, 1], np.eye(7)[:1]),
        ([7], np.eye(7)[:1]),
        ([-1], np.eye(7)[:1]),
        ([0.5], np.eye(7)[:1]),
        ([0], [[0.5, 0.4]]),
        ([0], [[np.nan, 1.0]]),
        ([0], [[1.5, -0.5]]),
        ([0], [1.0]),
    ],
)
def test_bad_input_is_refused(labels: list[int], probabilities: np.ndarray) -> None:
    with pytest.raises(InputError):
        measure(labels, probabilities)


def test_accuracy_both_ways() -> None:
    # SFEW's validation half with 6 of its black faces, each of them wrong, and 4 faces that could not be read
    correct = np.r_[np.ones(90, bool), np.zeros(126, bool)]
    blank = np.r_[np.zeros(210, bool), np.ones(6, bool)]
    both = accuracy_both_ways(correct, blank, n_unreadable=4)
    assert both.without_blank == wilson(90, 210)
    assert both.unreadable_wrong == wilson(90, 220)
    assert (both.n_blank, both.n_unreadable) == (6, 4)
    assert accuracy_both_ways([True], [True]).without_blank is None
    with pytest.raises(InputError):
        accuracy_both_ways([True], [True, False])
