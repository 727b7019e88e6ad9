"""A logistic regression on frozen features, and its out-of-sample probabilities by folds."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from bimodal.errors import InputError
from bimodal.evaluation.calibration import log_softmax
from bimodal.memory import check_memory

INVERSE_PENALTIES = (0.0003, 0.001, 0.003, 0.01, 0.03)
"""The values of C, the inverse strength of the L2 penalty on standardised features, among which folds choose."""
_CHOICE_EXAMPLES, SMALL = 5000, 20_000
FIT_EXAMPLES = 100_000
"""Most examples that a probe is fitted to: more change a few thousand weights by less than their noise, and take memory."""
_ROWS = 65_536
MIN_PROBABILITY, _ITERATIONS = 1e-6, 300


@dataclass(frozen=True, eq=False)
class Probe:
    """A multinomial logistic regression on standardised features.

    Attributes:
        mean, scale: (F,), of the training features.
        weights: (F,C).
        bias: (C,); minus infinity for a class without training examples.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        features: ArrayLike,
        labels: ArrayLike,
        classes: int,
        inverse_penalty: float = 0.003,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit a probe.

        Args:
            features: (N,F).
            labels: (N,), 0 to `classes` - 1; at least two classes.
            classes: C.
            inverse_penalty: scikit-learn's C, above 0.
            sample_weight: (N,), weights of the examples; None: equal.

        Raises:
            InputError: shapes that do not fit, features that are not finite, or fewer than two classes.

        >>> probe = Probe.fit([[0.0], [0.1], [1.0], [1.1]], [0, 0, 2, 2], classes=3, inverse_penalty=1.0)
        >>> probe.predict([[0.0], [1.0]]).argmax(axis=1).tolist()
        [0, 2]
        """
        from sklearn.linear_model import LogisticRegression

        values, given = np.asarray(features, dtype=np.float32), np.asarray(labels)
        if values.ndim != 2 or given.shape != values.shape[:1] or not np.isfinite(values).all():
            raise InputError(
                f"expected finite features (N,F) and labels (N,), got shapes {values.shape} and {given.shape}"
            )
        if len(np.unique(given)) < 2:
            raise InputError("a probe needs examples of at least two classes")
        check_memory()
        mean, scale = values.mean(axis=0), values.std(axis=0) + 1e-6
        # on small matrices, several threads of the linear algebra cost more than they give, and 30 times more on a busy machine
        threads = 1 if len(values) < SMALL else None
        with threadpool_limits(threads, "blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it may stop before full convergence, which changes no result that matters
            model = LogisticRegression(C=inverse_penalty, max_iter=_ITERATIONS, tol=1e-3)
            model.fit((values - mean) / scale, given, sample_weight)
        weights = np.zeros((values.shape[1], classes), np.float32)
        bias = np.full(classes, -np.inf, np.float32)
        if len(model.classes_) == 2:  # one row stands for both classes
            weights[:, model.classes_[1]], bias[model.classes_] = model.coef_[0], [0.0, model.intercept_[0]]
        else:
            weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
        return cls(mean, scale, weights, bias)

    def logits(self, features: ArrayLike) -> NDArray[np.float32]:
        """Return logits, (N,C), of features, (N,F)."""
        values = np.asarray(features)
        result = np.empty((len(values), len(self.bias)), np.float32)
        for start in range(0, len(values), _ROWS):  # a few at a time: standardised copies of a million take gigabytes
            part = slice(start, start + _ROWS)
            result[part] = ((values[part].astype(np.float32) - self.mean) / self.scale) @ self.weights + self.bias
        return result

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities, (N,C), each at least 1e-6 before they are normalised."""
        probs = np.maximum(np.exp(log_softmax(self.logits(features))), MIN_PROBABILITY)
        return np.asarray(probs / probs.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """Out-of-sample predictions of N examples.

    Attributes:
        pred_probs: (N,C), of each example by the probe that was fitted without its fold.
        inverse_penalty: the chosen C.
        fold: (N,), the fold of each example.
    """

    pred_probs: NDArray[np.float64]
    inverse_penalty: float
    fold: NDArray[np.int64]


def out_of_sample(
    features: ArrayLike,
    labels: ArrayLike,
    classes: int,
    *,
    groups: Sequence[object] | None = None,
    folds: int = 5,
    seed: int = 0,
    inverse_penalties: Sequence[float] = INVERSE_PENALTIES,
) -> OutOfSample:
    """Return out-of-sample probabilities by stratified folds, with the penalty that predicts the held-out labels best.

    Each probe is fitted to at most `FIT_EXAMPLES` examples, drawn from those of the other folds.

    Args:
        features: (N,F); 16 bits suffice, and a million rows of 256 then take half a gigabyte.
        labels: (N,), 0 to `classes` - 1.
        classes: C.
        groups: of N examples; a group stays in one fold. None: no groups.
        folds: number of folds, at least 2.
        seed: random seed of the folds.
        inverse_penalties: the values of C to choose from, ascending.

    Raises:
        InputError: as `Probe.fit`, or fewer examples than folds.
    """
    values, given = np.asarray(features), np.asarray(labels)
    if len(given) < folds or folds < 2:
        raise InputError(f"{folds} folds need at least as many examples, got {len(given)}")
    fold = assign_folds(given, groups, folds, seed)
    chosen = np.arange(len(given))
    if len(given) > _CHOICE_EXAMPLES:
        chosen = np.sort(np.random.default_rng(seed).choice(len(given), _CHOICE_EXAMPLES, replace=False))
    best, best_penalty = -np.inf, inverse_penalties[0]
    predictions = np.zeros((len(given), classes))
    for inverse_penalty in inverse_penalties:
        held_out = _by_folds(values[chosen], given[chosen], classes, fold[chosen], inverse_penalty, seed)
        likelihood = float(np.log(held_out[np.arange(len(chosen)), given[chosen]]).mean())
        if likelihood <= best:
            break  # the likelihood has one maximum in the penalty
        best, best_penalty, predictions = likelihood, inverse_penalty, held_out
    if len(chosen) < len(given):
        predictions = _by_folds(values, given, classes, fold, best_penalty, seed)
    return OutOfSample(predictions, best_penalty, fold)


def assign_folds(
    labels: NDArray[np.integer], groups: Sequence[object] | None, folds: int, seed: int
) -> NDArray[np.int64]:
    """Return the fold of each example, (N,): stratified by label, and no group in two folds."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if groups is not None and len(labels) > FIT_EXAMPLES:  # the groups one by one would take minutes
        _, first, of_group = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
        return assign_folds(labels[first], None, folds, seed)[of_group]
    splitter = (StratifiedKFold if groups is None else StratifiedGroupKFold)(folds, shuffle=True, random_state=seed)
    fold = np.zeros(len(labels), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer examples than folds is spread as far as it goes
        for number, (_, held_out) in enumerate(splitter.split(np.zeros(len(labels)), labels, groups)):
            fold[held_out] = number
    return fold


def sample_to_fit(rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the rows that a probe is fitted to, ascending: all, or `FIT_EXAMPLES` of them at random."""
    if len(rows) <= FIT_EXAMPLES:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, FIT_EXAMPLES, replace=False))


def _by_folds(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: int,
    fold: NDArray[np.int64],
    inverse_penalty: float,
    seed: int,
) -> NDArray[np.float64]:
    predictions = np.zeros((len(labels), classes))
    for number in np.unique(fold):
        held_out = fold == number
        rows = sample_to_fit(np.flatnonzero(~held_out), seed)
        probe = Probe.fit(features[rows], labels[rows], classes, inverse_penalty)
        predictions[held_out] = probe.predict(features[held_out])
    return predictions
