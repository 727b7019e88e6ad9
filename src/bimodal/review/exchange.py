"""The decisions of a review as the CSV that `bimodal audit --decisions` reads, and back."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from bimodal.data.manifest import Manifest
from bimodal.files import sha256_of, write_csv
from bimodal.label_audit.audit import DECIDED
from bimodal.label_audit.decisions import COLUMNS_OF_DECISIONS, Rounds, read_decisions
from bimodal.review.opened import OpenAudit
from bimodal.review.store import MAX_NAME, MAX_WHY, Store

TAKEN_OVER = "decisions.csv"
"""The note with the checksum of the audit's decisions that the review knows already."""


def decisions_table(store: Store, manifest: Manifest) -> pd.DataFrame:
    """Return one decision on each training face, `image,decision,label,by,when,why`, in the order of time.

    Where reviewers disagree, the last one who was sure counts, and `why` says what the others decided.
    """
    merged, training = store.merged(), manifest.table.loc[manifest.rows("train"), "image"]
    merged = merged[merged["image"].isin(training)]
    table = merged.rename(columns={"reviewer": "by", "time": "when"})[list(COLUMNS_OF_DECISIONS)]
    others: dict[str, list[str]] = {}
    for image, reviewer, decision, label in store.disagreements()[
        ["image", "reviewer", "decision", "label"]
    ].itertuples(index=False):
        others.setdefault(image, []).append(f"{reviewer}: {f'{decision} {label}'.strip()}")
    table["why"] = [
        "; ".join([*([why] if why else []), f"reviewers disagree ({', '.join(others[image])})"])
        if image in others
        else why
        for image, why in zip(table["image"], table["why"], strict=True)
    ]
    return table.reset_index(drop=True)


def export_decisions(store: Store, manifest: Manifest, file: Path) -> int:
    """Write `decisions_table` as CSV and return its number of lines.

    Raises:
        OSError: the file cannot be written.
    """
    table = decisions_table(store, manifest)
    write_csv(file, table)
    return len(table)


def import_decisions(store: Store, manifest: Manifest, file: Path) -> int:
    """Add the decisions of a CSV, under the names that it gives; what these reviewers have decided already is not added again.

    Returns:
        The number of added decisions.

    Raises:
        InputError: see `read_decisions`; nothing is added then.
        OSError: the disk is full.
    """
    return _add(store, read_decisions(file, manifest, with_unsure=True))


def take_over_rounds(store: Store, opened: OpenAudit) -> int:
    """Add the decisions that `bimodal audit --decisions` was given; each state of them is taken over once.

    Returns:
        The number of added decisions.

    Raises:
        InputError: the decisions of the audit are damaged.
    """
    file = opened.folder / DECIDED
    if not file.is_file():
        return 0
    checksum = sha256_of(file)
    if store.note(TAKEN_OVER) == checksum:
        return 0
    known = store.merged().set_index("image")
    current = Rounds.read(file, opened.manifest).current
    is_new = [
        image not in known.index or (known.at[image, "decision"], known.at[image, "label"]) != (decision, label)
        for image, decision, label in current[["image", "decision", "label"]].itertuples(index=False)
    ]
    added = _add(store, current[is_new])
    store.set_note(TAKEN_OVER, checksum)
    return added


def _add(store: Store, table: pd.DataFrame) -> int:
    by = [_shown(name)[:MAX_NAME].strip() or "unnamed" for name in table["by"]]
    current = store.current()
    known = set(current[["reviewer", "image", "decision", "label"]].itertuples(index=False, name=None))
    added = 0
    for reviewer, part in table.assign(by=by).groupby("by", sort=False):
        lines, times = [], []
        for line in part[["image", "decision", "label", "why", "when"]].itertuples(index=False, name=None):
            image, decision, label, why, when = map(str, line)
            if (str(reviewer), image, decision, label) not in known:
                lines.append((image, decision, label, _shown(why)[:MAX_WHY].strip()))
                times.append(_utc(when))
        store.add_all(str(reviewer), lines, times)
        added += len(lines)
    return added


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _utc(when: str) -> str:
    """Return a time in UTC, ISO 8601; empty if it is none, so that the present time counts.

    >>> _utc("2026-01-02T03:04:05+01:00"), _utc("yesterday")
    ('2026-01-02T02:04:05.000+00:00', '')
    """
    try:
        time = datetime.fromisoformat(when)
        zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
        return zoned.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        return ""
