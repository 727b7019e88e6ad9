"""Signs of life between the training processes of several machines: a machine that loses power breaks no connection."""

import threading
import time
from collections.abc import Collection
from typing import Any

from torch import distributed

_STORE: Any = vars(distributed)["TCPStore"]  # its stub does not export it

INTERVAL_S = 5.0
SILENT_S = 120.0  # longer than any call that holds Python's lock, during which a process gives no sign


class Heartbeat:
    """Shows the other training processes that this one lives, and notes when each of them did so last.

    A process whose machine loses power or its network sends nothing, not even the end of a connection: the others would wait
    in their next exchange until it times out, for half an hour with gloo.

    Args:
        rank: of this process.
        others: ranks of the processes to listen to.
        port: of the store that rank 0 has opened (see `open_store`), on the machine `host`.
        host: name or address of the machine of rank 0.
        store: the store itself, in rank 0.
    """

    def __init__(self, rank: int, others: Collection[int], host: str, port: int, store: Any = None) -> None:
        self._rank, self._others = rank, sorted(others)
        self._store: Any = store or _STORE(host, port, is_master=False, wait_for_workers=False)
        self._heard = dict.fromkeys(self._others, time.monotonic())
        self._ended = threading.Event()
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()

    @property
    def silent(self) -> list[int]:
        """The ranks that have given no sign for `SILENT_S` seconds."""
        now = time.monotonic()
        return [rank for rank, heard in self._heard.items() if now - heard > SILENT_S]

    def end(self) -> None:
        """Give no more signs."""
        self._ended.set()

    def _beat(self) -> None:
        """Count in the store, and look who else does; a store that does not answer blocks this thread, and nobody is heard."""
        number, before = 0, [b""] * len(self._others)
        while not self._ended.wait(INTERVAL_S if number else 0):
            number += 1
            try:
                self._store.set(str(self._rank), str(number))
                counts = self._store.multi_get([str(rank) for rank in self._others])
            except RuntimeError:  # the machine of rank 0 is lost: nobody will be heard
                return
            now = time.monotonic()
            self._heard |= {
                rank: now for rank, old, new in zip(self._others, before, counts, strict=True) if old != new
            }
            before = counts


def open_store(host: str) -> Any:
    """Open a store for the heartbeats of all processes, on a free port of this machine, which the others reach as `host`."""
    return _STORE(host, 0, is_master=True, wait_for_workers=False)
