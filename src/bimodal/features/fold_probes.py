"""Logistic regressions for out-of-sample probabilities that are refitted in milliseconds after a few labels have changed."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from bimodal.errors import InputError
from bimodal.features.probe import INVERSE_PENALTIES, MIN_PROBABILITY, SMALL, assign_folds

Matrix = NDArray[np.float32]
_STEPS, _SOLVER_STEPS, _HALVINGS = 12, 12, 12
_TOLERANCE = 3e-3
"""A fit ends when no Newton step changes a logit by more, as a root mean square."""
_SOLVED = 1e-4
_TINY = np.float32(1e-30)
_BIAS_PENALTY = 1e-6  # so small that it only fixes the sum of the biases, which no probability depends on


class FoldProbes:
    """One multinomial logistic regression for each fold, fitted without it; all are fitted together, from the last weights.

    The objective is that of `Probe`. A fit takes Newton steps, whose equations are solved by conjugate gradients; the curvature
    at uniform probabilities, factorised once, is the preconditioner.

    Attributes:
        fold: (N,), the fold of each example.
        inverse_penalty: C, the inverse strength of the L2 penalty on standardised features.
    """

    fold: NDArray[np.int64]
    inverse_penalty: float

    def __init__(
        self,
        features: ArrayLike,
        labels: ArrayLike,
        classes: int,
        *,
        groups: Sequence[object] | None = None,
        folds: int = 5,
        seed: int = 0,
        inverse_penalty: float | None = None,
    ) -> None:
        """Fit to labels.

        Args:
            features: (N,F).
            labels: (N,), 0 to `classes` - 1.
            classes: C.
            groups: of N examples; a group stays in one fold. None: no groups.
            folds: number of folds, at least 2.
            seed: random seed of the folds.
            inverse_penalty: scikit-learn's C, above 0. None: of `INVERSE_PENALTIES`, the one that predicts the held-out
                labels best.

        Raises:
            InputError: shapes that do not fit, features that are not finite, or fewer examples than folds.
        """
        values, given = np.asarray(features, dtype=np.float32), np.asarray(labels, dtype=np.int64)
        if values.ndim != 2 or given.shape != values.shape[:1] or not np.isfinite(values).all():
            raise InputError(
                f"expected finite features (N,F) and labels (N,), got shapes {values.shape} and {given.shape}"
            )
        if len(given) < folds or folds < 2:
            raise InputError(f"{folds} folds need at least as many examples, got {len(given)}")
        self.fold = assign_folds(given, groups, folds, seed)
        self._classes, self._folds = classes, folds
        scaled = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
        self._inputs: Matrix = np.column_stack([scaled, np.ones(len(scaled), np.float32)])
        self._threads = 1 if len(given) < SMALL else None
        self._in_training: Matrix = (self.fold[:, None] != np.arange(folds)).astype(np.float32)  # (N,D)
        with threadpool_limits(self._threads, "blas"):
            self._gram = self._inputs.T @ self._inputs
        shape = (self._inputs.shape[1], folds, classes)
        self._weights: Matrix = np.zeros(shape, np.float32)
        if inverse_penalty is not None:
            self._set_penalty(inverse_penalty)
            self.fit(given)
            return
        best, fitted = -np.inf, self._weights
        for each in INVERSE_PENALTIES:
            self._set_penalty(each)
            probs = self.fit(given)
            likelihood = float(np.log(probs[np.arange(len(given)), given]).mean())
            if likelihood <= best:
                break  # the likelihood has one maximum in the penalty
            best, chosen, fitted = likelihood, each, self._weights
        self._set_penalty(chosen)
        self._weights = fitted

    def fit(self, labels: NDArray[np.int64], sample_weight: ArrayLike | None = None) -> NDArray[np.float64]:
        """Fit to labels, from the last weights.

        Args:
            labels: (N,), 0 to C - 1.
            sample_weight: (N,), at least 0; 0 leaves an example out. None: equal.

        Returns:
            Out-of-sample probabilities, (N,C), each at least 1e-6 before they are normalised.
        """
        weight = np.ones(len(labels), np.float32) if sample_weight is None else np.asarray(sample_weight, np.float32)
        counted = self._in_training * weight[:, None]  # (N,D)
        target = np.eye(self._classes, dtype=np.float32)[labels]  # (N,C)
        exists = counted.T @ target > 0  # (D,C): a class without training examples gets no probability
        with threadpool_limits(self._threads, "blas"):
            probs = self._probs(self._weights, exists)
            loss = self._loss(self._weights, probs, counted, labels)
            for _ in range(_STEPS):
                gradient = (
                    self._transposed(counted[:, :, None] * (probs - target[:, None])) + self._decay * self._weights
                )
                step = self._solve(gradient * exists, probs, counted) * exists
                moved = (self._inputs @ step.reshape(len(step), -1)).std()
                probs, loss = self._advance(step, loss, counted, labels, exists)
                if moved < _TOLERANCE:
                    break
        held_out = np.maximum(probs[np.arange(len(labels)), self.fold].astype(np.float64), MIN_PROBABILITY)
        return np.asarray(held_out / held_out.sum(axis=1, keepdims=True))

    def _set_penalty(self, inverse_penalty: float) -> None:
        self.inverse_penalty = inverse_penalty
        size = len(self._gram)
        decay = np.full(size, 1 / inverse_penalty, np.float32)
        decay[-1] = _BIAS_PENALTY * len(self._inputs)
        self._decay: Matrix = decay[:, None, None]
        share = (1 - 1 / self._folds) * (self._classes - 1) / self._classes**2
        curvature = share * self._gram.astype(np.float64) + np.diag(decay.astype(np.float64))
        self._inverse: Matrix = np.linalg.inv(curvature).astype(np.float32)

    def _advance(
        self, step: Matrix, loss: Matrix, counted: Matrix, labels: NDArray[np.int64], exists: NDArray[np.bool_]
    ) -> tuple[Matrix, Matrix]:
        """Take a step, shortened in each fold until the objective does not grow; return the new probabilities and objective."""
        length = np.ones((self._folds, 1), np.float32)
        for _ in range(_HALVINGS):
            weights = self._weights - length * step
            probs = self._probs(weights, exists)
            new = self._loss(weights, probs, counted, labels)
            grew = new > loss + 1e-6 * np.abs(loss)
            if not grew.any():
                break
            length[grew] *= 0.5
        self._weights = np.asarray(weights)
        return probs, new

    def _loss(self, weights: Matrix, probs: Matrix, counted: Matrix, labels: NDArray[np.int64]) -> Matrix:
        """Return the objective of each fold, (D,)."""
        of_label = np.log(probs[np.arange(len(labels)), :, labels] + _TINY)
        return np.asarray(0.5 * (self._decay * weights**2).sum(axis=(0, 2)) - (counted * of_label).sum(axis=0))

    def _probs(self, weights: Matrix, exists: NDArray[np.bool_]) -> Matrix:
        """Return the probabilities of all examples by all regressions, (N,D,C)."""
        logits = (self._inputs @ weights.reshape(len(weights), -1)).reshape(-1, self._folds, self._classes)
        if not exists.all():
            logits = np.where(exists, logits, np.float32(-np.inf))
        highest = reduce(np.maximum, np.moveaxis(logits, 2, 0))  # several times as fast as max() along seven numbers
        exponentials = np.exp(logits - highest[:, :, None])
        exponentials /= (exponentials @ np.ones(self._classes, np.float32))[:, :, None]
        return np.asarray(exponentials)

    def _transposed(self, residual: Matrix) -> Matrix:
        return (self._inputs.T @ residual.reshape(len(residual), -1)).reshape(-1, self._folds, self._classes)

    def _solve(self, gradient: Matrix, probs: Matrix, counted: Matrix) -> Matrix:
        """Return the Newton step of each fold, (F + 1,D,C), by preconditioned conjugate gradients."""
        size = len(gradient)
        weighted = counted[:, :, None] * probs

        def curved(direction: Matrix) -> Matrix:
            logits = (self._inputs @ direction.reshape(size, -1)).reshape(probs.shape)
            logits -= np.einsum("ndc,ndc->nd", probs, logits)[:, :, None]
            logits *= weighted
            return self._transposed(logits) + self._decay * direction

        def inner(one: Matrix, other: Matrix) -> Matrix:
            return np.asarray((one * other).sum(axis=(0, 2)))[:, None] + _TINY  # (D,1): each fold has its own equations

        step, residual = np.zeros_like(gradient), gradient
        direction = preconditioned = self._preconditioned(residual)
        product = start = inner(residual, preconditioned)
        for _ in range(_SOLVER_STEPS):
            change = curved(direction)
            length = np.asarray(product / inner(direction, change), np.float32)
            step, residual = step + length * direction, residual - length * change
            preconditioned = self._preconditioned(residual)
            new = inner(residual, preconditioned)
            if (new <= _SOLVED * start).all():
                break
            direction = preconditioned + np.asarray(new / product, np.float32) * direction
            product = new
        return step

    def _preconditioned(self, residual: Matrix) -> Matrix:
        return np.asarray((self._inverse @ residual.reshape(len(residual), -1)).reshape(residual.shape), np.float32)
