"""File names that every file system takes, made from arbitrary names of pictures."""

import unicodedata
from pathlib import PurePosixPath

from bimodal.vision.pictures import SUFFIXES

MAX_NAME_BYTES = 200
_RESERVED = frozenset('/\\:*?"<>|')


class Names:
    """Gives each picture a unique name in its folder, as close to its old name as possible.

    >>> names = Names()
    >>> [names.give("images/train/sad", old) for old in ("a/1.png", "b/1.PNG", "c/Ümit?.jpg")]
    ['images/train/sad/1.png', 'images/train/sad/1~2.png', 'images/train/sad/Ümit_.jpg']
    """

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def give(self, folder: str, old: str, suffix: str | None = None) -> str:
        """Return `folder/name`; names that differ only in case count as the same.

        Args:
            folder: the new folder of the picture, relative, with `/`.
            old: its old name or path; only the last part of a path is used.
            suffix: the new ending, such as `.png`; default: the old ending.
        """
        path = PurePosixPath(old)
        ending = suffix or path.suffix.casefold()
        ending = ending if ending in SUFFIXES else ""
        stem = _shorten(_clean(path.stem), MAX_NAME_BYTES - len(ending) - 8)  # 8: room for ~1234567
        name = f"{folder}/{stem}{ending}"
        key = name.casefold()
        count = self._taken.get(key, 0) + 1
        while count > 1 and f"{folder}/{stem}~{count}{ending}".casefold() in self._taken:
            count += 1
        self._taken[key] = count
        if count > 1:
            name = f"{folder}/{stem}~{count}{ending}"
            self._taken[name.casefold()] = 1
        return name


def printable(text: str) -> str:
    """Return a text that can be written as UTF-8: bytes of a file name that are no UTF-8 become escapes such as `\\udcff`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _clean(stem: str) -> str:
    letters = unicodedata.normalize("NFC", stem)
    kept = ("_" if letter in _RESERVED or not letter.isprintable() else letter for letter in letters)
    return "".join(kept).strip(" .") or "picture"


def _shorten(stem: str, limit: int) -> str:
    return stem.encode("utf-8")[:limit].decode("utf-8", "ignore")
