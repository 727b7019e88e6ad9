"""Finding the pictures that a table names, also where the table and the file system spell a name in different ways."""

import os
import unicodedata
from pathlib import Path

from bimodal.errors import InputError
from bimodal.vision.formats import is_picture_name


class ListedPictures:
    r"""Finds pictures below one folder, by the paths in a table.

    A path may have `\\` for `/`, blanks around it, other letters of the same look (the two forms of `é` in Unicode, which
    macOS and others use), upper case for lower case (`.PNG`), or no ending. A file of exactly the name comes first; if several
    others fit, none is taken.

    Args:
        base: the folder.
        hint: what to do if a path leaves it, for messages.
    """

    def __init__(self, base: Path, hint: str) -> None:
        self.base = os.path.abspath(base)
        self._hint = hint
        self._names: dict[str, dict[str, list[str]]] = {}  # by folder: the names in it by their folded form
        self._stems: dict[str, dict[str, list[str]]] = {}  # by folder: its pictures, without their endings

    def find(self, listed: str) -> tuple[Path, str]:
        """Return the path of a picture, which may not exist, and why it is not clear, or `""`.

        Raises:
            InputError: the path leaves the folder, or there is none.

        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "sad").mkdir(); (folder / "sad" / "Ann.PNG").touch()
        >>> pictures = ListedPictures(folder, "give the folder with --root")
        >>> [pictures.find(name)[0].name for name in (r"sad\\ann.png", "sad/Ann", "sad/bo.png")]
        ['Ann.PNG', 'Ann.PNG', 'bo.png']
        """
        exact = self._inside(listed)
        if os.path.lexists(exact):
            return Path(exact), ""
        plain = self._inside(listed.strip().replace("\\", "/"))
        if os.path.lexists(plain):
            return Path(plain), ""
        *folders, name = os.path.relpath(plain, self.base).split(os.sep)
        place = self.base
        for folder in folders:
            found = (
                [folder]
                if os.path.isdir(os.path.join(place, folder))
                else self._index(place)[0].get(_folded(folder), [])
            )
            if len(found) != 1:
                return Path(plain), _several(found)
            place = os.path.join(place, found[0])
        names, stems = self._index(place)
        found = names.get(_folded(name)) or ([] if is_picture_name(name) else stems.get(_folded(name), []))
        return (Path(place, found[0]), "") if len(found) == 1 else (Path(plain), _several(found))

    def _inside(self, listed: str) -> str:
        """Return the absolute path, which is below the folder."""
        path = os.path.normpath(os.path.join(self.base, listed))
        if not listed.strip():
            raise InputError("the path of the picture is empty")
        drive = listed[1:3] in (":\\", ":/") and listed[0].isalpha()
        if drive or "\0" in listed or not path.startswith(self.base.rstrip(os.sep) + os.sep):
            raise InputError(f"the path {listed!r} leaves {self.base}; {self._hint}")
        return path

    def _index(self, folder: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        if folder not in self._names:
            names, stems = self._names.setdefault(folder, {}), self._stems.setdefault(folder, {})
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                names.setdefault(_folded(name), []).append(name)
                if is_picture_name(name):
                    stems.setdefault(_folded(os.path.splitext(name)[0]), []).append(name)
        return self._names[folder], self._stems[folder]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _several(found: list[str]) -> str:
    return f"several files fit: {', '.join(found[:3])}" if found else ""
