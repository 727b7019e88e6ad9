"""The inputs of a prediction: files, folders and patterns, and the frames that they hold."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.vision.formats import is_picture_name

_VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv", ".mts"}
)
ANNOTATED = "annotated-by-bimodal.txt"
"""A file of this name marks a folder of annotated copies, which is never an input."""


@dataclass(frozen=True, eq=False)
class Frame:
    """An image, or one frame of a video or a camera.

    Attributes:
        file: the name that the table shows; `camera 0` for a camera.
        source: the file to decode, or pixels, uint8 (H,W,3) RGB; None if there is nothing to classify.
        number, time: of the frame in its video, from 0 and in seconds; None for an image.
        problem: why `source` is None.
    """

    file: str
    source: Path | NDArray[np.uint8] | None
    number: int | None = None
    time: float | None = None
    problem: str = ""


def display_name(name: str | Path) -> str:
    """Return a file's name for the table and the terminal: unprintable characters are escaped.

    >>> display_name("a" + chr(10) + "b.png") == "a" + chr(92) + "nb.png"
    True
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))


def is_video_name(name: str | Path) -> bool:
    """Return whether a file has the suffix of a video.

    >>> is_video_name("a.MP4"), is_video_name("a.jpg")
    (True, False)
    """
    return Path(name).suffix.casefold() in _VIDEO_SUFFIXES


def find_files(inputs: Sequence[str | Path]) -> Iterator[Path]:
    """Yield the images and videos of the inputs, each once; those of a folder in the order of their names.

    Args:
        inputs: files, folders (with their subfolders), and patterns such as `faces/*.jpg` or `**/*.png`. A file that is
            named itself or matches a pattern needs no suffix of an image or a video.

    Raises:
        InputError: an input does not exist or has no images and no videos; raised when the iteration comes to it.
    """
    seen: set[int] = set()  # hashes: a million paths would take ten times the memory
    for given in inputs:
        is_empty = True
        for path in _expand(given):
            is_empty = False
            key = hash(os.path.abspath(path))
            if key not in seen:
                seen.add(key)
                yield path
        if is_empty:
            raise _empty(given)


def check_inputs(inputs: Sequence[str | Path]) -> None:
    """Raise an `InputError` if an input does not exist or has no images and no videos, before anything is loaded."""
    for given in inputs:
        if next(_expand(given), None) is None:
            raise _empty(given)


def _empty(given: str | Path) -> InputError:
    return InputError(f"{display_name(given)} has no images and no videos")


def _expand(given: str | Path) -> Iterator[Path]:
    path = Path(given)
    if path.is_dir():
        yield from _walk(path)
    elif os.path.lexists(path):
        yield path
    elif glob.has_magic(str(given)):
        yield from (Path(match) for match in sorted(glob.iglob(str(given), recursive=True)) if not os.path.isdir(match))
    else:
        raise InputError(f"no file or folder {display_name(given)}; expected images, videos, folders or patterns")


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the images and videos below a folder, listing one folder at a time.

    Links to folders are not followed, because they could form a loop. A folder that cannot be listed is yielded itself,
    so that the table shows it as unreadable.
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
        if (ANNOTATED, False) in listed:
            continue
        wanted = [
            (path / name, is_folder)
            for name, is_folder in listed
            if not name.startswith(".") and (is_folder or is_picture_name(name) or is_video_name(name))
        ]
        stack.extend(reversed(wanted))
