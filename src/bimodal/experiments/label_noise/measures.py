"""How well a method finds the wrong labels of one cell, with resampled values for intervals."""

import numpy as np
from numpy.typing import NDArray

from bimodal.emotions import NAMES
from bimodal.experiments.label_noise.detectors import Detection
from bimodal.experiments.label_noise.samples import RIGHT, UNDECIDED, WRONG

RESAMPLES = 500
MEASURES = ("average_precision", "auroc", "precision", "recall", "f1", "removed", "noise_rate", "rate_error")


def draw_weights(faces: int, seed: int) -> NDArray[np.int64]:
    """Return the weights under which all methods are measured, so that they are paired, (1 + RESAMPLES, faces).

    The first row is the faces themselves: all ones. The others say how often a resample draws each face.
    """
    random = np.random.default_rng((seed, faces))
    resamples = [np.bincount(random.integers(0, faces, faces), minlength=faces) for _ in range(RESAMPLES)]
    return np.stack([np.ones(faces, dtype=np.int64), *resamples])


def measure(
    detection: Detection, truth: NDArray[np.int8], weights: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Measure a method on one cell.

    Args:
        detection: its result for n faces.
        truth: (n,), `RIGHT`, `WRONG` or `UNDECIDED`; undecided faces count in `removed` only.
        weights: (R,n), see `draw_weights`.

    Returns:
        The measures by name, (R,), NaN where undefined: `average_precision` and `auroc` of the score; `precision`, `recall`
        and `f1` of the labels to remove, and `removed`, their share of all faces; `noise_rate`, the estimated share of wrong
        labels, and `rate_error`, its absolute difference to the true share.
    """
    decided, wrong = truth != UNDECIDED, truth == WRONG
    measures = dict.fromkeys(MEASURES, np.full(len(weights), np.nan))
    if detection.score is not None and wrong.any() and not wrong[decided].all():
        ranked = detection.score[decided], wrong[decided], weights[:, decided]
        measures |= {"average_precision": average_precision(*ranked), "auroc": area_under_roc(*ranked)}
    if detection.remove is not None:
        hits = (weights * (detection.remove & wrong)).sum(axis=1)
        flagged = (weights * (detection.remove & decided)).sum(axis=1)
        n_wrong = (weights * wrong).sum(axis=1)
        measures |= {
            "precision": _ratio(hits, flagged),
            "recall": _ratio(hits, n_wrong),
            "f1": _ratio(2 * hits, flagged + n_wrong),  # 0 if nothing is removed although labels are wrong
            "removed": _ratio((weights * detection.remove).sum(axis=1), weights.sum(axis=1)),
        }
    if detection.noise_rate is not None:
        true_rate = _ratio((weights * wrong).sum(axis=1), (weights * decided).sum(axis=1))
        rate = np.full(len(weights), detection.noise_rate)
        measures |= {"noise_rate": rate, "rate_error": np.abs(rate - true_rate)}
    return measures


def kept_by_class(detection: Detection, truth: NDArray[np.int8], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of right labels that are kept, and of all right labels, by emotion, (2,7)."""
    right = truth == RIGHT
    kept = right if detection.remove is None else right & ~detection.remove
    return np.stack([np.bincount(labels[chosen], minlength=len(NAMES)) for chosen in (kept, right)])


def _ratio(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> NDArray[np.float64]:
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
        area = (np.diff(hits, prepend=0) * hits / np.maximum(seen, 1)).sum()
        results.append(float(area / hits[-1]) if hits[-1] else np.nan)
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
        right, bad = np.bincount(place, row * ~wrong), np.bincount(place, row * wrong)
        below = np.cumsum(right) - right
        pairs = right.sum() * bad.sum()
        results.append(float((bad * (below + right / 2)).sum() / pairs) if pairs else np.nan)
    return np.array(results)
