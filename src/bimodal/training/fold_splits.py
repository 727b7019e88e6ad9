"""The splits of a cross-validation: every face is in the test split of one fold."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.data.splits import divide
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.features.probe import assign_folds

VAL_SHARE = 1 / 8
"""The share of the faces outside the held-out fold that are for validation: a tenth of all faces with five folds.

The epoch (`--keep best`) and one calibration temperature are chosen on them, which needs few faces, and faces for validation
are missing in training. With the probe on press photographs (1,691 and 500 faces, 3 seeds), an eighth was as accurate as a
twentieth, a fifth and a third, to within a point.
"""


def fold_tables(manifest: Manifest, groups: NDArray[np.int64], folds: int, seed: int) -> list[pd.DataFrame]:
    """Return for each fold the table of a manifest whose test split is the fold.

    The splits of the data folder do not matter. Faces of one group stay together, and the folds are stratified by emotion
    (scikit-learn's StratifiedGroupKFold). Of the other faces, `VAL_SHARE` are for validation, likewise.

    Args:
        manifest: the N faces.
        groups: (N,), the number of each face's group, see `inseparable_groups`.
        folds: number of folds, at least 2.
        seed: random seed of the folds.

    Raises:
        InputError: fewer than 2 folds, more folds than the rarest emotion has faces or groups, or a fold whose training
            faces lack an emotion or that has no faces for validation.
    """
    if folds < 2:
        raise InputError(f"--folds must be a whole number of at least 2, got {folds}")
    _check_count(manifest.labels, groups, folds)
    fold = assign_folds(manifest.labels, groups.tolist(), folds, seed)
    base = manifest.table_with_digests
    return [
        base.assign(split=_splits(manifest.labels, groups, fold == number, number, seed)) for number in range(folds)
    ]


def _check_count(labels: NDArray[np.int64], groups: NDArray[np.int64], folds: int) -> None:
    """Check that each emotion has as many faces, and groups, as there are folds."""
    codes = np.unique(labels)
    faces = {int(code): int((labels == code).sum()) for code in codes}
    sets = {int(code): len(np.unique(groups[labels == code])) for code in codes}
    rarest = min(faces, key=faces.__getitem__)
    if faces[rarest] < folds:
        count = faces[rarest]
        raise InputError(
            f"--folds must be at most the number of faces of the rarest emotion, {NAMES[rarest]} with {count}, got {folds}; "
            + _advice(count)
        )
    fewest = min(sets, key=sets.__getitem__)
    if sets[fewest] < folds:
        raise InputError(
            f"--folds must be at most the number of groups (persons, films; copies and near-duplicates are one) of each emotion, and "
            f"{NAMES[fewest]} has {sets[fewest]}, got {folds}; {_advice(sets[fewest])}"
        )


def _advice(count: int) -> str:
    return f"choose --folds {count} or fewer, or add faces" if count >= 2 else "add faces, or leave the emotion out"


def _splits(
    labels: NDArray[np.int64], groups: NDArray[np.int64], held_out: NDArray[np.bool_], number: int, seed: int
) -> NDArray[np.str_]:
    splits = np.full(len(labels), "test", dtype="<U5")
    rest = np.flatnonzero(~held_out)
    try:
        splits[rest] = divide(labels[rest], {"train": 1 - VAL_SHARE, "val": VAL_SHARE}, seed, groups[rest])
    except InputError as error:
        raise InputError(
            f"fold {number + 1} has too few faces outside of it, {len(rest)} in {len(np.unique(groups[rest]))} groups, to set "
            "some apart for validation; add faces"
        ) from error
    missing = set(np.unique(labels)) - set(np.unique(labels[splits == "train"]))
    if missing:
        raise InputError(
            f"fold {number + 1} has no training faces of {_names(sorted(missing))}, because the groups (persons, films) of "
            "these faces are few and large; choose fewer --folds or another --seed, or add faces"
        )
    return splits


def _names(codes: Sequence[int]) -> str:
    return ", ".join(NAMES[code] for code in codes)
