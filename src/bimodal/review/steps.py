"""What the server is doing, as the page shows it: the last record of progress of a piece of work."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bimodal.errors import InputError
from bimodal.progress import LOGGER, Progress


class StoppedError(Exception):
    """The work was stopped before its end; the message says what is kept."""


@dataclass(frozen=True)
class Work:
    """How far a piece of work is.

    Attributes:
        state: `idle`, `working`, `ready` or `failed`.
        what: the present step, the result in words, why it failed, or, of stopped work, which is idle, what is kept.
        done, total: finished and all items of the step; 0 if unknown.
    """

    state: str
    what: str = ""
    done: int = 0
    total: int = 0


class Job:
    """Work in a thread of its own, one at a time."""

    def __init__(self, what: str) -> None:
        """Name the first step, in words."""
        self._first, self._work, self._lock = what, Work("idle"), threading.Lock()
        self._is_stopped = threading.Event()

    @property
    def work(self) -> Work:
        """How far it is."""
        return self._work

    @property
    def is_stopped(self) -> bool:
        """Whether the present work should stop."""
        return self._is_stopped.is_set()

    def stop(self) -> None:
        """Ask the present work to stop; it does so when it next looks at `is_stopped`, and raises `StoppedError`."""
        self._is_stopped.set()

    def start(self, function: Callable[[], str]) -> None:
        """Begin the work in the background.

        Args:
            function: does it, and returns the result in words.

        Raises:
            InputError: the work before it has not ended.
        """
        if not self._lock.acquire(blocking=False):
            raise InputError("the work before this has not ended; wait until it has")
        self._is_stopped.clear()
        self._work = Work("working", self._first)
        threading.Thread(target=self._run, args=(function,), name="job", daemon=True).start()

    def run(self, function: Callable[[], str]) -> None:
        """Do the work in this thread; `work` says how it ended."""
        with self._lock:
            self._is_stopped.clear()
            self._work = Work("working", self._first)
            self._do(function)

    def _run(self, function: Callable[[], str]) -> None:
        try:
            self._do(function)
        finally:
            self._lock.release()

    def _do(self, function: Callable[[], str]) -> None:
        try:
            with _reported(self._report):
                result = function()
        except StoppedError as stopped:
            self._work = Work("idle", str(stopped))
        except (InputError, OSError, MemoryError) as error:
            self._work = Work("failed", str(error) or type(error).__name__)
        except BaseException as error:
            self._work = Work("failed", f"a defect of bimodal: {type(error).__name__}")
            raise
        else:
            self._work = Work("ready", result)

    def _report(self, work: Work) -> None:
        self._work = work


@contextmanager
def _reported(report: Callable[[Work], None]) -> Iterator[None]:
    """Hand every record of progress of this thread to a function, until the block ends."""
    handler, before = _Steps(report), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)  # progress is logged as DEBUG
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(before)


class _Steps(logging.Handler):
    def __init__(self, report: Callable[[Work], None]) -> None:
        super().__init__(logging.DEBUG)
        self._report, self._thread = report, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._thread:
            return  # of other work at the same time
        progress: Any = getattr(record, "progress", None)
        if isinstance(progress, Progress):
            self._report(Work("working", progress.what, progress.done, progress.total or 0))
        elif record.levelno >= logging.INFO:
            self._report(Work("working", record.getMessage()))
