"""For each suspect, the most similar faces whose labels are probably right."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.emotions import NAMES
from bimodal.label_audit.ranking import LabelRanking
from bimodal.removal.issues import LabelIssues

COUNT = 3
"""Similar faces for each suspect and label."""
_ROWS = 16_384
_TRUSTED = 0.2
"""A label is trusted if it is wrong with a probability below this."""

Neighbours = dict[tuple[int, str], list[int]]
"""Rows of the similar faces, nearest first, by the row of the suspect and the label of the similar faces."""


def similar_faces(ranking: LabelRanking, shown: pd.DataFrame) -> Neighbours:
    """Return faces with trusted labels that are similar to some suspects, by cosine similarity of centred features.

    Args:
        ranking: of the training labels.
        shown: rows of `ranking.table`: the suspects.

    Returns:
        For each suspect, up to `COUNT` faces of its given label and up to `COUNT` of the suggested label.
    """
    features = ranking.judgement.features
    mean = features.mean(axis=0, dtype=np.float32)
    labels = ranking.judgement.labels
    trusted = trusted_labels(ranking.issues, labels)
    result: Neighbours = {}
    for column in ("label", "suggested"):
        for code, name in enumerate(NAMES):
            rows = shown.index[shown[column] == name].to_numpy(dtype=np.int64)
            near = nearest(features, np.searchsorted(ranking.rows, rows), trusted & (labels == code), COUNT, mean)
            result |= {
                (row, name): ranking.rows[found].tolist() for row, found in zip(rows.tolist(), near, strict=True)
            }
    return result


def trusted_labels(issues: LabelIssues, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which labels are probably right, (n,); of a class with fewer than `COUNT` such labels, the better half."""
    trusted = ~issues.is_label_issue & (issues.probability < _TRUSTED)
    for code in np.unique(labels):
        members = np.flatnonzero((labels == code) & ~issues.is_label_issue)
        if trusted[members].sum() < COUNT:
            trusted[members[np.argsort(issues.score[members], kind="stable")][: (len(members) + 1) // 2]] = True
    return np.asarray(trusted)


def nearest(
    features: NDArray[np.floating],
    queries: NDArray[np.int64],
    among: NDArray[np.bool_],
    count: int,
    mean: NDArray[np.float32] | None = None,
) -> list[NDArray[np.int64]]:
    """Return the nearest faces to each query by cosine similarity; no face is its own neighbour.

    Args:
        features: (n,F).
        queries: (m,), positions in `features`.
        among: (n,) bool, the faces to choose from.
        count: neighbours for each query, if `among` has as many.
        mean: (F,), is subtracted from the features first; None: nothing is.

    Returns:
        m arrays of positions, nearest first.

    >>> features = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], dtype=np.float32)
    >>> [near.tolist() for near in nearest(features, np.array([0, 3]), np.array([True, True, True, False]), 2)]
    [[1, 2], [2, 1]]
    """
    candidates = np.flatnonzero(among)
    if not len(candidates) or not len(queries):
        return [np.zeros(0, dtype=np.int64)] * len(queries)
    wanted = _normalised(features[queries], mean)
    near = np.zeros((len(queries), 0), np.int64)
    best = np.zeros((len(queries), 0), np.float32)
    for start in range(0, len(candidates), _ROWS):  # the memory does not grow with the number of faces
        rows = candidates[start : start + _ROWS]
        similar = wanted @ _normalised(features[rows], mean).T
        similar[rows == queries[:, None]] = -np.inf
        near = np.concatenate([near, np.broadcast_to(rows, similar.shape)], axis=1)
        best = np.concatenate([best, similar], axis=1)
        first = np.argsort(-best, axis=1, kind="stable")[:, :count]
        near, best = np.take_along_axis(near, first, axis=1), np.take_along_axis(best, first, axis=1)
    return [rows[values > -np.inf] for rows, values in zip(near, best, strict=True)]


def _normalised(features: NDArray[np.floating], mean: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return features of length 1, float32."""
    values = features.astype(np.float32) if mean is None else features.astype(np.float32) - mean
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12))
