"""Finding the pictures that a data set's list of labels names."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from bimodal.data.sources.entry import Problem
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError
from bimodal.text import plural

_SHOWN = 3


class PictureIndex:
    """The pictures of a folder by their file name without its ending, in lower case.

    >>> from pathlib import Path
    >>> index = PictureIndex(Tree(Path("RAF-DB"), ("aligned/a_aligned.jpg", "original/a.jpg")))
    >>> index.find("a.png"), index.find("b.jpg"), index.find("a_aligned.jpg", "original")
    ('original/a.jpg', '', 'aligned/a_aligned.jpg')
    """

    def __init__(self, tree: Tree) -> None:
        self._by_stem: dict[str, list[str]] = {}
        for file in tree.pictures:
            self._by_stem.setdefault(_key(file), []).append(file)

    def find(self, name: str, prefer: str = "") -> str:
        """Return the picture of a name in a list; `""` if there is none.

        Args:
            name: a file name, or a path whose last part counts; the ending may differ.
            prefer: of several pictures of the name, one whose path contains this.
        """
        found = self._by_stem.get(_key(name), [])
        return next((file for file in found if prefer in file), found[0] if found else "")


def check_found(found: Iterable[str], missing: Sequence[str], list_path: object, what: str) -> None:
    """Raise `InputError` if none of the pictures that a list names is there."""
    if missing and not any(found):
        names = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise InputError(
            f"{list_path} names {plural(len(missing), 'picture')} ({names}), none of which is in the folder; unpack {what} "
            "into it"
        )


def absent(name: str, split: str) -> Problem:
    """Return the problem of a picture that a list names and the folder lacks."""
    return Problem(name, split, "unreadable", "no such file", "left out")


def _key(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem.casefold()
