"""A support vector machine on descriptors of faces, its two numbers found inside the training set."""

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

from bimodal.data.splits import linked_groups
from bimodal.emotions import NAMES
from bimodal.errors import InputError

COSTS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
WIDTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""gamma in units of 1 / (D var), which is 1 / D once each of D features has variance 1; two faces are then about 2 D
apart (squared). On drawn faces the best points lay between C = 3 at 0.3 and C = 100 at 0.01, and hardly differed."""
FOLDS = 5
MAX_FACES = 10_000
"""To train on: their distances and kernel take 1.6 GB."""

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows to fit on, and rows held out."""


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
        """Return probabilities (m,7); the largest is the machine's own decision (by margin, where votes tie), an emotion never
        seen has 0.

        Args:
            features: (m,D), finite.

        Raises:
            InputError: of another D than those that it was fitted on, or not finite.
        """
        given = _finite(features)
        if given.shape[1] != self.examples.shape[1]:
            raise InputError(f"expected features (m,{self.examples.shape[1]}), as fitted, got {given.shape}")
        result = np.zeros((len(given), len(NAMES)))
        if len(given):
            scaled = self.scaler.transform(given)
            kernel = np.exp(-self.gamma * euclidean_distances(scaled, self.examples, squared=True))
            result[:, self.machine.classes_] = softmax(_decide(self.machine, kernel) / self.temperature, axis=1)
        return result


def fit_svm(features: ArrayLike, labels: ArrayLike, seed: int, groups: ArrayLike | None = None) -> FaceSvm:
    """Fit an RBF C-SVM; C and gamma come from a grid search by cross-validation inside the training set.

    Features are standardised once, over all training faces. The distances between all faces are computed once, so that each point of the grid costs
    only the optimisation. Of points that are equally accurate, the widest kernel and the lowest cost win. Decision
    values (one against the rest) become probabilities by one temperature (Guo et al. 2017), fitted on the held-out
    decision values of the search.

    Args:
        features: (n,D), finite, of at most 10,000 faces.
        labels: (n,), codes 0 to 6 of at least two emotions.
        seed: of the folds: five, or as many as the rarest emotion has faces, or as there are groups, but at least two.
        groups: (n,), faces that must be in the same fold, such as those of a person; -1 or "" for a face on its own.
            Default: each on its own.

    Raises:
        InputError: arrays that do not fit, too many faces, a single emotion, one face of each, or a single group.

    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(60) % 3
    >>> svm = fit_svm(rng.normal(size=(60, 4)) + 3 * labels[:, None], labels, seed=0)
    >>> svm.accuracy > 0.9, svm.predict([[6.0, 6.0, 6.0, 6.0]]).argmax()
    (True, np.int64(2))
    """
    given, codes = _finite(features), np.asarray(labels, dtype=np.int64)
    if codes.shape != given.shape[:1]:
        raise InputError(f"expected features (n,D) and labels (n,), got {given.shape} and {codes.shape}")
    if len(codes) > MAX_FACES:
        raise InputError(f"a support vector machine takes at most {MAX_FACES} training faces, got {len(codes)}")
    if len(codes) and (codes.min() < 0 or codes.max() >= len(NAMES)):
        raise InputError(f"labels must be codes 0 to {len(NAMES) - 1}, got {codes.min()} to {codes.max()}")
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
    varying = max(float(scaled.var(axis=0).sum()), 1.0)  # D, less those that are the same in every face
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


def _finite(features: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(features, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] == 0 or not np.isfinite(given).all():
        raise InputError(f"expected finite features (n,D), got {given.shape}, or some that are not finite")
    return given


def _machine(cost: float) -> SVC:
    return SVC(C=cost, kernel="precomputed", decision_function_shape="ovr")


def _folds(codes: NDArray[np.int64], groups: ArrayLike | None, seed: int) -> list[Fold]:
    number = int(np.clip(np.bincount(codes)[np.unique(codes)].min(), 2, FOLDS))
    places = np.zeros(len(codes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer faces than folds: it is absent from some
        if groups is None:
            return list(StratifiedKFold(number, shuffle=True, random_state=seed).split(places, codes))
        named = np.asarray(groups)
        if named.shape != codes.shape:
            raise InputError(f"expected a group for each of {len(codes)} faces, got {named.shape}")
        units = linked_groups([None if group in (-1, "") else group for group in named.tolist()])
        people = len(np.unique(units))
        if people < 2:
            raise InputError("the search needs training faces of at least two groups, got one; leave the groups out")
        splitter = StratifiedGroupKFold(min(number, people), shuffle=True, random_state=seed)
        return [fold for fold in splitter.split(places, codes, units) if len(fold[0]) and len(fold[1])]


def _held_out(
    kernel: NDArray[np.float64], codes: NDArray[np.int64], cost: float, folds: Sequence[Fold]
) -> NDArray[np.float64]:
    """Return decision values of machines that did not see the face, (n,7); the lowest for emotions they did not see."""
    result = np.zeros((len(codes), len(NAMES)))
    for train, test in folds:
        seen = np.unique(codes[train])
        values = np.zeros((len(test), 1))  # where groups leave a single emotion, that one is the decision
        if len(seen) > 1:
            machine = _machine(cost).fit(kernel[np.ix_(train, train)], codes[train])
            values = _decide(machine, kernel[np.ix_(test, train)])
        result[test] = values.min() - 1
        result[np.ix_(test, seen)] = values
    return result


def _decide(machine: SVC, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decision values, (m,classes); of two classes scikit-learn gives one column."""
    values: NDArray[np.float64] = machine.decision_function(kernel)
    return np.stack([-values, values], axis=1) if values.ndim == 1 else values


def _temperature(decided: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Return by what to divide decision values for the highest likelihood of the labels."""
    rows = np.arange(len(codes))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(decided / np.exp(log_temperature), axis=1)[rows, codes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))
