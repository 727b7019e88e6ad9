"""Near-duplicates: pictures that are the same but for compression, brightness, size or a narrow crop."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bimodal.data.sources.entry import Problem
from bimodal.data.splits import linked_rows
from bimodal.data.thumbnail_forest import leaves
from bimodal.errors import InputError
from bimodal.progress import warn
from bimodal.vision.packed import PictureFile
from bimodal.vision.pictures import UnreadableError, decode, each_in_threads, resize

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

_MAX_PAIRS = 400_000_000
"""Pairs of pictures that are all compared: a few seconds."""
_MAX_LINKS = 1_000_000

Thumbnails = NDArray[np.float32] | NDArray[np.float16]
"""Rows of 256 grey values with mean 0 and length 1, see `thumbnail`. With 16 bits, which half a gigabyte for a million pictures
needs, correlations differ by less than 0.001."""


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
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


def thumbnails_of(files: Sequence[PictureFile]) -> Thumbnails:
    """Return the thumbnails of picture files, float16 (N, 256).

    Raises:
        InputError: a picture cannot be read.
    """

    def read(file: PictureFile) -> Thumbnails:
        try:
            return thumbnail(decode(file, least=2 * SIDE)).astype(np.float16)
        except UnreadableError as error:
            raise InputError(f"{file} cannot be read ({error}); run bimodal prepare again") from error

    result = np.zeros((len(files), SIDE * SIDE), np.float16)
    for row, found in enumerate(each_in_threads(read, files, "looking for near-duplicates")):
        result[row] = found
    return result


def most_similar(thumbnails: Thumbnails, others: Thumbnails) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return for each picture the row of the most similar one of other pictures, and their correlation.

    Args:
        thumbnails: (N, 256), see `thumbnail`.
        others: (M, 256), M >= 1.

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
            block = _products(thumbnails[part], others[first : first + _CHUNK])
            nearest = block.argmax(axis=1)
            highest = np.take_along_axis(block, nearest[:, None], axis=1)[:, 0]
            better = highest > best[part]
            rows[part] = np.where(better, first + nearest, rows[part])
            best[part] = np.where(better, highest, best[part])
    return rows, best


def similar_groups(thumbnails: Thumbnails) -> list[int | None]:
    """Number pictures by group: near-duplicates, directly or through others, are in one group.

    Of up to 28,000 pictures, each is compared with each. Of more, only those that a leaf of a random tree holds
    (`thumbnail_forest`), which finds almost all near-duplicates.

    Args:
        thumbnails: (N, 256), see `thumbnail`.

    Returns:
        A number for each picture, or None for a picture without near-duplicates. If a group has more than a quarter of the
        pictures, the pictures are all alike and correlation says nothing about copies: a warning, and None for each.

    >>> similar_groups(np.eye(8, 256, dtype=np.float32)[[0, 1, 2, 1, 3, 4, 5, 6, 7]])
    [None, 1, None, 1, None, None, None, None, None]
    """
    number = len(thumbnails)
    links = np.zeros((2, 0), np.int64)
    waiting = [links]
    group = np.arange(number)
    limit = _MAX_LINKS + number
    for block in _similar_pairs(thumbnails):
        waiting.append(block)
        if sum(each.shape[1] for each in waiting) > limit:
            group, links = _join(np.concatenate(waiting, axis=1), number)
            waiting = [links]
            if _are_alike(group):
                break
    group, _ = _join(np.concatenate(waiting, axis=1), number)
    if _are_alike(group):
        warn("more than a quarter of the pictures are near-duplicates; they may be in different splits")
        return [None] * number
    size = np.bincount(group, minlength=number)
    return [name if size[name] > 1 else None for name in group.tolist()]


def _similar_pairs(thumbnails: Thumbnails) -> Iterator[NDArray[np.int64]]:
    """Yield near-duplicates, (2, P), the row and an earlier one; a pair may come several times."""
    if len(thumbnails) ** 2 <= 2 * _MAX_PAIRS:
        for start in range(0, len(thumbnails), _CHUNK):
            for first in range(0, start + _CHUNK, _CHUNK):
                similar = _products(thumbnails[start : start + _CHUNK], thumbnails[first : first + _CHUNK]) >= THRESHOLD
                row, other = np.nonzero(np.tril(similar, -1) if first == start else similar)
                yield np.stack([row + start, other + first])
        return
    for rows in leaves(thumbnails):
        rows = np.sort(rows)
        part = thumbnails[rows].astype(np.float32)
        row, other = np.nonzero(np.tril(part @ part.T >= THRESHOLD, -1))
        yield rows[np.stack([row, other])]


def _join(links: NDArray[np.int64], number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first row of each row's group, and as few links as give the same groups."""
    group = linked_rows(links, number)
    rows = np.flatnonzero(group != np.arange(number))
    return group, np.stack([rows, group[rows]])


