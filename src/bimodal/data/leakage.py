"""Pictures that would make an evaluation too good: copies and groups in several splits, and pictures trained on before."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import SPLITS, Manifest
from bimodal.data.near_duplicates import PROBLEM, partner_of, similar_groups, thumbnails_of
from bimodal.data.sources.entry import Problem
from bimodal.data.splits import linked_groups
from bimodal.emotions import NAMES
from bimodal.model_files.packaged import FACE, in_pretraining
from bimodal.text import plural

Digests = Sequence[bytes | None]
"""Digests of pixels by row, see `Manifest.pixel_digests`; None (a picture of a single colour) equals no other."""
Group = TypeVar("Group", bound=Hashable)
_ORDER = {split: rank for rank, split in enumerate(("", *SPLITS))}


def first_copies(digests: Digests, splits: Sequence[str]) -> NDArray[np.int64]:
    """Return for each picture the row of its first copy, int64 (N,): in the earliest split, then the earliest row.

    >>> first_copies([b"a", b"b", b"a", None], ["test", "val", "train", "val"])
    array([2, 1, 2, 3])
    """
    first: dict[bytes, int] = {}
    result = np.arange(len(digests))
    for row in sorted(range(len(digests)), key=lambda row: (_ORDER[splits[row]], row)):
        digest = digests[row]
        if digest is not None:
            result[row] = first.setdefault(digest, row)
    return result


def copies_by_row(digests: Digests) -> dict[int, list[int]]:
    """Return, for each picture that has copies, the rows of the others.

    >>> copies_by_row([b"a", b"b", b"a", None, None])
    {0: [2], 2: [0]}
    """
    rows: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests):
        if digest is not None:
            rows.setdefault(digest, []).append(row)
    return {row: [other for other in same if other != row] for same in rows.values() if len(same) > 1 for row in same}


def has_copy_in(digests: Digests, others: Iterable[bytes | None]) -> NDArray[np.bool_]:
    """Return which pictures are also in another set, bool (N,).

    >>> has_copy_in([b"a", b"b", None], [b"b", None]).tolist()
    [False, True, False]
    """
    known = set(others) - {None}
    return np.array([digest in known for digest in digests], dtype=bool)


def inseparable_groups(manifest: Manifest, near_duplicates: bool = False) -> NDArray[np.int64]:
    """Number the examples by what must stay in one split: those of one group, and copies; int64 (N,).

    With `near_duplicates` these stay together, too, which needs every picture decoded.

    Raises:
        InputError: a picture cannot be read.
    """
    keys: list[Sequence[object]] = [[group or None for group in manifest.table["group"]], manifest.pixel_digests]
    if near_duplicates:
        keys.append(similar_groups(thumbnails_of([manifest.picture(row) for row in range(len(manifest))])))
    return linked_groups(*keys)


def groups_across_splits(groups: Sequence[Group], splits: Sequence[str]) -> dict[Group, Counter[str]]:
    """Return the groups with examples in several splits, and how many examples each split has; `""` is no group.

    >>> groups_across_splits(["Ann", "Bob", "Ann", ""], ["train", "val", "val", "test"])
    {'Ann': Counter({'train': 1, 'val': 1})}
    """
    counts: dict[Group, Counter[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        if group != "":
            counts.setdefault(group, Counter())[split] += 1
    return {group: by_split for group, by_split in counts.items() if len(by_split) > 1}


def training_overlap(manifest: Manifest, rows: Sequence[int], training: pd.DataFrame) -> int:
    """Return how many of the pictures in these rows a run was trained on; `training` is the manifest of the run."""
    trained = training.loc[training["split"] == "train", "digest"]
    digests = [manifest.pixel_digests[row] for row in rows]
    return int(has_copy_in(digests, [bytes.fromhex(text) or None for text in trained]).sum())


def training_leaks(table: pd.DataFrame, split: str, problems: pd.DataFrame) -> str:
    """Return a sentence with the faces of a split whose group, copy or near-duplicate is in training; `""` if none.

    Args:
        table: the table of a manifest, with `image`, `split`, `group` and `digest`.
        split: `val` or `test`.
        problems: the table in `problems.csv`, which lists the near-duplicates.
    """
    is_training, held_out = table["split"] == "train", table[table["split"] == split]

    def in_training(column: str, values: pd.Series) -> "pd.Series[bool]":
        found = table.loc[is_training & table[column].isin(set(values) - {""}), column]
        return values.isin(set(found))

    near = problems[(problems["problem"] == PROBLEM) & problems["image"].isin(held_out["image"])]
    counts = {
        "a group (person or film) that is also": int(in_training("group", held_out["group"]).sum()),
        "a copy": int(in_training("digest", held_out["digest"]).sum()),
        "a near-duplicate": int(in_training("image", near["detail"].map(partner_of)).sum()),
    }
    found = [
        f"{count:,} {'has' if count == 1 else 'have'} {what} in training" for what, count in counts.items() if count
    ]
    if not found:
        return ""
    return f"Of these {plural(len(held_out), 'face')}, {', '.join(found)}: the accuracy on new persons may be lower."


def pretraining_overlap(manifest: Manifest, rows: Sequence[int] | None = None, tolerated: float = 0.0) -> str:
    """Return a clause with the number of these pictures that the packaged network was pretrained on; `""` if none.

    Pictures are recognised by their pixels. Faces that `prepare` aligned have other pixels than their source, so aligned
    faces of FER2013 are recognised by the source that `prepare` recorded.

    Args:
        manifest: the faces.
        rows: the rows to check; default: all.
        tolerated: share of the pictures, 0 to 1, up to which the clause is empty.

    Raises:
        InputError: a picture cannot be read.
    """
    if manifest.source_info.kind in ("fer2013", "ferplus") and manifest.source_info.aligned:
        return f"{FACE} was pretrained on FER2013, the source of these faces"
    digests = manifest.pixel_digests if rows is None else [manifest.pixel_digests[row] for row in rows]
    count = int(in_pretraining([digest for digest in digests if digest is not None]).sum())
    if count <= tolerated * len(digests):
        return ""
    return f"{FACE} was pretrained on {count:,} of these {plural(len(digests), 'picture')}"


def report_copies(
    images: Sequence[str], labels: NDArray[np.int64], splits: Sequence[str], first: NDArray[np.int64], action: str
) -> list[Problem]:
    """Report each picture that copies another: with another label, in another split, or neither.

    `first` are the rows from `first_copies`, and `action` is what `prepare` does with the copies.
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
        place = f" in {splits[other]}" if splits[other] else ""
        detail = f"{NAMES[labels[row]]}; the same pixels as {images[other]}, {NAMES[labels[other]]}{place}"
        problems.append(Problem(images[row], splits[row], kind, detail, action))
    return problems


def report_groups(images: Sequence[str], splits: Sequence[str], groups: Sequence[str]) -> list[Problem]:
    """Report each group (film, person) with pictures in several splits, at its first picture in the second of them.

    >>> report_groups(["a.png", "b.png"], ["train", "val"], ["Ann", "Ann"])[0].detail
    'Ann: 1 in train, 1 in val'
    """
    first: dict[tuple[str, str], str] = {}
    for image, split, group in zip(images, splits, groups, strict=True):
        first.setdefault((group, split), image)
    problems = []
    for group, by_split in groups_across_splits(groups, splits).items():
        present = sorted(by_split, key=_ORDER.__getitem__)
        detail = f"{group}: " + ", ".join(f"{by_split[split]} in {split}" for split in present)
        problems.append(Problem(first[group, present[1]], present[1], "group-across-splits", detail, "kept"))
    return problems
