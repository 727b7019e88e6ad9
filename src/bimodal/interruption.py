"""SIGTERM and SIGHUP end the work as Ctrl-C does: as a `KeyboardInterrupt`, after which nothing half-written remains."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_REPEATED_S = 5.0  # a system that shuts down sends several signals; the first has started the clean-up


class Interruption:
    """The signal that ended the work, if one did.

    >>> Interruption().exit_code
    130
    """

    def __init__(self) -> None:
        self._signal = signal.SIGINT
        self._at: float | None = None

    @property
    def happened(self) -> bool:
        """Whether SIGTERM or SIGHUP came."""
        return self._at is not None

    @property
    def exit_code(self) -> int:
        """128 and the number of the signal, as shells report it: 130 (Ctrl-C), 143 (SIGTERM) or 129 (SIGHUP)."""
        return 128 + self._signal

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: raise `KeyboardInterrupt`, unless a signal did a moment ago."""
        now = time.monotonic()
        if self._at is not None and now - self._at < _REPEATED_S:
            return
        self._at, self._signal = now, signal.Signals(number)
        raise KeyboardInterrupt


@contextmanager
def signals_as_interrupts() -> Iterator[Interruption]:
    """Let SIGTERM and SIGHUP raise `KeyboardInterrupt` in the block; a signal that is ignored (`nohup`) stays ignored.

    In another thread than the main one, where Python allows no handlers, the block runs without them.
    """
    interruption = Interruption()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, interruption.interrupt)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
