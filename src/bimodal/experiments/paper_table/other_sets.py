"""Other data folders that a study draws on: a larger set to learn from first, and the same faces before alignment."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from bimodal.data.copies import pixel_hashes
from bimodal.data.manifest import Manifest, read_table
from bimodal.data.sampling import draw_sample
from bimodal.data.splits import portion
from bimodal.emotions import NAMES
from bimodal.errors import InputError


def larger_table(
    larger: Manifest, name: str, own: Sequence[Manifest], train: int | None = None, val: int | None = None
) -> tuple[pd.DataFrame, str]:
    """Return the larger set's training and validation faces without any picture of the study's, and say what went.

    Pictures are the same if their pixels are, whatever their format. All splits of the study's own set count: of a
    test face, a copy in the first stage would be a look at the test.

    Args:
        larger: the set to learn from first.
        name: what it is called.
        own: the study's faces, also as they were before alignment, where that is known.
        train, val: at most so many faces of each split, drawn at random, the classes keeping their proportions.

    Raises:
        InputError: without the study's pictures the larger set has no training or validation faces, or is not larger.
    """
    known = {digest for manifest in own for digest in pixel_hashes(manifest)}
    free = np.array([digest not in known for digest in pixel_hashes(larger)])
    splits = larger.table["split"].to_numpy().astype(str)
    usable = np.isin(splits, ("train", "val"))
    keep = free & usable
    removed = int((usable & ~free).sum())
    for split in ("train", "val"):
        if not (keep & (splits == split)).any():
            raise InputError(
                f"--larger {name} has no faces in split {split} that are not in this study; prepare it with "
                "--val-share, or give another set"
            )
    left = int((keep & (splits == "train")).sum())
    if left <= len(own[0].rows("train")):
        raise InputError(
            f"--larger {name} has {left} training faces that are not in this study, no more than the "
            f"{len(own[0].rows('train'))} of the study; give a larger set, such as FER2013"
        )
    limits = {"train": train, "val": val}
    counts = {}
    for split, limit in limits.items():
        there = np.bincount(larger.labels[keep & (splits == split)], minlength=len(NAMES))
        counts[split] = there if limit is None or limit >= there.sum() else portion(there, limit / there.sum())
    rows = np.flatnonzero(keep)
    rows = rows[draw_sample(larger.labels[rows], splits[rows], counts, seed=0)]
    table = larger.table.iloc[rows].reset_index(drop=True)
    note = (
        f"First stage of two: {int((table['split'] == 'train').sum())} training faces of {name}, "
        f"{int((table['split'] == 'val').sum())} to choose the weights on; {removed} of its pictures that are "
        "in this study, too, were left out, known by their pixels: one that was resized, cropped or compressed anew is "
        "not known. It is trained once; the seeds vary the second stage."
    )
    return table, note


def counterparts(own: Manifest, other: Manifest) -> pd.DataFrame:
    """Return, row by row, the pictures of another data folder that show the faces of this one.

    They are known by the last folder and the name of the file that they come from (`Happy/Film_0012_0003`), which
    alignment does not change, neither in SFEW nor with `bimodal prepare --align`.

    Raises:
        InputError: a face has no counterpart, or several.
    """
    keys, others = _origins(own), _origins(other)
    places: dict[str, list[int]] = {}
    for row, key in enumerate(others):
        places.setdefault(key, []).append(row)
    missing = [key for key in keys if key not in places]
    times = Counter(keys)
    twice = [key for key in keys if times[key] > 1 or len(places.get(key, ())) > 1]
    for found, trouble in ((missing, "no counterpart"), (twice, "several counterparts")):
        if found:
            raise InputError(
                f"{len(found)} of the {len(keys)} faces of {own.root} have {trouble} in --unaligned {other.root} "
                f"(the first: {found[0]}); prepare both from the same pictures, one of them with --align"
            )
    rows = [places[key][0] for key in keys]
    return own.table.assign(image=other.table["image"].to_numpy()[rows], flag=other.table["flag"].to_numpy()[rows])


def _origins(manifest: Manifest) -> list[str]:
    file = manifest.root / "origins.csv"
    origin: dict[str, str] = {}
    if file.is_file():
        table = read_table(file, ("image", "origin"))
        origin = dict(zip(table["image"], table["origin"], strict=True))
    paths = [PurePosixPath(origin.get(image, image)).with_suffix("") for image in manifest.table["image"]]
    return ["/".join(path.parts[-2:]) for path in paths]
