"""How the faces of a study are divided: whom a method may learn from, choose on, and is tested on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import SPLITS, Manifest
from bimodal.data.splits import divide, together
from bimodal.emotions import NAMES
from bimodal.errors import InputError

Protocol = Literal["group-disjoint", "paper", "person-independent"]
VAL_SHARE = 0.2
"""Of the faces that a fold of `person-independent` learns from, how many are for choices."""
_NO_GROUPS = "No groups (persons, films) are known of these faces, so the same person may be in two splits."


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the faces.

    Attributes:
        name: a folder's name.
        table: the manifest's table with the splits of this fold.
    """

    name: str
    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Division:
    """The folds of a protocol, and what a reader must know of them.

    Attributes:
        folds: one, or two that test on each other's training faces.
        notes: how it was divided and what leaks, a sentence each.
    """

    folds: tuple[Fold, ...]
    notes: tuple[str, ...] = ()


def divide_by(protocol: Protocol, manifest: Manifest, kind: str = "") -> Division:
    """Divide the faces of a data folder.

    - `group-disjoint`: the folder's own splits. Where persons or films cross them, the splits concerned are
      divided anew in the same proportions, stratified, with no group in two splits.
    - `paper`: validation and test are random, stratified halves, groups or not; the notes say what leaks.
      SFEW's data folders have such splits already.
    - `person-independent`: SFEW's SPI: all faces in two folds with no group in both; each method learns on one
      and is tested on the other, and validation is taken from the first, again with no group in both.

    Args:
        protocol: one of the three.
        manifest: of the data folder.
        kind: of the source that it was made from; `sfew` splits as the paper did.

    Raises:
        InputError: a split is missing, a class is missing from a split, or there are no groups to keep apart.
    """
    if protocol == "person-independent":
        division = _person_independent(manifest)
    else:
        _check_splits(manifest)
        division = _paper(manifest, kind) if protocol == "paper" else _group_disjoint(manifest)
    for fold in division.folds:
        _check_classes(fold, manifest)
    return division


def _group_disjoint(manifest: Manifest) -> Division:
    splits = manifest.table["split"].to_numpy().astype(str)
    units = _units(manifest)
    crossing = _crossing(splits, units)
    known = any(manifest.table["group"])
    notes = [] if known else [_NO_GROUPS]
    if not crossing:
        return Division(
            (_fold("own", manifest, splits),), tuple(notes or ["No group (person, film) is in two splits."])
        )
    # Training faces that nobody else's group touches stay where they are, as with SFEW's own training set.
    divided = SPLITS if any("train" in places for places in crossing.values()) else ("val", "test")
    rows = np.flatnonzero(np.isin(splits, divided))
    new = splits.copy()
    new[rows] = divide(manifest.labels[rows], _shares(splits[rows], divided), seed=0, units=units[rows])
    what = "groups (persons, films) or identical pictures" if known else "sets of identical pictures"
    notes.append(
        f"{len(crossing)} {what} are in several splits of the data folder; {', '.join(divided)} were divided anew, "
        "stratified, with none in two."
    )
    return Division((_fold("group-disjoint", manifest, new),), tuple(notes))


def _paper(manifest: Manifest, kind: str) -> Division:
    splits = manifest.table["split"].to_numpy().astype(str)
    notes = ["Validation and test are random halves, stratified by emotion, as in the paper."]
    name = "own"
    if kind != "sfew":
        name = "random-halves"
        rows = np.flatnonzero(splits != "train")
        splits = splits.copy()
        splits[rows] = divide(manifest.labels[rows], {"test": 0.5, "val": 0.5}, seed=0)
    units = _units(manifest)
    crossing = _crossing(splits, units)
    seen = {unit for unit, places in crossing.items() if "test" in places}
    leaked = sum(unit in seen and split == "test" for unit, split in zip(units.tolist(), splits, strict=True))
    if leaked:
        notes.append(
            f"This leaks: {leaked} of the {int((splits == 'test').sum())} test faces are of a group (person, film) that is "
            "in training or validation, too, or identical to a face there."
        )
    if not any(manifest.table["group"]):
        notes.append(_NO_GROUPS)
    return Division((_fold(name, manifest, splits),), tuple(notes))


def _person_independent(manifest: Manifest) -> Division:
    groups = manifest.table["group"].tolist()
    if not any(groups):
        raise InputError(
            f"--protocol person-independent needs groups (persons, films), and {manifest.root} knows none; "
            "prepare with --group, or take another --protocol"
        )
    units = _units(manifest)
    side = divide(manifest.labels, {"a": 0.5, "b": 0.5}, seed=0, units=units)
    folds = []
    for number, learn in enumerate("ab", start=1):
        splits = np.full(len(manifest), "test", dtype="<U5")
        rows = np.flatnonzero(side == learn)
        splits[rows] = divide(
            manifest.labels[rows],
            {"train": 1 - VAL_SHARE, "val": VAL_SHARE},
            seed=0,
            units=units[rows],
        )
        folds.append(_fold(f"fold-{number}", manifest, splits))
    without = groups.count("")
    notes = [
        "Two folds with no group (person, film) in both, as in SFEW's person-independent protocol: every face is tested "
        "once, by a network trained on the other fold. Validation is a fifth of that fold, again with no group in both."
    ]
    if without:
        notes.append(f"Of {without} faces the group is not known; they count as groups of one.")
    return Division(tuple(folds), tuple(notes))


def _fold(name: str, manifest: Manifest, splits: NDArray[np.str_]) -> Fold:
    return Fold(name, manifest.table.assign(split=splits))


def _units(manifest: Manifest) -> NDArray[np.int64]:
    """Number the faces by what must stay together: those of one group, or identical files (blank ones aside)."""
    blank = (manifest.table["flag"] == "blank").tolist()
    digests = [None if empty else digest for digest, empty in zip(manifest.digests, blank, strict=True)]
    return together([group or None for group in manifest.table["group"]], digests)


def _crossing(splits: NDArray[np.str_], units: NDArray[np.int64]) -> dict[int, set[str]]:
    """Return the units that are in several splits, and in which."""
    places: dict[int, set[str]] = {}
    for split, unit in zip(splits.tolist(), units.tolist(), strict=True):
        places.setdefault(unit, set()).add(split)
    return {unit: found for unit, found in places.items() if len(found) > 1}


def _shares(splits: NDArray[np.str_], names: Sequence[str]) -> dict[str, float]:
    counts = Counter(splits.tolist())
    return {name: counts[name] / len(splits) for name in names}


def _check_splits(manifest: Manifest) -> None:
    for split in SPLITS:
        if len(manifest.rows(split)) == 0:
            raise InputError(
                f"{manifest.root} has no faces in split {split}; a study needs train, val and test: prepare with "
                "--val-share and --test-share"
            )


def _check_classes(fold: Fold, manifest: Manifest) -> None:
    splits = fold.table["split"].to_numpy()
    for code in np.unique(manifest.labels):
        for split in SPLITS:
            if not ((splits == split) & (manifest.labels == code)).any():
                raise InputError(
                    f"no {NAMES[code]} face in split {split} of {manifest.root} ({fold.name}); a study needs every emotion in "
                    f"every split: add faces of it, or leave it out with prepare --labels {NAMES[code]}=drop"
                )
