"""The log-odds that labels are wrong, corrected by what reviewers decided so far, and how many wrong labels are left."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

_INTERCEPT, _SLOPE, _LABEL = 1.5, 0.3, 0.7
"""Prior standard deviations: of the correction for all faces, of the factor of the log-odds, and of the corrections for each
given and each suggested label. So the model's probabilities hold until decisions speak against them."""
_MAX_SCORE, _ITERATIONS, _DRAWS = 8.0, 25, 400
LEVEL = 0.95


@dataclass(frozen=True)
class WrongLeft:
    """How many labels are probably wrong among the faces without a decision.

    Attributes:
        expected: their expected number.
        low, high: the ends of the 95 % interval.
    """

    expected: float
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A logistic regression of the decisions on the log-odds of a model of label noise, with a normal prior and posterior.

    Attributes:
        coefficients: (P,), of intercept, log-odds, given label and suggested label; their most probable values.
        covariance: (P,P), by Laplace's approximation.
        classes: C.
    """

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    classes: int

    @classmethod
    def fit(
        cls,
        score: NDArray[np.float64],
        given: NDArray[np.int64],
        suggested: NDArray[np.int64],
        wrong: NDArray[np.bool_],
        classes: int,
    ) -> "Recalibration":
        """Fit to n decided labels. Which faces were decided may depend on all these inputs except `wrong`.

        Args:
            score: (n,), log-odds that the label is wrong, by the model.
            given: (n,), the given labels, 0 to C - 1.
            suggested: (n,), the most probable other labels.
            wrong: (n,), whether reviewers changed or removed the label.
            classes: C.

        >>> score, label = np.full(40, 2.0), np.zeros(40, dtype=np.int64)
        >>> fitted = Recalibration.fit(score, label, label + 1, np.arange(40) < 10, classes=2)
        >>> bool(abs(expit(fitted.corrected(score, label, label + 1)[0]) - 0.25) < 0.05)  # the model said 0.88
        True
        """
        precision = 1 / np.r_[_INTERCEPT, _SLOPE, np.full(2 * classes, _LABEL)] ** 2
        inputs = _inputs(score, given, suggested, classes)
        sign = np.where(wrong, 1.0, -1.0)

        def loss(values: NDArray[np.float64]) -> float:
            return 0.5 * float(precision @ values**2) - float(log_expit(sign * (score + inputs @ values)).sum())

        values = np.zeros(inputs.shape[1])
        hessian = np.diag(precision)
        for _ in range(_ITERATIONS):
            chance = expit(score + inputs @ values)
            gradient = precision * values - inputs.T @ (wrong - chance)
            hessian = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + np.diag(precision)
            step = np.linalg.solve(hessian, gradient)
            before, length = loss(values), 1.0
            while length > 1e-4 and loss(values - length * step) > before:
                length /= 2
            values = values - length * step
            if np.abs(length * step).max() < 1e-6:
                break
        return cls(values, np.linalg.inv(hessian), classes)

    def corrected(
        self, score: NDArray[np.float64], given: NDArray[np.int64], suggested: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return corrected log-odds, (m,), of m labels; the arguments are as in `fit`."""
        return np.asarray(score + _inputs(score, given, suggested, self.classes) @ self.coefficients)

    def wrong_left(
        self, score: NDArray[np.float64], given: NDArray[np.int64], suggested: NDArray[np.int64], seed: int = 0
    ) -> WrongLeft:
        """Return how many of m labels are wrong, from draws of the coefficients and of the labels.

        Args:
            score: (m,), as in `fit`, of the faces without a decision.
            given, suggested: (m,), as in `fit`.
            seed: random seed of the draws.
        """
        if not len(score):
            return WrongLeft(0.0, 0, 0)
        random = np.random.default_rng(seed)
        inputs = _inputs(score, given, suggested, self.classes).astype(np.float32)
        draws = random.multivariate_normal(self.coefficients, self.covariance, _DRAWS).astype(np.float32)
        counts = np.empty(_DRAWS)
        base = score.astype(np.float32)
        for start in range(0, _DRAWS, 50):  # bounded memory for many faces
            chances = expit(base + draws[start : start + 50] @ inputs.T)
            mean, variance = (
                chances.sum(axis=1, dtype=np.float64),
                (chances * (1 - chances)).sum(axis=1, dtype=np.float64),
            )
            counts[start : start + 50] = mean + np.sqrt(variance) * random.standard_normal(len(mean))
        counts = counts.clip(0, len(score))
        low, high = np.quantile(counts, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        expected = float(expit(self.corrected(score, given, suggested)).sum())
        return WrongLeft(expected, int(np.floor(low)), int(np.ceil(high)))


def _inputs(
    score: NDArray[np.float64], given: NDArray[np.int64], suggested: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    identity = np.eye(classes)
    bounded = np.clip(score, -_MAX_SCORE, _MAX_SCORE)
    return np.column_stack([np.ones(len(score)), bounded, identity[given], identity[suggested]])
