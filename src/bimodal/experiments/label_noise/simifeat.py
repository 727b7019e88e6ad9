"""SimiFeat: wrong labels by a vote of the nearest neighbours in feature space, without a training on these labels.

Zhu, Dong and Liu (2022), "Detecting corrupted labels without training a model to predict", section 4.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 10
"""k, as in the paper."""


def neighbour_shares(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, neighbours: int = NEIGHBOURS
) -> NDArray[np.float64]:
    """Return the share of each label among the nearest neighbours of each example, (N,C).

    Args:
        features: (N,F); they are centred, and compared by cosine similarity.
        labels: (N,), 0 to `classes` - 1.
        classes: C.
        neighbours: number of neighbours, 1 to N - 1; an example is not its own neighbour.

    >>> features = np.array([[1, 0], [0.9, 0.1], [0.8, 0.2], [-1, 0], [-0.9, -0.1]], dtype=np.float32)
    >>> neighbour_shares(features, np.array([0, 0, 1, 1, 1]), classes=2, neighbours=2)[2].tolist()
    [1.0, 0.0]
    """
    centred = features - features.mean(axis=0)
    index = NearestNeighbors(n_neighbors=neighbours, metric="cosine").fit(centred)
    near = index.kneighbors(return_distance=False)  # without an argument: the neighbours of each example but itself
    return np.asarray(np.eye(classes)[labels[near]].mean(axis=1))


def agreement(shares: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cosine similarity of the neighbours' labels, (N,C), and each example's label, (N,): the paper's score."""
    return np.asarray(shares[np.arange(len(labels)), labels] / np.linalg.norm(shares, axis=1))


def outvoted(shares: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which labels, (N,), differ from that of most neighbours; where several labels tie, none of these differs."""
    return np.asarray(shares[np.arange(len(labels)), labels] < shares.max(axis=1))
