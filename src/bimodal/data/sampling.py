"""Drawing a smaller set with given numbers of pictures for each class and split."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bimodal.data.splits import portion
from bimodal.errors import InputError

SFEW: Mapping[str, tuple[int, ...]] = {
    "train": (178, 52, 78, 184, 144, 161, 94),
    "val": (38, 12, 23, 36, 42, 36, 28),
    "test": (39, 11, 23, 36, 42, 37, 28),
}
"""The number of faces of each class, by code, in the paper's splits (figures 2 and 3): 891, 215 and 216 in all."""


def wanted_counts(sample: str, labels: NDArray[np.int64], splits: NDArray[np.str_]) -> dict[str, NDArray[np.int64]]:
    """Return how many pictures of each class a sample should have in each split.

    `sample` is `sfew` for the paper's counts, or a number of training pictures; then the other splits and the classes keep
    their proportions.

    Raises:
        InputError: `sample` is neither, or is larger than the training split.
    """
    if sample == "sfew":
        return {split: np.array(counts) for split, counts in SFEW.items()}
    available = int((splits == "train").sum())
    if not sample.isdecimal() or not 0 < int(sample) <= available:
        raise InputError(f"--sample expects sfew or 1 to {available} (the training pictures), got {sample!r}")
    share = int(sample) / available
    return {split: portion(np.bincount(labels[splits == split], minlength=len(SFEW["train"])), share) for split in SFEW}


def draw_sample(
    labels: NDArray[np.int64], splits: NDArray[np.str_], counts: Mapping[str, NDArray[np.int64]], seed: int
) -> NDArray[np.bool_]:
    """Draw examples at random: in each split `counts` (C,) of each class, or all if there are fewer; return a mask (N,).

    >>> labels, splits = np.array([0, 0, 0, 1]), np.array(["train"] * 4)
    >>> draw_sample(labels, splits, {"train": np.array([2, 5])}, seed=0).sum()
    np.int64(3)
    """
    random = np.random.default_rng(seed)
    keep = np.zeros(len(labels), bool)
    for split, by_class in counts.items():
        for code, count in enumerate(by_class):
            rows = np.flatnonzero((splits == split) & (labels == code))
            keep[random.permutation(rows)[:count]] = True
    return keep
