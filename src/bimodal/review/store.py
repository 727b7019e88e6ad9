"""The decisions of a review, as events in an SQLite file that is only ever appended to."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd

from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.review.schema import connect, errors_of, transaction

FILE = "review.sqlite"
KEEP, RELABEL, REMOVE, UNSURE, UNDO = "keep", "relabel", "remove", "unsure", "undo"
DECISIONS = (KEEP, RELABEL, REMOVE, UNSURE)
COLUMNS = ("id", "batch", "time", "reviewer", "image", "decision", "label", "why")
MAX_NAME, MAX_WHY, MAX_IMAGE = 80, 1000, 4096
"""Longest name of a reviewer, reason and name of a picture, in characters."""


@dataclass(frozen=True)
class Decision:
    """An event: what a reviewer decided about a face.

    Attributes:
        id: ascending in the order of the events.
        batch: the id of the first event of those that were decided together, and are undone together.
        time: UTC, ISO 8601 with milliseconds.
        reviewer: who.
        image: the picture, as in the manifest.
        decision: `keep`, `relabel`, `remove`, `unsure` or `undo`.
        label: the new label of `relabel`; otherwise empty.
        why: a reason in words, or empty.
        undoes: of `undo`, the id of the event that no longer counts.
    """

    id: int
    batch: int
    time: str
    reviewer: str
    image: str
    decision: str
    label: str = ""
    why: str = ""
    undoes: int | None = None


class Store:
    """The decisions in an audit folder. Threads and processes can use the same file at the same time.

    >>> import tempfile
    >>> with Store.open(tempfile.mkdtemp()) as store:
    ...     _ = store.add("ann", "a.png", "relabel", "sad"), store.add("bob", "a.png", "keep")
    ...     print(store.merged()[["image", "decision", "agreed"]].values.tolist())
    ...     _ = store.undo("bob")
    ...     print(store.merged()[["image", "decision", "label", "agreed"]].values.tolist())
    [['a.png', 'keep', False]]
    [['a.png', 'relabel', 'sad', True]]
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._connection = connect(file)
        self._lock = threading.RLock()
        self._cached: tuple[int, pd.DataFrame] = (-1, pd.DataFrame())

    @classmethod
    def open(cls, audit_folder: str | Path) -> Self:
        """Open the decisions of an audit, or begin them.

        Args:
            audit_folder: an existing folder.

        Raises:
            InputError: the file is damaged, of another program, or of a later version of bimodal.
            OSError: the file cannot be read or written.
        """
        return cls(Path(audit_folder) / FILE)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, reviewer: str, image: str, decision: str, label: str = "", why: str = "") -> Decision:
        """Store a decision; it is on the disk when this returns.

        Args:
            reviewer: who decides; 1 to 80 characters.
            image: the picture, as in the manifest.
            decision: `keep`, `relabel`, `remove` or `unsure`.
            label: the new label, where the decision is `relabel`.
            why: a reason in words.

        Raises:
            InputError: a value is none of these.
            OSError: the disk is full, or the file cannot be written.
        """
        return self.add_many(reviewer, [image], decision, label, why)[0]

    def add_many(
        self, reviewer: str, images: Sequence[str], decision: str, label: str = "", why: str = ""
    ) -> list[Decision]:
        """Store the same decision about several faces, all or none; one `undo` undoes them. See `add`."""
        return self.add_all(reviewer, [(image, decision, label, why) for image in images])

    def add_all(
        self, reviewer: str, decisions: Sequence[tuple[str, str, str, str]], times: Sequence[str] | None = None
    ) -> list[Decision]:
        """Store several decisions, all or none; one `undo` undoes them.

        Args:
            reviewer: see `add`.
            decisions: of each face, `(image, decision, label, why)`; see `add`.
            times: when each was decided, UTC, ISO 8601; default: now.
        """
        name = _text("the name of the reviewer", reviewer, MAX_NAME)
        checked = [_checked(*each) for each in decisions]
        now = _now()
        with self._writing():
            batch, added = self._next_id(), []
            for offset, (image, decision, label, why) in enumerate(checked):
                time = times[offset] if times and times[offset] else now
                added.append(Decision(batch + offset, batch, time, name, image, decision, label, why))
            self._insert(added)
        return added

    def undo(self, reviewer: str) -> list[Decision]:
        """Undo the last decision of a reviewer, or those that were taken together; earlier ones count again.

        Returns:
            The decisions that no longer count; none if there is nothing to undo.
        """
        name = _text("the name of the reviewer", reviewer, MAX_NAME)
        now = _now()
        with self._writing():
            query = f"SELECT {', '.join(COLUMNS)} FROM event WHERE {_COUNTS} AND reviewer = ?1 AND batch = "
            query += f"(SELECT max(batch) FROM event WHERE {_COUNTS} AND reviewer = ?1) ORDER BY id"
            undone = [Decision(*row) for row in self._connection.execute(query, (name,))]
            batch = self._next_id()
            self._insert(
                [
                    Decision(batch + offset, batch, now, name, old.image, UNDO, "", "", old.id)
                    for offset, old in enumerate(undone)
                ]
            )
        return undone

    @property
    def count(self) -> int:
        """The number of events so far, undone ones and undos included; it grows with every event."""
        with self._lock, errors_of(self.file):
            return self._next_id() - 1

    def current(self) -> pd.DataFrame:
        """Return the last decision of each reviewer on each face that is not undone: `COLUMNS`, in the order of time."""
        with self._lock, errors_of(self.file):
            count = self._next_id() - 1
            if self._cached[0] != count:  # events are only added, so their number says whether the table is still right
                query = f"SELECT {', '.join(COLUMNS)} FROM event WHERE {_COUNTS} ORDER BY id"
                rows = self._connection.execute(query).fetchall()
                table = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
                table = table.drop_duplicates(["reviewer", "image"], keep="last").reset_index(drop=True)
                self._cached = (count, table)
            return self._cached[1].copy()

    def merged(self) -> pd.DataFrame:
        """Return one decision on each face: the last that is not `unsure`, otherwise `unsure`.

        Returns:
            `COLUMNS`, and `agreed`: whether all who were sure decided the same. In the order of time.
        """
        table = self.current()
        sure = table[table["decision"] != UNSURE]
        last = pd.concat([table[~table["image"].isin(sure["image"])], sure]).drop_duplicates("image", keep="last")
        outcomes = sure.drop_duplicates(["image", "decision", "label"])["image"].value_counts()
        return last.assign(agreed=~last["image"].isin(outcomes.index[outcomes > 1])).sort_values(
            "id", ignore_index=True
        )

    def disagreements(self) -> pd.DataFrame:
        """Return the decisions on faces about which reviewers are sure of different things: `COLUMNS`, face by face."""
        table, merged = self.current(), self.merged()
        differ = table[table["image"].isin(merged.loc[~merged["agreed"], "image"]) & (table["decision"] != UNSURE)]
        return differ.sort_values(["image", "id"], ignore_index=True)

    def history(self, image: str) -> list[Decision]:
        """Return all events of a face, undone ones and undos included, in the order of time."""
        query = f"SELECT {', '.join(COLUMNS)}, undoes FROM event WHERE image = ? ORDER BY id"
        with self._lock, errors_of(self.file):
            return [Decision(*row) for row in self._connection.execute(query, (image,))]

    def note(self, name: str) -> str:
        """Return a short text that was stored beside the decisions; empty if there is none."""
        with self._lock, errors_of(self.file):
            found = self._connection.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def set_note(self, name: str, value: str) -> None:
        """Store a short text beside the decisions; an earlier one of this name is replaced."""
        with self._writing():
            self._connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))

    def _next_id(self) -> int:
        (last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
        return int(last) + 1

    def _insert(self, events: Sequence[Decision]) -> None:
        rows = [
            (
                each.id,
                each.batch,
                each.time,
                each.reviewer,
                each.image,
                each.decision,
                each.label,
                each.why,
                each.undoes,
            )
            for each in events
        ]
        self._connection.executemany(f"INSERT INTO event VALUES ({', '.join('?' * 9)})", rows)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, errors_of(self.file), transaction(self._connection):
            yield


_COUNTS = "decision <> 'undo' AND NOT EXISTS (SELECT 1 FROM event AS later WHERE later.undoes = event.id)"
"""The condition that an event is a decision and not undone."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _checked(image: str, decision: str, label: str, why: str) -> tuple[str, str, str, str]:
    """Return a decision in its stored form.

    Raises:
        InputError: a value is not allowed.
    """
    if decision not in DECISIONS:
        raise InputError(f"expected a decision, one of {', '.join(DECISIONS)}, got {decision!r}")
    if decision == RELABEL:
        try:
            label = NAMES[code_of(label)]
        except InputError:
            raise InputError(f"expected a new label, one of {', '.join(NAMES)}, got {label!r}") from None
    if not image or len(image) > MAX_IMAGE or image.encode(errors="replace").decode() != image:
        raise InputError(f"expected the name of a picture, in 1 to {MAX_IMAGE:,} characters, got {image[:100]!r}")
    return image, decision, label if decision == RELABEL else "", _text("the reason", why, MAX_WHY) if why else ""


def _text(what: str, text: str, most: int) -> str:
    """Return a text without surrounding space.

    Raises:
        InputError: it is empty, too long, or has characters that cannot be shown or stored.
    """
    short = text.strip()
    if not short or len(short) > most or not short.isprintable():
        raise InputError(f"expected {what} in 1 to {most:,} printable characters, got {short[:100]!r}")
    return short
