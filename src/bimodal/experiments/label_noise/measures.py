"""How well a method finds the wrong labels of one cell, with resampled values for intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bimodal.experiments.label_noise.detectors import Detection
from bimodal.experiments.label_noise.samples import RIGHT, UNDECIDED, WRONG

RESAMPLES = 500
MEASURES = ("average_precision", "auroc", "precision", "recall", "f1", "removed")


@dataclass(frozen=True, eq=False)
class Resampled:
    """A measure of one cell; NaN where it is undefined.

    Attributes:
        value: on the cell's faces.
        draws: on resampled faces, (RESAMPLES,).
    """

    value: float
    draws: NDArray[np.float64]


def draw_weights(faces: int, seed: int) -> NDArray[np.int64]:
    """Return how often each resample draws each face, (RESAMPLES, faces); the same for all methods, so that they pair."""
    random = np.random.default_rng((seed, faces))
    return np.stack([np.bincount(random.integers(0, faces, faces), minlength=faces) for _ in range(RESAMPLES)])


def measure(detection: Detection, truth: NDArray[np.int8], weights: NDArray[np.int64]) -> dict[str, Resampled]:
    """Measure a method on one cell.

    Args:
        detection: its result for n faces.
        truth: (n,), `RIGHT`, `WRONG` or `UNDECIDED`; undecided faces count in `removed` only.
        weights: (RESAMPLES, n), see `draw_weights`.

    Returns:
        By name: `average_precision` and `auroc` of the score; `precision`, `recall` and `f1` of the labels to remove, and
        `removed`, their share of all faces.
    """
    decided, wrong = truth != UNDECIDED, truth == WRONG
    unweighted = np.ones((1, len(truth)), dtype=np.int64)
    result = {}
    for name in MEASURES:
        values = np.concatenate([_measure(name, detection, decided, wrong, w) for w in (unweighted, weights)])
        result[name] = Resampled(float(values[0]), values[1:])
    return result


def kept_by_class(
    detection: Detection, truth: NDArray[np.int8], labels: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of right labels that are kept and the number of right labels, by class, (classes,) each."""
    right = truth == RIGHT
    kept = right if detection.remove is None else right & ~detection.remove
    return np.bincount(labels[kept], minlength=classes), np.bincount(labels[right], minlength=classes)


def _measure(
    name: str, detection: Detection, decided: NDArray[np.bool_], wrong: NDArray[np.bool_], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    undefined = np.full(len(weights), np.nan)
    if name in ("average_precision", "auroc"):
        if detection.score is None or not wrong.any() or wrong[decided].all():
            return undefined
        curve = average_precision if name == "average_precision" else area_under_roc
        return curve(detection.score[decided], wrong[decided], weights[:, decided])
    if detection.remove is None:
        return undefined
    if name == "removed":
        return np.asarray((weights * detection.remove).sum(axis=1) / weights.sum(axis=1))
    hits = (weights * (detection.remove & wrong)).sum(axis=1)
    flagged = (weights * (detection.remove & decided)).sum(axis=1)
    n_wrong = (weights * wrong).sum(axis=1)
    parts = {"precision": (hits, flagged), "recall": (hits, n_wrong), "f1": (2 * hits, flagged + n_wrong)}
    numerator, denominator = parts[name]
    # If nothing is removed although labels are wrong, F1 is 0 and precision is undefined.
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)


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
