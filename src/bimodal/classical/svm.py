"""A support vector machine on descriptors of faces, its two numbers found inside the training set."""

import warnings
from collections.abc import Iterator
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

from bimodal.emotions import NAMES
from bimodal.errors import InputError

COSTS = (0.1, 1.0, 10.0, 100.0)
WIDTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""gamma in units of 1/D: the squared distance of two faces is about 2 D once each of D features has variance 1."""
FOLDS = 5


@dataclass(frozen=True, eq=False)
class FaceSvm:
    """A fitted machine.

    Attributes:
        c, gamma: as found by the search.
        accuracy: of the search, cross-validated on training faces: the best of many, so it flatters.
        temperature: by which decision values are divided to become probabilities.
    """

    c: float
    gamma: float
    accuracy: float
    temperature: float
    scaler: Any
    machine: SVC
    examples: NDArray[np.float64]

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities (m,7); the largest is the machine's own decision, an emotion never seen has 0.

        Args:
            features: (m,D).
        """
        scaled = self.scaler.transform(np.asarray(features, dtype=np.float64))
        kernel = np.exp(-self.gamma * euclidean_distances(scaled, self.examples, squared=True))
        result = np.zeros((len(scaled), len(NAMES)))
        result[:, self.machine.classes_] = softmax(_decide(self.machine, kernel) / self.temperature, axis=1)
        return result


def fit_svm(features: ArrayLike, labels: ArrayLike, seed: int, groups: ArrayLike | None = None) -> FaceSvm:
    """Fit an RBF C-SVM; C and gamma come from a grid search by cross-validation inside the training set.

    Features are standardised. The distances between all faces are computed once, so that each point of the grid costs
    only the optimisation. Decision values (one against the rest) become probabilities by one temperature, fitted on
    the held-out decision values of the search.

    Args:
        features: (n,D), finite.
        labels: (n,), codes of at least two emotions.
        seed: of the folds.
        groups: (n,), faces that must be in the same fold, such as those of a person; default: each on its own.

    Raises:
        InputError: shapes that do not fit, or a single emotion.

    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(60) % 3
    >>> svm = fit_svm(rng.normal(size=(60, 4)) + 3 * labels[:, None], labels, seed=0)
    >>> svm.accuracy > 0.9, svm.predict([[6.0, 6.0, 6.0, 6.0]]).argmax()
    (True, np.int64(2))
    """
    given, codes = np.asarray(features, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if given.ndim != 2 or codes.shape != given.shape[:1]:
        raise InputError(f"expected features (n,D) and labels (n,), got {given.shape} and {codes.shape}")
    if len(np.unique(codes)) < 2:
        raise InputError("a support vector machine needs faces of at least two emotions")
    scaler = StandardScaler().fit(given)
    scaled = scaler.transform(given)
    distances = euclidean_distances(scaled, squared=True)
    folds = list(_folds(codes, groups, seed))
    best: tuple[float, float, float] = (-1.0, 0.0, 0.0)
    held_out = np.zeros((len(codes), len(NAMES)))
    for gamma in np.array(WIDTHS) / given.shape[1]:
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
    return SVC(C=cost, kernel="precomputed", decision_function_shape="ovr", break_ties=True, cache_size=500)


def _folds(
    codes: NDArray[np.int64], groups: ArrayLike | None, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    number = int(np.clip(np.bincount(codes)[np.unique(codes)].min(), 2, FOLDS))
    places = np.zeros(len(codes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer faces than folds: it is absent from some
        if groups is None:
            yield from StratifiedKFold(number, shuffle=True, random_state=seed).split(places, codes)
        else:
            splitter = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
            yield from splitter.split(places, codes, np.asarray(groups))


def _held_out(kernel: NDArray[np.float64], codes: NDArray[np.int64], cost: float, folds: Any) -> NDArray[np.float64]:
    """Return decision values of machines that did not see the face, (n,7); the lowest for emotions they did not see."""
    result = np.zeros((len(codes), len(NAMES)))
    for train, test in folds:
        machine = _machine(cost).fit(kernel[np.ix_(train, train)], codes[train])
        values = _decide(machine, kernel[np.ix_(test, train)])
        result[test] = values.min() - 1
        result[np.ix_(test, machine.classes_)] = values
    return result


def _decide(machine: SVC, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decision values, (m,classes); of two classes scikit-learn gives one column."""
    values: NDArray[np.float64] = machine.decision_function(kernel)
    return np.stack([-values, values], axis=1) if values.ndim == 1 else values


def _temperature(decided: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Return by what to divide decision values for the highest likelihood of the labels (Guo et al. 2017)."""
    rows = np.arange(len(codes))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(decided / np.exp(log_temperature), axis=1)[rows, codes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))
