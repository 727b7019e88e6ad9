"""Further data folders of a study: a larger set to train on first, and the same faces before alignment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from bimodal.data.leakage import has_copy_in
from bimodal.data.manifest import Manifest
from bimodal.data.sampling import draw_sample
from bimodal.data.splits import portion
from bimodal.data.tables import read_table
from bimodal.emotions import NAMES
from bimodal.errors import InputError


def larger_table(
    larger: Manifest, name: str, study: Sequence[Manifest], limits: Mapping[str, int] | None = None
) -> tuple[pd.DataFrame, str]:
    """Select the faces of the larger set that are not in the study; return their table and a note for the report.

    Two pictures are the same if their pixels are, whatever their format. All splits of the study count: a test face in
    the first stage would leak.

    Args:
        larger: the larger set, of which the splits `train` and `val` are used.
        name: its name.
        study: the study's faces, and the same faces before alignment if they are known.
        limits: the largest number of faces of a split; they are drawn at random with the proportions of the classes.

    Raises:
        InputError: `train` or `val` has no face that is not in the study, or `train` is not larger than the study's.
    """
    free = ~has_copy_in(larger.pixel_digests, chain.from_iterable(manifest.pixel_digests for manifest in study))
    splits = larger.table["split"].to_numpy().astype(str)
    usable = np.isin(splits, ("train", "val"))
    keep = free & usable
    n_removed = int((usable & ~free).sum())
    for split in ("train", "val"):
        if not (keep & (splits == split)).any():
            raise InputError(
                f"--larger {name} has no faces in split {split} that are not in this study; prepare it with "
                "--val-share, or give another set"
            )
    n_left, n_own = int((keep & (splits == "train")).sum()), len(study[0].rows("train"))
    if n_left <= n_own:
        raise InputError(
            f"--larger {name} has {n_left} training faces that are not in this study, no more than the {n_own} of the "
            "study; give a larger set, such as FER2013"
        )
    counts = {}
    for split in ("train", "val"):
        available = np.bincount(larger.labels[keep & (splits == split)], minlength=len(NAMES))
        limit = (limits or {}).get(split, int(available.sum()))
        counts[split] = available if limit >= available.sum() else portion(available, limit / available.sum())
    rows = np.flatnonzero(keep)
    rows = rows[draw_sample(larger.labels[rows], splits[rows], counts, seed=0)]
    table = larger.table.iloc[rows].reset_index(drop=True)
    n_train, n_val = (int((table["split"] == split).sum()) for split in ("train", "val"))
    note = (
        f"The first of two stages trains on {n_train} faces of {name}; {n_val} more choose its weights. {n_removed} of "
        "its pictures have the same pixels as pictures in this study and were left out; copies that were resized, cropped "
        "or recompressed are not recognised. The first stage is trained once; the seeds vary the second stage."
    )
    return table, note


def match_pictures(study: Manifest, other: Manifest) -> pd.DataFrame:
    """Return the study's table with the pictures of another data folder that show the same faces.

    Faces are matched by the last folder and the name of their source file (`Happy/Film_0012_0003`), which alignment does
    not change, in SFEW and in `bimodal prepare --align`.

    Raises:
        InputError: a face has no match, or several.
    """
    keys, other_keys = _source_names(study), _source_names(other)
    times, other_times = Counter(keys), Counter(other_keys)
    missing = [key for key in keys if not other_times[key]]
    ambiguous = [key for key in keys if times[key] > 1 or other_times[key] > 1]
    for unmatched, trouble in ((missing, "no counterpart"), (ambiguous, "several counterparts")):
        if unmatched:
            raise InputError(
                f"{len(unmatched)} of the {len(keys)} faces of {study.root} have {trouble} in --unaligned {other.root} "
                f"(the first: {unmatched[0]}); prepare both from the same pictures, one of them with --align"
            )
    rows = {key: row for row, key in enumerate(other_keys)}
    pictures = other.table.iloc[[rows[key] for key in keys]]
    return study.table.assign(**{column: pictures[column].to_numpy() for column in PICTURE_COLUMNS})


PICTURE_COLUMNS = ("image", "flag", "digest")
"""The columns of a manifest that describe the picture, not the face."""


def _source_names(manifest: Manifest) -> list[str]:
    file = manifest.root / "origins.csv"
    origin: dict[str, str] = {}
    if file.is_file():
        table = read_table(file, ("image", "origin"))
        origin = dict(zip(table["image"], table["origin"], strict=True))
    paths = [PurePosixPath(origin.get(image, image)).with_suffix("") for image in manifest.table["image"]]
    return ["/".join(path.parts[-2:]) for path in paths]