def _are_alike(group: NDArray[np.int64]) -> bool:
    return bool(len(group)) and int(np.bincount(group).max()) > max(2, _MAX_SHARE * len(group))


def _products(some: Thumbnails, others: Thumbnails) -> NDArray[np.float32]:
    """Return the correlations of two blocks of thumbnails, (N, M), computed with 32 bits."""
    return np.asarray(some.astype(np.float32) @ others.astype(np.float32).T)


def report_near_duplicates(
    images: Sequence[str], splits: Sequence[str], digests: Sequence[bytes | None], thumbnails: Thumbnails
) -> list[Problem]:
    """Report each validation and test picture that is a near-duplicate, not a copy, of a training picture.

    Args:
        images: N names.
        splits: N names.
        digests: N digests of pixels; None for a picture of a single colour.
        thumbnails: (N, 256), see `thumbnail`. Of many pictures, those in a leaf are compared, as in `similar_groups`.
    """
    training = np.array([row for row, split in enumerate(splits) if split == "train"], dtype=np.int64)
    known = {digests[row] for row in training}
    rows = [row for row, split in enumerate(splits) if split in ("val", "test") and digests[row] not in known]
    if not rows or not len(training):
        return []
    if len(rows) * len(training) <= _MAX_PAIRS:
        nearest, correlations = most_similar(thumbnails[rows], thumbnails[training])
        partners = training[nearest]
    else:
        partners, correlations = _most_similar_in_leaves(thumbnails, np.array(rows), training)
    return [
        Problem(images[row], splits[row], PROBLEM, _detail(correlation, images[other]), "kept")
        for row, other, correlation in zip(rows, partners.tolist(), correlations.tolist(), strict=True)
        if correlation >= THRESHOLD
    ]


def _most_similar_in_leaves(
    thumbnails: Thumbnails, rows: NDArray[np.int64], others: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return for each of some rows the most similar one of other rows that shares a leaf, and their correlation."""
    place = np.full(len(thumbnails), -1)
    place[rows] = np.arange(len(rows))
    is_other = np.zeros(len(thumbnails), bool)
    is_other[others] = True
    partner, best = np.zeros(len(rows), np.int64), np.full(len(rows), -np.inf, np.float32)
    for leaf in leaves(thumbnails):
        some, candidates = leaf[place[leaf] >= 0], leaf[is_other[leaf]]
        if not len(some) or not len(candidates):
            continue
        block = _products(thumbnails[some], thumbnails[candidates])
        nearest, here = block.argmax(axis=1), place[some]
        highest = np.take_along_axis(block, nearest[:, None], axis=1)[:, 0]
        better = highest > best[here]
        partner[here] = np.where(better, candidates[nearest], partner[here])
        best[here] = np.where(better, highest, best[here])
    return partner, best


def partner_of(detail: str) -> str:
    """Return the training picture that the detail of a near-duplicate names.

    >>> partner_of("correlation 0.991 with images/train/sad/me with Ann.png")
    'images/train/sad/me with Ann.png'
    """
    return detail.partition(" with ")[2]


def _detail(correlation: float, image: str) -> str:
    return f"correlation {correlation:.3f} with {image}"
