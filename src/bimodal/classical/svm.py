"""A support vector machine on descriptors of faces, with C and gamma from a grid search on the training set."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from bimodal.classical.checks import check_codes, finite_features
from bimodal.data.splits import linked_groups
from bimodal.emotions import NAMES
from bimodal.errors import InputError

COSTS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
WIDTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""gamma in units of 1 / (D var), as scikit-learn's `scale`; 1 / D for D features of variance 1, where the mean squared
distance of two faces is 2 D. On drawn faces the best values, from C = 3 at 0.3 to C = 100 at 0.01, hardly differed."""
FOLDS = 5
MAX_FACES = 10_000
"""Most training faces; their distances and kernel take 1.6 GB."""

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows to fit on, and held-out rows."""


@dataclass(frozen=True, eq=False)
class FaceSvm:
    """A fitted support vector machine.

    Attributes:
        c, gamma: the result of the grid search.
        accuracy: cross-validated accuracy on the training faces; too optimistic, as the best of many.
        temperature: divisor of the decision values before the softmax.
    """

    c: float
    gamma: float
    accuracy: float
    temperature: float
    scaler: Any
    machine: SVC
    examples: NDArray[np.float64]

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Return predicted probabilities (m,7), the largest for the decision of the SVM, 0 for emotions without training faces.

        Args:
            features: (m,D), finite.

        Raises:
            InputError: D is not that of the training features, or a feature is not finite.
        """
        given = finite_features(features)
        if given.shape[1] != self.examples.shape[1]:
            raise InputError(f"expected features (m,{self.examples.shape[1]}), as fitted, got {given.shape}")
        result = np.zeros((len(given), len(NAMES)))
        if len(given):
            scaled = self.scaler.transform(given)
            kernel = np.exp(-self.gamma * euclidean_distances(scaled, self.examples, squared=True))
            result[:, self.machine.classes_] = softmax(_decide(self.machine, kernel) / self.temperature, axis=1)
        return result


def fit_svm(features: ArrayLike, labels: ArrayLike, seed: int, groups: ArrayLike | None = None) -> FaceSvm:
    """Fit an RBF C-SVM, with C and gamma from a grid search by cross-validation on the training set.

    Features are standardised once, over all training faces. Distances are computed once and used for the whole grid. In a
    tie, the widest kernel and the lowest C win. One temperature turns decision values (one against the rest) into
    probabilities (Guo et al. 2017); it is fitted to the held-out decision values of the search.

    Args:
        features: (n,D), finite, of at most 10,000 faces.
        labels: (n,), codes 0 to 6 of at least two emotions.
        seed: random seed of the folds. There are five folds, or fewer if the rarest emotion has fewer faces or there are
            fewer groups, but at least two.
        groups: (n,), group of each face, such as a person, which stays in one fold; -1 or "" for a face without a group.
            Default: no groups.

    Raises:
        InputError: the arrays do not fit each other, there are too many faces, only one emotion, only one face of each
            emotion, or only one group.

    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(60) % 3
    >>> svm = fit_svm(rng.normal(size=(60, 4)) + 3 * labels[:, None], labels, seed=0)
    >>> svm.accuracy > 0.9, svm.predict([[6.0, 6.0, 6.0, 6.0]]).argmax()
    (True, np.int64(2))
    """
    given, codes = finite_features(features), np.asarray(labels, dtype=np.int64)
    if codes.shape != given.shape[:1]:
        raise InputError(f"expected features (n,D) and labels (n,), got {given.shape} and {codes.shape}")
    if len(codes) > MAX_FACES:
        raise InputError(f"a support vector machine takes at most {MAX_FACES} training faces, got {len(codes)}")
    check_codes(codes)
    if len(np.unique(codes)) < 2:
        raise InputError("a support vector machine needs training faces of at least two emotions")
    if np.bincount(codes).max() < 2:
        raise InputError("the search needs at least two training faces of one emotion; there is one of each")
    scaler = StandardScaler().fit(given)
    scaled = scaler.transform(given)
    distances = euclidean_distances(scaled, squared=True)
    folds = _folds(codes, groups, seed)
    best: tuple[float, float, float] = (-1.0, 0.0, 0.0)
    held_out = np.zeros((len(codes), len(NAMES)))
    varying = max(float(scaled.var(axis=0).sum()), 1.0)  # D, without constant features
    for gamma in np.array(WIDTHS) / varying:
        kernel = np.exp(-gamma * distances)
        for cost in COSTS:
            decided = _held_out(kernel, codes, cost, folds)
            accuracy = float((decided.argmax(axis=1) == codes).mean())
            if accuracy > best[0]:
                best, held_out = (accuracy, cost, float(gamma)), decided
    accuracy, cost, gamma = best
    machine = _machine(cost).fit(np.exp(-gamma * distances), codes)
    return FaceSvm(cost, gamma, accuracy, _temperature(held_out, codes), scaler, machine, scaled)


def _machine(cost: float) -> SVC:
    return SVC(C=cost, kernel="precomputed", decision_function_shape="ovr")


def _folds(codes: NDArray[np.int64], groups: ArrayLike | None, seed: int) -> list[Fold]:
    number = int(np.clip(np.bincount(codes)[np.unique(codes)].min(), 2, FOLDS))
    places = np.zeros(len(codes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class has fewer faces than folds
        if groups is None:
            return list(StratifiedKFold(number, shuffle=True, random_state=seed).split(places, codes))
        given = np.asarray(groups)
        if given.shape != codes.shape:
            raise InputError(f"expected a group for each of {len(codes)} faces, got {given.shape}")
        linked = linked_groups([None if group in (-1, "") else group for group in given.tolist()])
        n_groups = len(np.unique(linked))
        if n_groups < 2:
            raise InputError("the search needs training faces of at least two groups, got one; leave the groups out")
        splitter = StratifiedGroupKFold(min(number, n_groups), shuffle=True, random_state=seed)
        return [fold for fold in splitter.split(places, codes, linked) if len(fold[0]) and len(fold[1])]


def _held_out(
    kernel: NDArray[np.float64], codes: NDArray[np.int64], cost: float, folds: Sequence[Fold]
) -> NDArray[np.float64]:
    """Return cross-validated decision values, (n,7); the lowest value for emotions that a fold did not train on."""
    result = np.zeros((len(codes), len(NAMES)))
    for train, test in folds:
        seen = np.unique(codes[train])
        values = np.zeros((len(test), 1))  # if only one emotion is left to train on, it is the prediction
        if len(seen) > 1:
            machine = _machine(cost).fit(kernel[np.ix_(train, train)], codes[train])
            values = _decide(machine, kernel[np.ix_(test, train)])
        result[test] = values.min() - 1
        result[np.ix_(test, seen)] = values
    return result


def _decide(machine: SVC, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return decision values, (m,classes); for two classes scikit-learn returns one column."""
    values: NDArray[np.float64] = machine.decision_function(kernel)
    return np.stack([-values, values], axis=1) if values.ndim == 1 else values


def _temperature(decided: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Return the divisor of the decision values that gives the labels the highest likelihood."""
    rows = np.arange(len(codes))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(decided / np.exp(log_temperature), axis=1)[rows, codes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))
