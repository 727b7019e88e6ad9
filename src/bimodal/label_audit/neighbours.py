"""For each suspect, the most similar faces whose labels are probably right."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from bimodal.emotions import NAMES
from bimodal.label_audit.ranking import LabelRanking
from bimodal.removal.issues import LabelIssues

COUNT = 3
"""Similar faces for each suspect and label."""
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
    features = ranking.judgement.features - ranking.judgement.features.mean(axis=0)
    labels = ranking.judgement.labels
    trusted = trusted_labels(ranking.issues, labels)
    result: Neighbours = {}
    for column in ("label", "suggested"):
        for code, name in enumerate(NAMES):
            rows = shown.index[shown[column] == name].to_numpy(dtype=np.int64)
            near = nearest(features, np.searchsorted(ranking.rows, rows), trusted & (labels == code), COUNT)
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
    features: NDArray[np.float32], queries: NDArray[np.int64], among: NDArray[np.bool_], count: int
) -> list[NDArray[np.int64]]:
    """Return the nearest faces to each query by cosine similarity; no face is its own neighbour.

    Args:
        features: (n,F).
        queries: (m,), positions in `features`.
        among: (n,) bool, the faces to choose from.
        count: neighbours for each query, if `among` has as many.

    Returns:
        m arrays of positions, nearest first.

    >>> features = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], dtype=np.float32)
    >>> [near.tolist() for near in nearest(features, np.array([0, 3]), np.array([True, True, True, False]), 2)]
    [[1, 2], [2, 1]]
    """
    candidates = np.flatnonzero(among)
    if not len(candidates) or not len(queries):
        return [np.zeros(0, dtype=np.int64)] * len(queries)
    index = NearestNeighbors(n_neighbors=min(count + 1, len(candidates)), metric="cosine").fit(features[candidates])
    found = candidates[index.kneighbors(features[queries], return_distance=False)]
    return [near[near != query][:count] for near, query in zip(found, queries, strict=True)]
