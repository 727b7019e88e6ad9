"""Label issues of N examples, as each method that finds them returns them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_PROBABILITY = 0.5
"""Smallest probability of a wrong label with which an example is removed without review."""


@dataclass(frozen=True, eq=False)
class LabelIssues:
    """What a method found about N examples.

    Attributes:
        has_label_issues: whether a test found wrong labels.
        noise_rate: the estimated share of wrong labels; 0 if no test found any.
        score: (N,), by which labels are ranked; higher for a label that is more probably wrong.
        probability: (N,), 0 to 1, the probability that the label is wrong.
        threshold: the lowest score of a label issue; infinity if there is none.
        is_label_issue: (N,) bool, the labels to review: as many as give the highest expected F1.
        remove: (N,) bool, the label issues that may be removed without review: probably wrong, and of no rare class.
        suggested: (N,), the most probable class other than the label, among the classes that occur as labels.
        confidence: (N,), 0 to 1, its probability.
    """

    has_label_issues: bool
    noise_rate: float
    score: NDArray[np.float64]
    probability: NDArray[np.float64]
    threshold: float
    is_label_issue: NDArray[np.bool_]
    remove: NDArray[np.bool_]
    suggested: NDArray[np.int64]
    confidence: NDArray[np.float64]


def best_count(descending: NDArray[np.float64], wrong: float) -> int:
    """Return how many of the most probably wrong labels give the highest expected F1.

    Args:
        descending: (N,), probabilities that the labels are wrong, highest first.
        wrong: the expected number of wrong labels.
    """
    counts = np.arange(1, len(descending) + 1)
    return int(counts[np.argmax(2 * np.cumsum(descending) / (counts + wrong))])
