"""Measures of a classifier on one split: accuracy, balanced accuracy, macro F1, calibration, with 95 % intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix

from bimodal.errors import InputError
from bimodal.evaluation.statistics import RESAMPLES, Estimate, percentile_interval, resampled_indices, wilson

BINS = 15
"""Equal-width bins of confidence: (0, 1/15], (1/15, 2/15], ..., (14/15, 1]."""


@dataclass(frozen=True)
class ClassMeasures:
    """Measures of one class; None where one is not defined.

    Attributes:
        code: the class.
        support: number of examples of the class.
        recall: None if the split has no example of the class.
        precision: None if the class is never predicted.
        f1: None if the split has no example of the class.
    """

    code: int
    support: int
    recall: Estimate | None
    precision: Estimate | None
    f1: float | None


@dataclass(frozen=True, eq=False)
class Reliability:
    """The bins of a reliability diagram: edges (BINS + 1,), the others (BINS,); an empty bin has only zeros."""

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measures:
    """All measures of one model on one split.

    Attributes:
        confusion: (classes, classes); rows are the given labels, columns the predictions.
        absent: codes of the classes without an example; balanced accuracy and macro F1 are means over the others.
    """

    n: int
    accuracy: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate
    calibration_error: Estimate
    classes: tuple[ClassMeasures, ...]
    confusion: NDArray[np.int64]
    reliability: Reliability
    absent: tuple[int, ...]


@dataclass(frozen=True)
class BothWays:
    """The accuracy without blank pictures (None if all are blank), and with unreadable pictures counted as wrong."""

    without_blank: Estimate | None
    unreadable_wrong: Estimate
    n_blank: int
    n_unreadable: int


def measure(labels: ArrayLike, probabilities: ArrayLike, seed: int = 0) -> Measures:
    """Measure predictions against labels.

    Intervals: Wilson's for accuracy, precision and recall; for balanced accuracy (the mean recall), macro F1 and the
    expected calibration error, the percentiles of 2,000 bootstrap samples of the examples. Means over classes include
    the classes that have an example. The calibration error (Guo et al. 2017, "On calibration of modern neural
    networks", equation 3) takes the highest probability as the confidence and 15 bins of equal width; with few examples
    it is biased upwards, and its interval is too wide.

    Args:
        labels: codes, (N,), N >= 1.
        probabilities: rows that add up to 1, (N, classes); the prediction is the class with the highest probability,
            the first one in a tie.
        seed: random seed for the bootstrap.

    Raises:
        InputError: the shapes do not fit, a label is out of range, or a row is not a distribution.

    >>> measures = measure([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> round(measures.accuracy.value, 3), measures.confusion.tolist()
    (0.667, [[1, 0], [1, 1]])
    """
    truth, shares = _checked(labels, probabilities)
    n, classes = shares.shape
    predicted = shares.argmax(axis=1)
    confusion: NDArray[np.int64] = confusion_matrix(truth, predicted, labels=range(classes)).astype(np.int64)
    rng = np.random.default_rng(seed)
    # Both means depend on the examples only through the confusion matrix: resampling examples means drawing matrices
    # from a multinomial distribution.
    drawn = rng.multinomial(n, confusion.ravel() / n, size=RESAMPLES).reshape(-1, classes, classes)
    (recall, f1), (drawn_recall, drawn_f1) = class_means(confusion[None]), class_means(drawn)
    confidence, correct = shares.max(axis=1), predicted == truth
    return Measures(
        n=n,
        accuracy=wilson(int(np.trace(confusion)), n),
        balanced_accuracy=percentile_interval(recall[0], drawn_recall),
        macro_f1=percentile_interval(f1[0], drawn_f1),
        calibration_error=_calibration_error(confidence, correct, rng),
        classes=tuple(_class_measures(confusion, code) for code in range(classes)),
        confusion=confusion,
        reliability=_reliability(confidence, correct),
        absent=tuple(np.flatnonzero(confusion.sum(axis=1) == 0).tolist()),
    )


def accuracy_both_ways(correct: ArrayLike, blank: ArrayLike, n_unreadable: int = 0) -> BothWays:
    """Return the accuracy without blank pictures, and with unreadable pictures counted as wrong.

    SFEW's official validation set has 12 black pictures, which no model can classify: accuracies are comparable only if
    they count such pictures in the same way.

    Args:
        correct: whether each readable example is predicted right, (N,), N >= 1.
        blank: whether the picture has a single colour, (N,).
        n_unreadable: number of pictures of the split that cannot be read, in addition to the N.

    Raises:
        InputError: the shapes do not fit, or the count is negative.

    >>> both = accuracy_both_ways([True, True, False, False], [False, False, False, True], n_unreadable=1)
    >>> round(both.without_blank.value, 3), both.unreadable_wrong.value
    (0.667, 0.4)
    """
    right, empty = np.asarray(correct, dtype=bool), np.asarray(blank, dtype=bool)
    if right.ndim != 1 or right.shape != empty.shape or right.size == 0 or n_unreadable < 0:
        given = f"{right.shape}, {empty.shape}, {n_unreadable}"
        raise InputError(f"expected two masks of one length and a count >= 0, got {given}")
    shown = right[~empty]
    return BothWays(
        without_blank=wilson(int(shown.sum()), shown.size) if shown.size else None,
        unreadable_wrong=wilson(int(right.sum()), right.size + n_unreadable),
        n_blank=int(empty.sum()),
        n_unreadable=n_unreadable,
    )


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    truth, shares = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if shares.ndim != 2 or truth.shape != shares.shape[:1] or truth.size == 0:
        given = f"{truth.shape} and {shares.shape}"
        raise InputError(f"expected labels (N,) and probabilities (N, classes) with N >= 1, got {given}")
    if not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0 or truth.max() >= shares.shape[1]:
        raise InputError(f"labels must be codes from 0 to {shares.shape[1] - 1}, got {np.unique(truth)[:10]}")
    off = ~np.isfinite(shares).all(axis=1) | (shares < 0).any(axis=1) | (np.abs(shares.sum(axis=1) - 1) > 1e-3)
    if off.any():
        row = int(off.argmax())
        raise InputError(f"rows of probabilities must be >= 0 and add up to 1; row {row} is {shares[row].tolist()}")
    return truth.astype(np.int64), shares


def class_means(confusion: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean recall and mean F1 over the classes present, each (R,), of matrices (R, classes, classes)."""
    support, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    right, present = np.diagonal(confusion, axis1=1, axis2=2), support > 0
    recall, f1 = right / np.maximum(support, 1), 2 * right / np.maximum(support + predicted, 1)
    number = present.sum(axis=1)
    return (recall * present).sum(axis=1) / number, (f1 * present).sum(axis=1) / number


def _class_measures(confusion: NDArray[np.int64], code: int) -> ClassMeasures:
    right, support, predicted = map(int, (confusion[code, code], confusion[code].sum(), confusion[:, code].sum()))
    return ClassMeasures(
        code=code,
        support=support,
        recall=wilson(right, support) if support else None,
        precision=wilson(right, predicted) if predicted else None,
        f1=2 * right / (support + predicted) if support else None,
    )


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def _reliability(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> Reliability:
    bins = _bins(confidence)
    count = np.bincount(bins, minlength=BINS)
    divisor = np.maximum(count, 1)
    return Reliability(
        edges=np.linspace(0, 1, BINS + 1),
        count=count.astype(np.int64),
        confidence=np.bincount(bins, confidence, BINS) / divisor,
        accuracy=np.bincount(bins, correct, BINS) / divisor,
    )


def _calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], rng: np.random.Generator
) -> Estimate:
    """Return the sum over the bins of |accuracy - confidence| times the share of examples in the bin."""
    bins, gap, n = _bins(confidence), correct - confidence, confidence.size
    value = np.abs(np.bincount(bins, gap, BINS)).sum() / n
    resampled = []
    for picked in resampled_indices(n, RESAMPLES, rng):
        cell = np.arange(len(picked))[:, None] * BINS + bins[picked]
        sums = np.bincount(cell.ravel(), gap[picked].ravel(), len(picked) * BINS)
        resampled.append(np.abs(sums.reshape(-1, BINS)).sum(axis=1) / n)
    return percentile_interval(float(value), np.concatenate(resampled))
