"""File names that every file system takes, made from arbitrary names of pictures."""

import unicodedata
from pathlib import PurePosixPath

from bimodal.vision.formats import SUFFIXES

MAX_NAME_BYTES = 200
_RESERVED = frozenset('/\\:*?"<>|')


class Names:
    """Gives each picture a unique name in its folder, as close to its old name as possible.

    >>> names = Names()
    >>> [names.give("images/train/sad", old) for old in ("a/1.png", "b/1.PNG", "c/Ümit?.jpg")]
    ['images/train/sad/1.png', 'images/train/sad/1~2.png', 'images/train/sad/Ümit_.jpg']
    """

    def __init__(self, dots: bool = True) -> None:
        """Start without names.

        Args:
            dots: whether a name may have a dot before its ending; WebDataset takes the first dot for that of the ending.
        """
        self._dots = dots
        self._taken: dict[str, int] = {}

    def give(self, folder: str, old: str, suffix: str | None = None) -> str:
        """Return `folder/name`, with the name from the last part of the old path; names that differ only in case are equal.

        `suffix` is the new ending, such as `.png`; default: the old ending.
        """
        path = PurePosixPath(old)
        ending = suffix or path.suffix.casefold()
        ending = ending if ending in SUFFIXES else ""
        room = MAX_NAME_BYTES - len(ending) - 8  # 8 for ~1234567
        clean = _clean(path.stem) if self._dots else _clean(path.stem).replace(".", "_")
        stem = clean.encode("utf-8")[:room].decode("utf-8", "ignore")
        plain = name = f"{folder}/{stem}{ending}"
        count = self._taken.get(plain.casefold(), 0)
        while name.casefold() in self._taken:
            count += 1
            name = f"{folder}/{stem}~{count}{ending}"
        self._taken[name.casefold()] = 1
        self._taken[plain.casefold()] = max(count, 1)
        return name


def printable(text: str) -> str:
    """Return a text that can be written as UTF-8: bytes of a file name that are no UTF-8 become escapes such as `\\udcff`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _clean(stem: str) -> str:
    letters = unicodedata.normalize("NFC", stem)
    kept = ("_" if letter in _RESERVED or not letter.isprintable() else letter for letter in letters)
    return "".join(kept).strip(" .") or "picture"
