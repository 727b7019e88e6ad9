"""A setting of the C library: keep freed memory for the next training step."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names and numbers of glibc's malloc.h
_ALWAYS_KEEP = 2**31 - 1


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
