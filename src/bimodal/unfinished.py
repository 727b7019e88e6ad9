"""Names of unfinished files and folders: hidden, beside their place, and deleted by a later call if their process died."""

import hashlib
import os
import re
import secrets
import shutil
import socket
from functools import cache
from pathlib import Path

PREFIX = ".bimodal-"
_OLD = "-old"
_NAME = re.compile(
    rf"{re.escape(PREFIX)}(?P<host>[0-9a-f]{{8}})-(?P<pid>\d+)-(?P<start>\d+)-(?P<target>[0-9a-f]{{8}})-"
)
_swept: set[Path] = set()


def unfinished(path: Path, suffix: str = "") -> Path:
    """Return a new name in the same folder for what will become `path`.

    It names the process by its number, its start and its host. The first call for a folder deletes what processes of this
    host and user left there when they were killed.

    >>> unfinished(Path("a.npy"), ".npy").name  # doctest: +ELLIPSIS
    '.bimodal-...-...-...-...-....npy'
    """
    if path.parent not in _swept:
        _swept.add(path.parent)
        _sweep(path.parent)
    pid = os.getpid()
    owner = f"{_host()}-{pid}-{_start_of(pid)}-{_digest(path.name)}"
    return path.with_name(f"{PREFIX}{owner}-{secrets.token_hex(4)}{suffix}")


def replaced(new: Path) -> Path:
    """Return the name for the old content of a place while `new`, of `unfinished`, takes the place."""
    return new.with_name(new.name + _OLD)


def restore(path: Path) -> None:
    """Give the old content of `path` back if a process died after it was moved away and before the new content came.

    What else the dead left in its folder is deleted.
    """
    if not os.path.lexists(path):
        for old in path.parent.glob(f"{PREFIX}*-{_digest(path.name)}-*{_OLD}"):
            if _is_left(old) and os.path.lexists(_new_of(old)):  # otherwise the new content came, and was moved on
                os.rename(old, path)
                break
    _sweep(path.parent)


def _sweep(folder: Path) -> None:
    """Delete what the dead left in a folder; old content only once the new one is in its place."""
    try:
        left = [Path(entry.path) for entry in os.scandir(folder) if entry.name.startswith(PREFIX)]
    except OSError:
        return
    waiting = [path for path in left if path.name.endswith(_OLD) and _new_of(path) in left]
    kept = {*waiting, *map(_new_of, waiting)}
    for path in left:
        if path in kept or not _is_left(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _new_of(old: Path) -> Path:
    return old.with_name(old.name.removesuffix(_OLD))


def _is_left(path: Path) -> bool:
    """Return whether the process that made this name, one of this host and user, has ended."""
    match = _NAME.match(path.name)
    if match is None or match["host"] != _host():
        return False
    try:
        if path.lstat().st_uid != os.geteuid():  # its process may be hidden from us
            return False
    except OSError:
        return False
    return _start_of(int(match["pid"])) != int(match["start"])


def _start_of(pid: int) -> int:
    """Return when a process started, in ticks since the system did; -1 if it has ended, 0 where the system does not say."""
    if not os.path.exists("/proc/self/stat"):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return -1
        except OSError:
            pass
        return 0
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()  # the name in brackets may contain blanks
    except OSError:
        return -1
    return -1 if fields[0] in "ZX" else int(fields[19])


@cache
def _host() -> str:
    """Return a digest of the host and of the container, in which process numbers have their meaning."""
    try:
        container = os.readlink("/proc/self/ns/pid")
    except OSError:
        container = ""
    return _digest(f"{socket.gethostname()} {container}")


def _digest(text: str) -> str:
    return hashlib.blake2b(os.fsencode(text), digest_size=4).hexdigest()
