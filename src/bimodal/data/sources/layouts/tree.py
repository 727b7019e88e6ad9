"""The list of a folder's files, by which the layouts of data sets are recognised."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from bimodal.errors import InputError
from bimodal.vision.formats import is_picture_name

MAX_FILES = 5_000_000
MAX_LIST_BYTES = 64 * 2**20  # ExpW's label.lst, of 91,793 faces, has 5 MiB
_JUNK = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Tree:
    """The files of a folder, without hidden files and what operating systems add (`__MACOSX`).

    Attributes:
        root: the folder.
        files: paths relative to it, with `/`, sorted.
    """

    root: Path
    files: tuple[str, ...]

    @classmethod
    def of(cls, root: Path) -> Self:
        """List a folder; links to folders are not followed.

        Raises:
            InputError: it holds more than five million files.
        """
        files: list[str] = []
        for directory, inner, names in os.walk(root):
            inner[:] = sorted(name for name in inner if not is_junk(name))
            base = Path(directory).relative_to(root).as_posix()
            prefix = "" if base == "." else f"{base}/"
            files += [prefix + name for name in names if not is_junk(name)]
            if len(files) > MAX_FILES:
                raise InputError(f"{root} holds more than {MAX_FILES:,} files: expected the folder of one data set")
        return cls(root, tuple(sorted(files)))

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """The files whose names have the ending of a picture."""
        return tuple(file for file in self.files if is_picture_name(file))

    @cached_property
    def folders(self) -> frozenset[str]:
        """The names, in lower case, of all folders that hold files, at any depth."""
        parents = {parent for file in self.files if (parent := file.rpartition("/")[0])}
        return frozenset(part.casefold() for parent in parents for part in parent.split("/"))

    def named(self, *names: str) -> list[str]:
        """Return the files with one of these names, at any depth; upper and lower case are equal."""
        wanted = {name.casefold() for name in names}
        return [file for file in self.files if file.rpartition("/")[2].casefold() in wanted]

    def ending(self, *suffixes: str) -> list[str]:
        """Return the files with one of these endings, such as `.txt`."""
        return [file for file in self.files if file.casefold().endswith(suffixes)]

    def path(self, file: str) -> Path:
        """Return the path of a file of the list."""
        return self.root / file

    def lines(self, file: str) -> list[str]:
        """Return the lines of a text file of the list that are not blank.

        Raises:
            InputError: the file is larger than 64 MiB or no text in UTF-8.
        """
        path = self.root / file
        with path.open("rb") as stream:
            content = stream.read(MAX_LIST_BYTES + 1)
        if len(content) > MAX_LIST_BYTES:
            raise InputError(f"{path} is larger than {MAX_LIST_BYTES // 2**20} MiB: expected a list of labels")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeError as error:
            raise InputError(f"{path} is no text in UTF-8: {error}") from error
        return [line.strip() for line in text.splitlines() if line.strip()]


def is_junk(name: str) -> bool:
    """Return whether a name is hidden, or of a file or folder that operating systems add."""
    return name.startswith((".", "__")) or name in _JUNK
