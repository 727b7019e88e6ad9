"""Keeping freed memory for the next step, where the C library would hand it back to the system."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names and numbers of glibc's malloc.h
_ALWAYS_KEEP = 2**31 - 1


def keep_freed_memory() -> None:
    """Tell glibc to reuse large freed blocks; elsewhere, do nothing.

    Each training step allocates and frees the same activations. By default glibc maps every large block anew, and the
    system zeroes gigabytes of pages in each step; on two cores this took near half of the paper's recipe (see
    benchmarks/).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _ALWAYS_KEEP)
    mallopt(_M_TRIM_THRESHOLD, _ALWAYS_KEEP)
