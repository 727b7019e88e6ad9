"""The file operations of a process, one by one: to kill it, or to let the disk be full, at any of them.

Python tells an audit hook of each before it happens. What a library writes in C (safetensors, SQLite) has no event; the limits
of the system reach it.
"""

import errno
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bimodal.emotions import NAMES

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.rename": 1,
    "os.mkdir": 0,
    "os.remove": 0,
    "os.rmdir": 0,
    "os.link": 1,
    "os.symlink": 1,
    "os.truncate": 0,
}
"""Events and the place of the path that they change."""
_NAMES = re.compile(
    "|".join((r"(?<=\.bimodal-)[0-9a-f-]+", r"[0-9a-f]{16,}", r"[0-9]+", *NAMES, r"\b(train|val|test)\b"))
)
"""What differs among files of one kind."""
_TAKES_SPACE = ("open", "os.mkdir", "os.link", "os.symlink")


def operation(event: str, arguments: tuple[Any, ...], folder: str) -> str:
    """Return the kind of an operation that changes something in a folder, such as `open images/#.png`; empty if it is none."""
    if event == "open":
        path, _, flags = arguments
        if not isinstance(flags, int) or not flags & _WRITES:
            return ""
    elif event in _CHANGES:
        path = arguments[_CHANGES[event]]
    else:
        return ""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return ""
    absolute = os.path.normpath(os.path.join(folder, os.fsdecode(path)))
    if not absolute.startswith(folder + os.sep):
        return ""
    return f"{event} {_NAMES.sub('#', absolute[len(folder) + 1 :])}"


def _hooked(act: Callable[[int, str], None]) -> Callable[[], None]:
    """Return what makes a process call `act` with number and kind before each operation in its current folder."""

    def begin() -> None:
        folder, count, busy = os.path.realpath(os.getcwd()), 0, False

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count, busy
            if busy or not (event == "open" or event in _CHANGES):
                return
            busy = True
            try:
                kind = operation(event, arguments, folder)
                if kind:
                    count += 1
                    act(count, kind)
            finally:
                busy = False

        sys.addaudithook(hook)

    return begin


def recorded(file: Path) -> Callable[[], None]:
    """Return what makes a process write the kinds of its operations to a file outside of its folder, one a line."""
    stream = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return _hooked(lambda _count, kind: (os.write(stream, (json.dumps(kind) + "\n").encode()), None)[1])


def killed_at(number: int) -> Callable[[], None]:
    """Return what makes a process, and its group, die by SIGKILL before an operation."""

    def act(count: int, _kind: str) -> None:
        if count == number:
            os.killpg(os.getpgid(0), signal.SIGKILL)

    return _hooked(act)


def failing_from(number: int, code: int) -> Callable[[], None]:
    """Return what makes an operation and all later ones fail: with ENOSPC those that take space, else all."""

    def act(count: int, kind: str) -> None:
        if count >= number and (code != errno.ENOSPC or kind.startswith(_TAKES_SPACE)):
            raise OSError(code, os.strerror(code), kind.partition(" ")[2])

    return _hooked(act)
