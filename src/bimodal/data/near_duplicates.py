"""Near-duplicates: pictures that are the same but for compression, brightness, size or a narrow crop."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.sources.entry import Problem
from bimodal.errors import InputError
from bimodal.progress import warn
from bimodal.vision.pictures import UnreadableError, decode, map_in_threads, resize

SIDE = 16
"""The side of a thumbnail: small enough that a narrow crop moves its content by a fraction of a pixel."""
THRESHOLD = 0.96
"""The least correlation of near-duplicates. Of 1.4 million pairs of press photographs, two from bursts of one scene lie at
0.975 and 0.978, all others below 0.952, as do 3.4 million pairs of drawn faces. JPEG at quality 30, half the size and 30 %
less brightness stay above 0.966; 30 % more brightness and crops of 1 % a side stay above 0.96 in at least 95 % of the
pictures, and crops of 2 % a side in 72 % of the photographs and 93 % of the drawn faces. In FER2013, 182 of the 3,303
PublicTest pictures without a copy in Training lie above 0.96; in a sample of 28, each pair showed the same photograph."""
PROBLEM = "near-duplicate-across-splits"
"""The name of the problem in `problems.csv`."""
_CHUNK = 2048
"""Pictures in a block of correlations: two blocks of float32 take 32 MB, whatever the number of pictures."""
_MAX_SHARE = 0.25

Thumbnails = NDArray[np.float32]
"""Rows of 256 grey values with mean 0 and length 1, see `thumbnail`."""


def thumbnail(pixels: NDArray[np.uint8]) -> Thumbnails:
    """Return a grey thumbnail with mean 0 and length 1, float32 (256,); all zeros for a picture of a single colour.

    The product of two thumbnails is their correlation, which brightness and contrast do not change.

    Args:
        pixels: uint8 (H, W, 3).

    >>> picture = np.random.default_rng(0).integers(0, 200, (32, 32, 3), dtype=np.uint8)
    >>> round(float(thumbnail(picture) @ thumbnail(picture + 50)), 3)
    1.0
    """
    grey = resize(pixels, SIDE).astype(np.float32).mean(axis=2).ravel()
    grey -= grey.mean()
    length = float(np.linalg.norm(grey))
    return grey / length if length > 1 else np.zeros_like(grey)


def thumbnails_of(files: Sequence[Path]) -> Thumbnails:
    """Return the thumbnails of picture files, float32 (N, 256).

    Raises:
        InputError: a picture cannot be read.
    """

    def read(file: Path) -> Thumbnails:
        try:
            return thumbnail(decode(file, least=2 * SIDE))
        except UnreadableError as error:
            raise InputError(f"{file} cannot be read ({error}); run bimodal prepare again") from error

    return np.stack(map_in_threads(read, files, "looking for near-duplicates"))


def most_similar(thumbnails: Thumbnails, others: Thumbnails) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return for each picture the row of the most similar one of other pictures, and their correlation.

    Args:
        thumbnails: float32 (N, 256), see `thumbnail`.
        others: float32 (M, 256), M >= 1.

    Returns:
        int64 (N,), 0 to M - 1; and float32 (N,), -1 to 1. The memory does not grow with N times M.

    >>> rows, correlations = most_similar(np.eye(3, 256, dtype=np.float32), np.eye(2, 256, 1, dtype=np.float32))
    >>> rows.tolist(), correlations.tolist()
    ([0, 0, 1], [0.0, 1.0, 1.0])
    """
    rows = np.zeros(len(thumbnails), np.int64)
    best = np.full(len(thumbnails), -np.inf, np.float32)
    for start in range(0, len(thumbnails), _CHUNK):
        part = slice(start, start + _CHUNK)
        for first in range(0, len(others), _CHUNK):
            block = thumbnails[part] @ others[first : first + _CHUNK].T
            nearest = block.argmax(axis=1)
            highest = np.take_along_axis(block, nearest[:, None], axis=1)[:, 0]
            better = highest > best[part]
            rows[part] = np.where(better, first + nearest, rows[part])
            best[part] = np.where(better, highest, best[part])
    return rows, best


def similar_groups(thumbnails: Thumbnails) -> list[int | None]:
    """Number pictures by group: near-duplicates, directly or through others, are in one group.

    Args:
        thumbnails: float32 (N, 256), see `thumbnail`.

    Returns:
        A number for each picture, or None for a picture without near-duplicates. If a group has more than a quarter of the
        pictures, the pictures are all alike and correlation says nothing about copies: a warning, and None for each.

    >>> similar_groups(np.eye(8, 256, dtype=np.float32)[[0, 1, 2, 1, 3, 4, 5, 6, 7]])
    [None, 1, None, 1, None, None, None, None, None]
    """
    from scipy.cluster.hierarchy import DisjointSet  # slow to import, and not needed to read an earlier result

    groups = DisjointSet(range(len(thumbnails)))
    for start in range(0, len(thumbnails), _CHUNK):
        for first in range(0, start + _CHUNK, _CHUNK):
            similar = thumbnails[start : start + _CHUNK] @ thumbnails[first : first + _CHUNK].T >= THRESHOLD
            if first == start:
                similar = np.tril(similar, -1)
            for row in np.flatnonzero(similar.any(axis=1)):
                for other in np.flatnonzero(similar[row]):
                    groups.merge(start + int(row), first + int(other))
                if groups.subset_size(start + int(row)) > max(2, _MAX_SHARE * len(thumbnails)):
                    warn("more than a quarter of the pictures are near-duplicates; they may be in different splits")
                    return [None] * len(thumbnails)
    return [int(groups[row]) if groups.subset_size(row) > 1 else None for row in range(len(thumbnails))]


def report_near_duplicates(
    images: Sequence[str], splits: Sequence[str], digests: Sequence[bytes | None], thumbnails: Thumbnails
) -> list[Problem]:
    """Report each validation and test picture that is a near-duplicate, not a copy, of a training picture.

    Args:
        images: N names.
        splits: N names.
        digests: N digests of pixels; None for a picture of a single colour.
        thumbnails: float32 (N, 256), see `thumbnail`.
    """
    training = np.array([row for row, split in enumerate(splits) if split == "train"], dtype=np.int64)
    known = {digests[row] for row in training}
    rows = [row for row, split in enumerate(splits) if split in ("val", "test") and digests[row] not in known]
    if not rows or not len(training):
        return []
    nearest, correlations = most_similar(thumbnails[rows], thumbnails[training])
    return [
        Problem(images[row], splits[row], PROBLEM, _detail(correlation, images[training[other]]), "kept")
        for row, other, correlation in zip(rows, nearest, correlations, strict=True)
        if correlation >= THRESHOLD
    ]


def partner_of(detail: str) -> str:
    """Return the training picture that the detail of a near-duplicate names.

    >>> partner_of("correlation 0.991 with images/train/sad/me with Ann.png")
    'images/train/sad/me with Ann.png'
    """
    return detail.partition(" with ")[2]


def _detail(correlation: float, image: str) -> str:
    return f"correlation {correlation:.3f} with {image}"
