"""The tables of a review file (SQLite), their versions, and the checks on opening it."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bimodal.errors import InputError

APPLICATION = 0x62696D6F  # "bimo", in the header of the file
BUSY_SECONDS = 20.0

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE event (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            batch INTEGER NOT NULL,
            time TEXT NOT NULL,
            reviewer TEXT NOT NULL,
            image TEXT NOT NULL,
            decision TEXT NOT NULL CHECK (decision IN ('keep', 'relabel', 'remove', 'unsure', 'undo')),
            label TEXT NOT NULL,
            why TEXT NOT NULL,
            undoes INTEGER UNIQUE REFERENCES event (id),
            CHECK ((decision = 'undo') = (undoes IS NOT NULL))
        ) STRICT""",
        "CREATE INDEX event_of_image ON event (image)",
        "CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        """CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
            BEGIN SELECT RAISE (ABORT, 'events are never changed'); END""",
        """CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
            BEGIN SELECT RAISE (ABORT, 'events are never deleted'); END""",
    ),
)
"""The statements that lead from each version to the next; version 0 is an empty file."""


def connect(file: Path) -> sqlite3.Connection:
    """Open a review file, make it if it is missing, and bring it to the present version.

    Every commit is on the disk when it returns (write-ahead log, synchronous FULL). Another process that writes is waited for.

    Raises:
        InputError: the file is damaged, of another program, or of a later version of bimodal.
        OSError: the file cannot be read or written.
    """
    with errors_of(file):
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")  # a file of unknown origin runs no functions
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("PRAGMA foreign_keys = ON")
            _check_kind(connection, file)
            connection.execute(
                "PRAGMA journal_mode = WAL"
            )  # refused on some network disks, where the default is as safe
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection)
            (state,) = connection.execute("PRAGMA quick_check (1)").fetchone()
            if state != "ok":
                raise sqlite3.DatabaseError(state)
        except BaseException:
            connection.close()
            raise
    return connection


def _check_kind(connection: sqlite3.Connection, file: Path) -> None:
    (application,), (version,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != APPLICATION:
        raise InputError(f"{file} is not a file of bimodal's review; move it away")
    if version > len(MIGRATIONS):
        raise InputError(
            f"{file} was written by a later version of bimodal (its tables have version {version}, this version of bimodal"
            f" knows {len(MIGRATIONS)}); update bimodal"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    with transaction(connection):  # the version is read inside: another process may have just done the same
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        if version < len(MIGRATIONS):
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all statements of the block, or none of them."""
    connection.execute("BEGIN IMMEDIATE")  # so that two writers wait here, not in the middle
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def errors_of(file: Path) -> Iterator[None]:
    """Turn errors of SQLite into those of this library."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        if code == sqlite3.SQLITE_BUSY:
            raise InputError(f"another program has locked {file}; close it, then repeat") from error
        number = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}.get(code, errno.EIO)
        raise OSError(number, str(error), str(file)) from error
    except sqlite3.DatabaseError as error:
        raise InputError(
            f"{file} is damaged or not a file of bimodal's review ({error}); move it away, or restore a copy of it"
        ) from error
