"""Which of many thumbnails are worth comparing: those in one leaf of a random tree, for several trees.

To compare each thumbnail with each other one takes hours for a million. A tree divides them at the median of a random direction
until few are left in a leaf; near-duplicates lie so close together that one of several trees leaves almost every pair in one
leaf (Dasgupta and Freund 2008, https://doi.org/10.1145/1374376.1374452). The time grows as n log n.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bimodal.progress import track

TREES = 10
LEAF = 256
_DIRECTIONS = 32
"""Principal components in which the trees divide: near-duplicates differ in the others, which other pictures share."""
_FIT_ROWS = 20_000
_ROWS = 65_536


def leaves(
    thumbnails: NDArray[np.floating], seed: int = 0, trees: int = TREES, leaf: int = LEAF
) -> Iterator[NDArray[np.int64]]:
    """Yield the rows in each leaf of each tree; each row is in one leaf of a tree.

    Args:
        thumbnails: (N,F).
        seed: random seed of the directions.
        trees: number of trees.
        leaf: most rows in a leaf.

    >>> found = list(leaves(np.random.default_rng(0).normal(size=(40, 64)), trees=2, leaf=10))
    >>> len(found), sorted(np.concatenate(found[:4]).tolist()) == list(range(40))
    (8, True)
    """
    rng = np.random.default_rng(seed)
    places = _principal_places(thumbnails, rng)
    for _ in track(range(trees), "looking for near-duplicates", trees):
        parts = [rng.permutation(len(places))]  # so that equal thumbnails fall into other halves in each tree
        while len(parts[0]) > leaf:  # all have the same size but for one row
            parts = [half for part in parts for half in _halves(part, places, rng)]
        yield from parts


def _halves(
    part: NDArray[np.int64], places: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.int64], ...]:
    """Divide rows at the median of the direction from one of them to another."""
    one, other = places[part[rng.integers(len(part), size=2)]]
    along = places[part] @ (one - other)
    middle = (len(part) + 1) // 2
    order = np.argpartition(along, middle) if middle < len(part) else np.arange(len(part))
    return part[order[:middle]], part[order[middle:]]


def _principal_places(thumbnails: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the first principal components of the rows, float32 (N, up to 32)."""
    chosen = np.sort(rng.choice(len(thumbnails), min(_FIT_ROWS, len(thumbnails)), replace=False))
    sample = thumbnails[chosen].astype(np.float32)
    mean = sample.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(sample - mean, rowvar=False))  # ascending
    directions = vectors[:, ::-1][:, :_DIRECTIONS].astype(np.float32)
    result = np.empty((len(thumbnails), directions.shape[1]), np.float32)
    for start in range(0, len(thumbnails), _ROWS):
        part = slice(start, start + _ROWS)
        result[part] = (thumbnails[part].astype(np.float32) - mean) @ directions
    return result
