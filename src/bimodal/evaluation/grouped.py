"""Accuracy, balanced accuracy and macro F1 with 95 % intervals for faces that belong to groups, such as persons."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bimodal.errors import InputError
from bimodal.evaluation.metrics import class_means, measure
from bimodal.evaluation.statistics import CONFIDENCE, RESAMPLES, Estimate, wilson

_CHUNK = 2_000_000
"""Numbers drawn at a time, so that memory does not grow with the groups."""


@dataclass(frozen=True)
class GroupedMeasures:
    """Measures of n examples in a number of groups; each example of no known group counts as a group."""

    n: int
    groups: int
    accuracy: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate


def measure_groups(labels: ArrayLike, probabilities: ArrayLike, groups: ArrayLike, seed: int = 0) -> GroupedMeasures:
    """Measure predictions, with intervals that hold for other groups of the same kind.

    Examples of one group (faces of one person, copies of one picture) tend to be right or wrong together, so intervals
    that count examples are too short. Here whole groups are drawn with replacement 2,000 times, and the interval is
    Student's t interval with the standard deviation of the results and one degree of freedom less than groups: with 8 to
    150 simulated groups it contained the true accuracy in 93 to 95 of 100 cases, percentiles in 89 to 94, and Wilson's
    interval over the examples in 72 to 93. The interval of the accuracy is at least as wide as Wilson's. Where each example
    is a group, the intervals are those of `metrics.measure`; a single group gives no interval (infinite ends).

    Args:
        labels: codes, (N,), N >= 1.
        probabilities: rows that add up to 1, (N, classes).
        groups: the number of each example's group, (N,).
        seed: random seed for the bootstrap.

    Raises:
        InputError: the shapes do not fit, a label is out of range, or a row is not a distribution.

    >>> shares = [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3]] * 3
    >>> measures = measure_groups([0, 0, 1, 1] * 3, shares, np.repeat(range(6), 2))
    >>> measures.accuracy.value, measures.groups, measures.accuracy.high - measures.accuracy.low > 0.9
    (0.5, 6, True)
    """
    single = measure(labels, probabilities, seed)
    numbers = np.asarray(groups)
    if numbers.shape != (single.n,):
        raise InputError(f"expected the group of each of {single.n} examples, got {numbers.shape}")
    _, group = np.unique(numbers, return_inverse=True)
    count = int(group.max()) + 1
    if count == single.n:
        return GroupedMeasures(single.n, count, single.accuracy, single.balanced_accuracy, single.macro_f1)
    truth, predicted = np.asarray(labels, dtype=np.int64), np.asarray(probabilities).argmax(axis=1)
    classes = len(single.confusion)
    confusions = np.zeros((count, classes * classes))
    np.add.at(confusions, (group, truth * classes + predicted), 1)
    drawn = _drawn_confusions(confusions, np.random.default_rng(seed)).reshape(-1, classes, classes)
    recall, f1 = class_means(drawn)
    accuracy = np.diagonal(drawn, axis1=1, axis2=2).sum(axis=1) / drawn.sum(axis=(1, 2))
    by_example = wilson(int(np.trace(single.confusion)), single.n)
    by_group = _t_interval(single.accuracy.value, accuracy, count)
    return GroupedMeasures(
        n=single.n,
        groups=count,
        accuracy=Estimate(by_group.value, min(by_group.low, by_example.low), max(by_group.high, by_example.high)),
        balanced_accuracy=_t_interval(single.balanced_accuracy.value, recall, count),
        macro_f1=_t_interval(single.macro_f1.value, f1, count),
    )


def _drawn_confusions(confusions: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the summed confusion matrices, (RESAMPLES, cells), of groups drawn with replacement from (groups, cells)."""
    count = len(confusions)
    rows = max(1, _CHUNK // count)
    sums = []
    for start in range(0, RESAMPLES, rows):
        times = rng.multinomial(count, np.full(count, 1 / count), size=min(rows, RESAMPLES - start))
        sums.append(times.astype(np.float64) @ confusions)
    return np.concatenate(sums).round().astype(np.int64)


def _t_interval(value: float, drawn: NDArray[np.float64], groups: int) -> Estimate:
    """Return a share with Student's t interval, cut off at 0 and 1; with infinite ends for one group."""
    if groups < 2:
        return Estimate(value, -math.inf, math.inf)
    error = float(drawn.std()) * math.sqrt(groups / (groups - 1))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, groups - 1)) * error
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))
