"""The decisions of a review, as events in an SQLite file that is only ever appended to."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pandas as pd

from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.review.decision_log import DECISIONS, RELABEL, UNDO, UNSURE, Decision, DecisionLog
from bimodal.review.group_commit import GroupCommit
from bimodal.review.schema import connect, errors_of

FILE = "review.sqlite"
COLUMNS = ("id", "batch", "time", "reviewer", "image", "decision", "label", "why")
T = TypeVar("T")
MAX_NAME, MAX_WHY, MAX_IMAGE = 80, 1000, 4096
"""Longest name of a reviewer, reason and name of a picture, in characters."""


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
        self._writer = GroupCommit(connect(file), file)
        self._reader = connect(file)  # of its own, because readers need not wait for the disk
        self._lock = threading.Lock()
        self._log = DecisionLog()

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
        self._writer.close()
        with self._lock:
            self._reader.close()

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
        self,
        reviewer: str,
        decisions: Sequence[tuple[str, str, str, str]],
        times: Sequence[str] | None = None,
        *,
        repeated: bool = True,
    ) -> list[Decision]:
        """Store several decisions, all or none; one `undo` undoes them.

        Args:
            reviewer: see `add`.
            decisions: of each face, `(image, decision, label, why)`; see `add`.
            times: when each was decided, UTC, ISO 8601; default: now.
            repeated: whether to store a decision that is already the reviewer's last one on the face.
        """
        name = _text("the name of the reviewer", reviewer, MAX_NAME)
        checked = [_checked(*each) for each in decisions]
        now = _now()

        def write(connection: sqlite3.Connection) -> list[Decision]:
            batch, added = _next_id(connection), list[Decision]()
            for number, (image, decision, label, why) in enumerate(checked):
                if repeated or _last(connection, name, image) != (decision, label):
                    time = times[number] if times and times[number] else now
                    added.append(Decision(batch + len(added), batch, time, name, image, decision, label, why))
            _insert(connection, added)
            return added

        return self._writer.write(write)

    def undo(self, reviewer: str) -> list[Decision]:
        """Undo the last decision of a reviewer, or those that were taken together; earlier ones count again.

        Returns:
            The decisions that no longer count; none if there is nothing to undo.
        """
        name = _text("the name of the reviewer", reviewer, MAX_NAME)
        now = _now()

        def write(connection: sqlite3.Connection) -> list[Decision]:
            query = f"{_SELECT} WHERE {_COUNTS} AND reviewer = ?1 AND batch = "
            query += f"(SELECT max(batch) FROM event WHERE {_COUNTS} AND reviewer = ?1) ORDER BY id"
            undone = [Decision(*row) for row in connection.execute(query, (name,))]
            batch = _next_id(connection)
            undos = [
                Decision(batch + number, batch, now, name, old.image, UNDO, "", "", old.id)
                for number, old in enumerate(undone)
            ]
            _insert(connection, undos)
            return undone

        return self._writer.write(write)

    @property
    def count(self) -> int:
        """The number of events so far, undone ones and undos included; it grows with every event."""
        return self._read(lambda connection: _next_id(connection) - 1)

    @property
    def log(self) -> DecisionLog:
        """All decisions so far. Only the events since the last call are read."""
        with self._lock, errors_of(self.file):
            new = self._reader.execute(f"{_SELECT} WHERE id > ? ORDER BY id", (self._log.count,))
            self._log = self._log.plus([Decision(*row) for row in new])
            return self._log

    def current(self) -> pd.DataFrame:
        """Return the last decision of each reviewer on each face that is not undone: `COLUMNS`, in the order of time."""
        return _table([vars(each) for each in self.log.all_current()], COLUMNS)

    def merged(self) -> pd.DataFrame:
        """Return one decision on each face: the last that is not `unsure`, otherwise `unsure`.

        Returns:
            `COLUMNS`, and `agreed`: whether all who were sure decided the same. In the order of time.
        """
        merged = [vars(each.decision) | {"agreed": each.agreed} for each in self.log.all_merged()]
        return _table(merged, (*COLUMNS, "agreed")).astype({"agreed": bool})

    def disagreements(self) -> pd.DataFrame:
        """Return the decisions on faces about which reviewers are sure of different things: `COLUMNS`, face by face."""
        log = self.log
        images = [each.decision.image for each in log.all_merged() if not each.agreed]
        sure = [each for image in sorted(images) for each in log.current(image) if each.decision != UNSURE]
        return pd.DataFrame([vars(each) for each in sure], columns=list(COLUMNS))

    def history(self, image: str) -> list[Decision]:
        """Return all events of a face, undone ones and undos included, in the order of time."""
        query = f"{_SELECT} WHERE image = ? ORDER BY id"
        return self._read(lambda connection: [Decision(*row) for row in connection.execute(query, (image,))])

    def note(self, name: str) -> str:
        """Return a short text that was stored beside the decisions; empty if there is none."""
        query = "SELECT value FROM note WHERE name = ?"
        found = self._read(lambda connection: connection.execute(query, (name,)).fetchone())
        return str(found[0]) if found else ""

    def set_note(self, name: str, value: str) -> None:
        """Store a short text beside the decisions; an earlier one of this name is replaced."""
        statement = "INSERT OR REPLACE INTO note VALUES (?, ?)"
        self._writer.write(lambda connection: connection.execute(statement, (name, value)))

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock, errors_of(self.file):
            return query(self._reader)


_COUNTS = "decision <> 'undo' AND NOT EXISTS (SELECT 1 FROM event AS later WHERE later.undoes = event.id)"
"""The condition that an event is a decision and not undone."""

_SELECT = f"SELECT {', '.join(COLUMNS)}, undoes FROM event"


def _next_id(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
    return int(last) + 1


def _last(connection: sqlite3.Connection, reviewer: str, image: str) -> tuple[str, str] | None:
    """Return the last decision of a reviewer on a face that is not undone, and its label; None if there is none."""
    query = f"SELECT decision, label FROM event WHERE image = ? AND reviewer = ? AND {_COUNTS} ORDER BY id DESC LIMIT 1"
    found: tuple[str, str] | None = connection.execute(query, (image, reviewer)).fetchone()
    return found


def _insert(connection: sqlite3.Connection, events: Sequence[Decision]) -> None:
    columns = f"{', '.join(COLUMNS)}, undoes"
    values = ", ".join(f":{name}" for name in (*COLUMNS, "undoes"))
    connection.executemany(f"INSERT INTO event ({columns}) VALUES ({values})", [vars(each) for each in events])


def _table(records: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(records, columns=list(columns)).sort_values("id", ignore_index=True)


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
