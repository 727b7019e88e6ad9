"""What is wrong with a set of pictures as a whole: identical ones, and groups that cross the splits."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import SPLITS
from bimodal.data.sources import Problem
from bimodal.emotions import NAMES

ORDER = {"": 0} | {split: rank for rank, split in enumerate(SPLITS)}


def first_copies(digests: Sequence[bytes | None], splits: Sequence[str]) -> NDArray[np.int64]:
    """Return for each picture the row of its first copy: in the earliest split, then the earliest row.

    Args:
        digests: of the pixels; None is equal to nothing (blank pictures).
        splits: `train` comes before `val`, and `val` before `test`.

    >>> first_copies([b"a", b"b", b"a", None], ["test", "val", "train", "val"])
    array([2, 1, 2, 3])
    """
    first: dict[bytes, int] = {}
    result = np.arange(len(digests))
    for row in sorted(range(len(digests)), key=lambda row: (ORDER[splits[row]], row)):
        digest = digests[row]
        if digest is not None:
            result[row] = first.setdefault(digest, row)
    return result


def report_copies(
    images: Sequence[str],
    labels: NDArray[np.int64],
    splits: Sequence[str],
    first: NDArray[np.int64],
    action: str,
) -> list[Problem]:
    """Report each picture that has the pixels of another: under another label, in another split, or neither.

    Args:
        images: names.
        labels: codes.
        splits: names.
        first: see `first_copies`.
        action: what is done about it.
    """
    problems = []
    for row, other in enumerate(first):
        if other == row:
            continue
        if labels[row] != labels[other]:
            kind = "identical-two-labels"
        elif splits[row] != splits[other]:
            kind = "identical-across-splits"
        else:
            kind = "identical"
        there = f" in {splits[other]}" if splits[other] else ""
        detail = f"{NAMES[labels[row]]}; the same pixels as {images[other]}, {NAMES[labels[other]]}{there}"
        problems.append(Problem(images[row], splits[row], kind, detail, action))
    return problems


def report_groups(images: Sequence[str], splits: Sequence[str], groups: Sequence[str]) -> list[Problem]:
    """Report each group (film, person) with pictures in several splits, at its first picture outside the first.

    >>> report_groups(["a.png", "b.png"], ["train", "val"], ["Ann", "Ann"])[0].detail
    'Ann: 1 in train, 1 in val'
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        if group:
            rows[group].append(row)
    problems = []
    for group, members in rows.items():
        by_split = Counter(splits[row] for row in members)
        present = sorted(by_split, key=lambda split: ORDER[split])
        if len(present) > 1:
            row = next(row for row in members if splits[row] == present[1])
            detail = f"{group}: " + ", ".join(f"{by_split[split]} in {split}" for split in present)
            problems.append(Problem(images[row], splits[row], "group-across-splits", detail, "kept"))
    return problems


def report_classes(labels: NDArray[np.int64], splits: Sequence[str]) -> list[Problem]:
    """Report each class that has pictures, but none in some split."""
    there = Counter(zip(labels.tolist(), splits, strict=True))
    used = [split for split in SPLITS if split in set(splits)]
    return [
        Problem("", split, "class-missing", f"no {NAMES[code]} picture in {split}", "kept")
        for code in sorted(set(labels.tolist()))
        for split in used
        if not there[code, split]
    ]
