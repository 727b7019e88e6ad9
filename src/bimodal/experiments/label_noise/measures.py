"""How well a method found the wrong labels of one cell, with the resampling that intervals are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bimodal.experiments.label_noise.detectors import Found
from bimodal.experiments.label_noise.samples import RIGHT, UNDECIDED, WRONG

RESAMPLES = 500
MEASURES = ("average_precision", "auroc", "precision", "recall", "f1", "removed")


@dataclass(frozen=True, eq=False)
class Resampled:
    """A measure of one cell: its value, and its values on resampled faces, (RESAMPLES,); NaN where it has no meaning."""

    value: float
    draws: NDArray[np.float64]


def draw_weights(faces: int, seed: int) -> NDArray[np.int64]:
    """Return how often each face is drawn, (RESAMPLES, faces): the same for all methods of a cell, so that they pair."""
    random = np.random.default_rng((seed, faces))
    return np.stack([np.bincount(random.integers(0, faces, faces), minlength=faces) for _ in range(RESAMPLES)])


def measure(found: Found, truth: NDArray[np.int8], weights: NDArray[np.int64]) -> dict[str, Resampled]:
    """Measure a method on one cell.

    Args:
        found: what it says of n faces.
        truth: (n,), `RIGHT`, `WRONG` or `UNDECIDED`; the undecided are left out, except from `removed`.
        weights: (RESAMPLES, n).

    Returns:
        By name: `average_precision` and `auroc` of the score; `precision`, `recall` and `f1` of what would be removed;
        `removed`, its share of all faces.
    """
    decided, wrong = truth != UNDECIDED, truth == WRONG
    everyone = np.ones((1, len(truth)), dtype=np.int64)
    result = {}
    for name in MEASURES:
        values = np.concatenate([_measure(name, found, decided, wrong, w) for w in (everyone, weights)])
        result[name] = Resampled(float(values[0]), values[1:])
    return result


def kept_by_class(
    found: Found, truth: NDArray[np.int8], labels: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many of each class's right labels would be kept, and how many there are, (classes,) each."""
    right = truth == RIGHT
    stays = right if found.remove is None else right & ~found.remove
    return np.bincount(labels[stays], minlength=classes), np.bincount(labels[right], minlength=classes)


def _measure(
    name: str, found: Found, decided: NDArray[np.bool_], wrong: NDArray[np.bool_], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    nothing = np.full(len(weights), np.nan)
    if name in ("average_precision", "auroc"):
        if found.score is None or not wrong.any() or wrong[decided].all():
            return nothing
        curve = average_precision if name == "average_precision" else area_under_roc
        return curve(found.score[decided], wrong[decided], weights[:, decided])
    if found.remove is None:
        return nothing
    if name == "removed":
        return np.asarray((weights * found.remove).sum(axis=1) / weights.sum(axis=1))
    hits = (weights * (found.remove & wrong)).sum(axis=1)
    called = (weights * (found.remove & decided)).sum(axis=1)
    there = (weights * wrong).sum(axis=1)
    parts = {"precision": (hits, called), "recall": (hits, there), "f1": (2 * hits, called + there)}
    above, below = parts[name]
    # Who removes nothing where something is wrong has found nothing: an F1 of 0. Its precision has no meaning.
    return np.where(below > 0, above / np.maximum(below, 1), np.nan)


def average_precision(
    score: NDArray[np.float64], wrong: NDArray[np.bool_], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the average precision under each row of weights, (R,); equal scores count as one threshold.

    >>> average_precision(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]), np.ones((1, 3), dtype=int)).round(4)
    array([0.8333])
    """
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.diff(score[order], append=np.nan) != 0)  # the last of each run of equal scores
    results = []
    for row in weights:
        drawn = row[order]
        hits, seen = np.cumsum(drawn * wrong[order])[ends], np.cumsum(drawn)[ends]
        gained = np.diff(hits, prepend=0)
        total = hits[-1]
        results.append(float((gained * hits / np.maximum(seen, 1)).sum() / total) if total else np.nan)
    return np.array(results)


def area_under_roc(
    score: NDArray[np.float64], wrong: NDArray[np.bool_], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the area under the ROC curve under each row of weights, (R,); equal scores count half.

    >>> area_under_roc(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]), np.ones((1, 3), dtype=int))
    array([0.5])
    """
    _, place = np.unique(score, return_inverse=True)
    results = []
    for row in weights:
        right = np.bincount(place, row * ~wrong, minlength=place.max() + 1)
        bad = np.bincount(place, row * wrong, minlength=place.max() + 1)
        below = np.cumsum(right) - right
        pairs = right.sum() * bad.sum()
        results.append(float((bad * (below + right / 2)).sum() / pairs) if pairs else np.nan)
    return np.array(results)
