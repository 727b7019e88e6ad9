"""Freed memory that the C library keeps is returned."""

import numpy as np

from bimodal.memory import keep_freed_memory, return_freed_memory


def megabytes() -> float:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))


def test_freed_memory_between_blocks_in_use_is_returned() -> None:
    keep_freed_memory()
    large, small = [], []
    for _ in range(200):
        large.append(np.ones(2**20, np.uint8))
        small.append(np.ones(2**12, np.uint8))
    before = megabytes()
    large.clear()
    kept = megabytes()
    assert before - kept < 100, "this C library returns freed memory by itself"
    return_freed_memory()
    assert before - megabytes() > 150
    assert all(block.all() for block in small)
