"""Memory of this process: whether it may take more, and when the C library returns what is freed to the system."""

import ctypes
import mmap
import sys

LEAST = 512 * 2**20
"""Bytes. Each thread takes some 100 MiB of addresses: its stack, glibc's arena for it, and a buffer of OpenBLAS."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names and numbers of glibc's malloc.h
_ALWAYS_KEEP = 2**31 - 1


def check_memory() -> None:
    """Raise unless this process may take `LEAST` more bytes; none are in use afterwards. Call it before threads start.

    With less, as under `ulimit -v`, `Thread.start` can wait for ever (https://github.com/python/cpython/issues/140746), and so
    can OpenBLAS; OpenBLAS or oneDNN may also end the process, without an exception.

    Raises:
        MemoryError: less is left under a limit of the process, or in a system that promises no more memory than it has.

    >>> check_memory()
    """
    try:
        mmap.mmap(-1, LEAST, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError as error:
        raise MemoryError(f"this process may not take {LEAST // 2**20} MiB more") from error


def keep_freed_memory() -> None:
    """Make glibc reuse large freed blocks; do nothing with another C library.

    Each training step allocates and frees the same activations. By default glibc returns large blocks to the system, which
    clears gigabytes of pages in each step. On two cores this took almost half of the time of the paper's recipe (see
    benchmarks/).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _ALWAYS_KEEP)
    mallopt(_M_TRIM_THRESHOLD, _ALWAYS_KEEP)


def return_freed_memory() -> None:
    """Return freed memory to the system, also that which `keep_freed_memory` keeps; do nothing with another C library.

    Call it after work that took much for a short time. Between small blocks that stay in use, large freed ones are reused only
    in part: in a long epoch they would grow without end.
    """
    if arrow := sys.modules.get("pyarrow"):  # pandas keeps texts there
        arrow.default_memory_pool().release_unused()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return
