"""What `predict` was given, as a stream of pictures to look at: files, folders, patterns, video, a camera."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.vision.pictures import is_picture_name

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv", ".mts"}
)

DRAWN = "drawn-by-bimodal.txt"
"""Marks a folder of annotated copies."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture to look at.

    Attributes:
        file: its name, as the table says it; for a camera `camera 0`.
        source: a file to decode, or pixels, uint8 (H,W,3) RGB; None where there is nothing, and `problem` says why.
        frame: number of a video's frame, from 0; None: a picture.
        time: of the frame in its video, in seconds.
        problem: why there is nothing to see.
    """

    file: str
    source: Path | NDArray[np.uint8] | None
    frame: int | None = None
    time: float | None = None
    problem: str = ""


def shown(name: str | Path) -> str:
    """Return a name as the table and the terminal say it: in one line, what cannot be printed spelled out.

    >>> shown("a" + chr(10) + "b.png") == "a" + chr(92) + "nb.png"
    True
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))


def is_video_name(name: str | Path) -> bool:
    """Say whether a file's name ends like a video's.

    >>> is_video_name("a.MP4"), is_video_name("a.jpg")
    (True, False)
    """
    return Path(name).suffix.casefold() in VIDEO_SUFFIXES


def find_files(inputs: Sequence[str]) -> Iterator[Path]:
    """Yield the pictures and videos of what was given, each once: folders with all below them, in the order of names.

    Args:
        inputs: files, folders, and patterns such as `faces/*.jpg` or `**/*.png`. A file that is named itself is taken
            whatever it is called.

    Raises:
        InputError: one of them is not there, or nothing matches it. Files are looked for as they are asked for.
    """
    seen: set[int] = set()  # numbers, since a million paths would take ten times the memory
    for given in inputs:
        found = False
        for path in _expand(given):
            found = True
            key = hash(os.path.abspath(path))
            if key not in seen:
                seen.add(key)
                yield path
        if not found:
            raise _holds_nothing(given)


def check_inputs(inputs: Sequence[str]) -> None:
    """Raise an `InputError` if one of what was given is not there or holds nothing, before hours of work on the others."""
    for given in inputs:
        if next(_expand(given), None) is None:
            raise _holds_nothing(given)


def _holds_nothing(given: str) -> InputError:
    return InputError(f"{shown(given)} holds no pictures and no videos")


def _expand(given: str) -> Iterator[Path]:
    path = Path(given)
    if path.is_dir():
        yield from _walk(path)
    elif os.path.lexists(path):
        yield path
    elif glob.has_magic(given):
        for match in sorted(glob.iglob(given, recursive=True)):
            if os.path.isdir(match):
                continue
            yield Path(match)
    else:
        raise InputError(f"there is no {shown(given)}; expected pictures, folders, patterns or videos")


def _walk(folder: Path) -> Iterator[Path]:
    """Yield what is below a folder, without listing all folders first; one that cannot be listed is yielded itself.

    Below it links to folders are not followed, since a ring of them would have no end.
    """
    stack = [(folder, True)]
    while stack:
        path, is_folder = stack.pop()
        if not is_folder:
            yield path
            continue
        try:
            with os.scandir(path) as entries:
                listed = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError:
            yield path
            continue
        if (DRAWN, False) in listed:  # our own drawings are no input
            continue
        wanted = [
            (path / name, is_folder)
            for name, is_folder in listed
            if not name.startswith(".") and (is_folder or is_picture_name(name) or is_video_name(name))
        ]
        stack.extend(reversed(wanted))
