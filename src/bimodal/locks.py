"""Locking a folder for one call, so that two calls never write it at once."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bimodal.errors import InputError
from bimodal.unfinished import PREFIX


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder, which need not exist, for the block; the lock is released even if the process is killed.

    The lock is a hidden file beside the folder (in it, where nothing can be written beside it), so that the folder can be
    replaced while it is locked. It says which process holds it, and is deleted at the end.

    Raises:
        InputError: another process of bimodal, or another call in this one, has locked the folder; the message names it.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> with locked(folder):
    ...     [path.name for path in folder.parent.iterdir()]
    ['.bimodal-lock-run']
    """
    file = _lock_file(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(
            f"another call of bimodal works in {folder}{_holder(file)}; wait until it ends, or stop it"
        ) from None
    try:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        file.write_text(json.dumps(holder), encoding="utf-8")
        yield
    finally:
        file.unlink(missing_ok=True)  # while it is locked: filelock notices that a waiting call has the deleted file
        lock.release()


def _lock_file(folder: Path) -> Path:
    folder = Path(os.path.realpath(folder))
    beside = folder.with_name(f"{PREFIX}lock-{folder.name}"[:255])
    existing = next(path for path in beside.parents if path.exists())
    return folder / beside.name if folder.is_dir() and not os.access(existing, os.W_OK) else beside


def _holder(file: Path) -> str:
    """Return which process holds a lock, in brackets; empty if it does not say."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return f" (process {int(content['pid'])} on {content['host']:.100}, since {content['since']:.30})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
