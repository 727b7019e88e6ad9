"""The log-odds that labels are wrong, corrected by what reviewers decided so far, and how many wrong labels are left."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

_INTERCEPT, _SLOPE, _LABEL, _PREDICTOR = 1.5, 0.3, 0.7, 0.2
"""Prior standard deviations: of the correction for all faces, of the factor of the log-odds, of the corrections for each given
and each suggested label, and of the factors of the single predictors. So the model's probabilities hold until decisions speak
against them."""
_MAX_SCORE, _ITERATIONS, _DRAWS = 8.0, 25, 400
_CHANCES = 5_000_000
"""Probabilities that are drawn at the same time: 60 MB."""
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
class LabelInputs:
    """What the correction of n labels can depend on.

    Attributes:
        score: (n,), log-odds that the label is wrong, by a model of label noise.
        values: (n,P), further inputs.
        deviations: (P,), the prior standard deviations of their coefficients.
    """

    score: NDArray[np.float64]
    values: NDArray[np.float64]
    deviations: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        score: NDArray[np.float64],
        given: NDArray[np.int64],
        suggested: NDArray[np.int64],
        pred_probs: Sequence[NDArray[np.float64]],
    ) -> Self:
        """Collect the inputs.

        Args:
            score: (n,), log-odds that the label is wrong.
            given: (n,), the given labels, 0 to C - 1.
            suggested: (n,), the most probable other labels.
            pred_probs: of each predictor, (n,C), above 0.
        """
        classes = pred_probs[0].shape[1]
        identity, rows = np.eye(classes), np.arange(len(score))
        columns = [np.ones(len(score)), score, *identity[given].T, *identity[suggested].T]
        for probs in pred_probs:
            of_label = np.log(probs[rows, given])
            columns += [np.log(np.where(identity[given] > 0, 0, probs).max(axis=1)) - of_label, of_label]
        values = np.clip(np.column_stack(columns), -_MAX_SCORE, _MAX_SCORE)
        labels, predictors = np.full(2 * classes, _LABEL), np.full(2 * len(pred_probs), _PREDICTOR)
        return cls(score, values, np.r_[_INTERCEPT, _SLOPE, labels, predictors])

    def where(self, which: NDArray[np.bool_]) -> "LabelInputs":
        """Return the inputs of some labels."""
        return LabelInputs(self.score[which], self.values[which], self.deviations)


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A logistic regression of the decisions on the log-odds of a model of label noise, with a normal prior and posterior.

    Attributes:
        coefficients: (P,), their most probable values.
        covariance: (P,P), by Laplace's approximation.
    """

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def fit(cls, inputs: LabelInputs, wrong: NDArray[np.bool_]) -> Self:
        """Fit to n decided labels. Which labels were decided may depend on the inputs.

        Args:
            inputs: of the decided labels.
            wrong: (n,), whether reviewers changed or removed the label.

        >>> score, label, probs = np.full(40, 2.0), np.zeros(40, dtype=np.int64), np.full((40, 2), 0.5)
        >>> inputs = LabelInputs.of(score, label, label + 1, [probs])
        >>> fitted = Recalibration.fit(inputs, np.arange(40) < 10)
        >>> bool(abs(expit(fitted.corrected(inputs)[0]) - 0.25) < 0.05)  # the model said 0.88
        True
        """
        precision = 1 / inputs.deviations**2
        values, sign = inputs.values, np.where(wrong, 1.0, -1.0)

        def loss(coefficients: NDArray[np.float64]) -> float:
            logits = inputs.score + values @ coefficients
            return 0.5 * float(precision @ coefficients**2) - float(log_expit(sign * logits).sum())

        coefficients = np.zeros(values.shape[1])
        hessian = np.diag(precision)
        for _ in range(_ITERATIONS):
            chance = expit(inputs.score + values @ coefficients)
            gradient = precision * coefficients - values.T @ (wrong - chance)
            hessian = (values * (chance * (1 - chance))[:, None]).T @ values + np.diag(precision)
            step = np.linalg.solve(hessian, gradient)
            before, length = loss(coefficients), 1.0
            while length > 1e-4 and loss(coefficients - length * step) > before:
                length /= 2
            coefficients = coefficients - length * step
            if np.abs(length * step).max() < 1e-6:
                break
        return cls(coefficients, np.asarray(np.linalg.inv(hessian), dtype=np.float64))

    def corrected(self, inputs: LabelInputs) -> NDArray[np.float64]:
        """Return the corrected log-odds, (m,), of m labels."""
        return np.asarray(inputs.score + inputs.values @ self.coefficients)

    def wrong_left(self, inputs: LabelInputs, seed: int = 0) -> WrongLeft:
        """Return how many of m labels are wrong, from draws of the coefficients and of the labels.

        Args:
            inputs: of the labels without a decision.
            seed: random seed of the draws.
        """
        if not len(inputs.score):
            return WrongLeft(0.0, 0, 0)
        random = np.random.default_rng(seed)
        draws = random.multivariate_normal(self.coefficients, self.covariance, _DRAWS).astype(np.float32)
        base, values = inputs.score.astype(np.float32), inputs.values.T.astype(np.float32)
        counts = np.empty(_DRAWS)
        step = min(50, max(1, _CHANCES // len(base)))  # bounded memory for many faces
        for start in range(0, _DRAWS, step):
            chances = expit(base + draws[start : start + step] @ values)
            mean = chances.sum(axis=1, dtype=np.float64)
            variance = (chances * (1 - chances)).sum(axis=1, dtype=np.float64)
            counts[start : start + step] = mean + np.sqrt(variance) * random.standard_normal(len(mean))
        low, high = np.quantile(counts.clip(0, len(base)), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        expected = float(expit(self.corrected(inputs)).sum())
        return WrongLeft(expected, int(np.floor(low)), int(np.ceil(high)))
