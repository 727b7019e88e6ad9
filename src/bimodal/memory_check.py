"""Refuse to begin work in a process that may take hardly any more memory."""

import mmap

LEAST = 512 * 2**20
"""Bytes. Each thread takes some 100 MiB of addresses: its stack, glibc's arena for it, and a buffer of OpenBLAS."""


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
