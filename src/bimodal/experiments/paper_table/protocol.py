"""How the faces of a study are split into training, validation and test."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.leakage import groups_across_splits, inseparable_groups
from bimodal.data.manifest import SPLITS, Manifest
from bimodal.data.splits import divide
from bimodal.emotions import NAMES
from bimodal.errors import InputError

Protocol = Literal["group-disjoint", "paper", "person-independent"]
VAL_SHARE = 0.2
"""Share of the faces outside the test fold of `person-independent` that are for validation."""
_NO_GROUPS = "No groups (persons, films) are known of these faces, so the same person may be in two splits."


@dataclass(frozen=True, eq=False)
class Fold:
    """One split of the faces: the name of its folders, and the manifest's table with these splits."""

    name: str
    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Division:
    """The folds of a protocol.

    Attributes:
        folds: one fold, or two that test on each other's training faces.
        notes: sentences for the report: how the faces were split, and what leaks.
    """

    folds: tuple[Fold, ...]
    notes: tuple[str, ...] = ()


def divide_by(protocol: Protocol, manifest: Manifest) -> Division:
    """Split the faces of a data folder by a protocol.

    - `group-disjoint`: the folder's splits. If groups (persons, films) are in several splits, those splits are divided
      again in the same proportions, stratified by emotion, with no group in two splits.
    - `paper`: validation and test are random halves, stratified by emotion, whatever the groups; the notes say what
      leaks. SFEW's data folders have such splits already.
    - `person-independent`: as SFEW's SPI protocol: two folds with no group in both; each fold is tested by methods that
      learn from the other, of which a fifth is for validation, again with no group in both.

    Raises:
        InputError: a split is missing, a split lacks an emotion, or the protocol needs groups and none is known.
    """
    if protocol == "person-independent":
        division = _person_independent(manifest)
    else:
        for split in SPLITS:
            if len(manifest.rows(split)) == 0:
                raise InputError(
                    f"{manifest.root} has no faces in split {split}; a study needs train, val and test: prepare with "
                    "--val-share and --test-share"
                )
        division = _paper(manifest) if protocol == "paper" else _group_disjoint(manifest)
    for fold in division.folds:
        _check_emotions(fold, manifest)
    return division


def _group_disjoint(manifest: Manifest) -> Division:
    splits = manifest.table["split"].to_numpy().astype(str)
    sets = inseparable_groups(manifest)
    crossing = groups_across_splits(sets.tolist(), splits.tolist())
    has_groups = any(manifest.table["group"])
    notes = [] if has_groups else [_NO_GROUPS]
    if not crossing:
        notes = notes or ["No group (person, film) is in two splits."]
        return Division((_fold("own", manifest, splits),), tuple(notes))
    # If no group crosses into training, the training split stays as it is, such as SFEW's.
    divided = SPLITS if any("train" in counts for counts in crossing.values()) else ("val", "test")
    rows = np.flatnonzero(np.isin(splits, divided))
    new = splits.copy()
    shares = {split: float((splits[rows] == split).mean()) for split in divided}
    new[rows] = divide(manifest.labels[rows], shares, seed=0, groups=sets[rows])
    what = "groups (persons, films) or identical pictures" if has_groups else "sets of identical pictures"
    notes.append(
        f"{len(crossing)} {what} are in several splits of the data folder; {', '.join(divided)} were divided again, "
        "stratified by emotion, with none of them in two splits."
    )
    return Division((_fold("group-disjoint", manifest, new),), tuple(notes))


def _paper(manifest: Manifest) -> Division:
    splits = manifest.table["split"].to_numpy().astype(str)
    notes = ["Validation and test are random halves, stratified by emotion, as in the paper."]
    name = "own"
    if manifest.source_info.kind != "sfew":
        name = "random-halves"
        rows = np.flatnonzero(splits != "train")
        splits = splits.copy()
        splits[rows] = divide(manifest.labels[rows], {"test": 0.5, "val": 0.5}, seed=0)
    sets = inseparable_groups(manifest)
    crossing = groups_across_splits(sets.tolist(), splits.tolist())
    n_leaked = sum(counts["test"] for counts in crossing.values())
    if n_leaked:
        notes.append(
            f"This leaks: {n_leaked} of the {int((splits == 'test').sum())} test faces belong to a group (person, film) "
            "that is also in training or validation, or are identical to a face there."
        )
    if not any(manifest.table["group"]):
        notes.append(_NO_GROUPS)
    return Division((_fold(name, manifest, splits),), tuple(notes))


def _person_independent(manifest: Manifest) -> Division:
    groups = manifest.table["group"].tolist()
    if not any(groups):
        raise InputError(
            f"--protocol person-independent needs groups (persons, films), and {manifest.root} has none; "
            "prepare with --group, or choose another --protocol"
        )
    sets = inseparable_groups(manifest)
    halves = divide(manifest.labels, {"a": 0.5, "b": 0.5}, seed=0, groups=sets)
    folds = []
    for number, half in enumerate("ab", start=1):
        splits = np.full(len(manifest), "test", dtype="<U5")
        rows = np.flatnonzero(halves == half)
        shares = {"train": 1 - VAL_SHARE, "val": VAL_SHARE}
        splits[rows] = divide(manifest.labels[rows], shares, seed=0, groups=sets[rows])
        folds.append(_fold(f"fold-{number}", manifest, splits))
    notes = [
        "Two folds with no group (person, film) in both, as in SFEW's person-independent protocol: every face is tested "
        "once, by methods that learn from the other fold. A fifth of that fold is for validation, with no group in both."
    ]
    without = groups.count("")
    if without:
        notes.append(f"The group of {without} faces is unknown; each of them counts as a group.")
    return Division(tuple(folds), tuple(notes))


def _fold(name: str, manifest: Manifest, splits: NDArray[np.str_]) -> Fold:
    return Fold(name, manifest.table.assign(split=splits))


def _check_emotions(fold: Fold, manifest: Manifest) -> None:
    splits = fold.table["split"].to_numpy()
    for code in np.unique(manifest.labels):
        for split in SPLITS:
            if not ((splits == split) & (manifest.labels == code)).any():
                raise InputError(
                    f"no {NAMES[code]} face in split {split} of {manifest.root} ({fold.name}); a study needs every emotion "
                    f"in every split: add such faces, or leave the emotion out with prepare --labels {NAMES[code]}=drop"
                )
