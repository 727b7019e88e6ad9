"""Writes of many threads to one SQLite file: those that wait at the same time share a transaction, and its wait for the disk."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from bimodal.review.schema import errors_of, transaction

T = TypeVar("T")


class GroupCommit:
    """The writer of a file. Each transaction is on the disk when it returns, so 200 callers need not wait 200 times."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        """Take a connection, which nobody else may use.

        Args:
            connection: without transactions of its own (`isolation_level=None`).
            file: its file, for messages.
        """
        self._connection, self._file = connection, file
        self._writing, self._queueing = threading.Lock(), threading.Lock()
        self._waiting: list[_Write[Any]] = []

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work in a transaction, and return its result when it is on the disk.

        Args:
            work: its statements are written all or none. What it raises is raised here, and other work is written.

        Raises:
            InputError: another program has locked the file, or the file is damaged.
            OSError: the disk is full, or the file cannot be written.
        """
        own = _Write(work)
        with self._queueing:
            self._waiting.append(own)
        with self._writing:
            if not own.is_done:  # otherwise the thread before this one has written it, too
                with self._queueing:
                    group, self._waiting = self._waiting, []
                self._commit(group)
        if own.error is not None:
            raise own.error
        return own.result

    def close(self) -> None:
        """Close the connection, once what is being written is on the disk."""
        with self._writing:
            self._connection.close()

    def _commit(self, group: Sequence["_Write[Any]"]) -> None:
        try:
            with errors_of(self._file), transaction(self._connection):
                for each in group:
                    self._apply(each)
        except BaseException as error:  # nothing is written, so all must know
            for each in group:
                each.error = each.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            for each in group:
                each.is_done = True

    def _apply(self, write: "_Write[Any]") -> None:
        self._connection.execute("SAVEPOINT one")
        try:
            with errors_of(self._file):
                write.result = write.work(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:  # a full disk ends the transaction of all
                raise
            self._connection.execute("ROLLBACK TO one")
            write.error = error
        self._connection.execute("RELEASE one")


class _Write(Generic[T]):
    result: T

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self.work = work
        self.error: BaseException | None = None
        self.is_done = False
