"""Commands under limits of the system: the size of files (as a full disk), a folder that cannot be written, memory, descriptors."""

import os
import resource
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.robustness.kills import COMMANDS, inputs, started

FILE_SIZES = (0, 4096, 65_536)
"""Largest file in bytes; a larger one fails as on a full disk."""
MEMORY = (600 * 2**20, 1200 * 2**20)
DESCRIPTORS = (24, 48)


def conditions() -> dict[str, Callable[[], None] | None]:
    """Return by name what a process does before the command starts; None for a folder that cannot be written."""

    def limit(kind: int, value: int) -> Callable[[], None]:
        return lambda: resource.setrlimit(kind, (value, value))

    return {
        **{f"files of at most {size:,} bytes": limit(resource.RLIMIT_FSIZE, size) for size in FILE_SIZES},
        **{f"{size >> 20} MiB of addresses": limit(resource.RLIMIT_AS, size) for size in MEMORY},
        **{f"{count} descriptors": limit(resource.RLIMIT_NOFILE, count) for count in DESCRIPTORS},
        "a folder that cannot be written": None,
    }


def run_limited(folder: Path, name: str, condition: str) -> str:
    """Run a command under a condition and return what is wrong; empty if nothing is."""
    before, prepare = inputs(folder), conditions()[condition]
    with _unwritable(folder) if prepare is None else _nothing():
        process = started(folder, *COMMANDS[name][0], **({} if prepare is None else {"preexec_fn": prepare}))
        try:
            _, errors = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"{name}, {condition}: no end after 300 seconds"
    if inputs(folder) != before:
        return f"{name}, {condition}: a file of the user's was changed"
    if process.returncode not in (0, 2) or "Traceback" in errors:
        return f"{name}, {condition}: exit code {process.returncode}: {errors[-1500:]}"
    lines = [line for line in errors.splitlines() if line.startswith("bimodal: ")]
    return (
        f"{name}, {condition}: expected one line, got {errors[-500:]!r}"
        if process.returncode == 2 and len(lines) != 1
        else ""
    )


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _unwritable(folder: Path) -> Iterator[None]:
    """Take the right to write to a folder away for a block; without effect for root, who may write anywhere."""
    mode = stat.S_IMODE(os.stat(folder).st_mode)
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(mode)
