"""Pictures that lie in a larger file, one after another, such as in a tar archive."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PackedPicture:
    """A picture whose bytes are a part of a file.

    Attributes:
        file: the larger file.
        start, size: the first byte of the picture, and the number of its bytes.
        name: the name of the picture, whose ending may show its format.
    """

    file: Path
    start: int
    size: int
    name: str

    def read_bytes(self) -> bytes:
        """Return the bytes of the picture; fewer than `size` if the file is shorter.

        Raises:
            OSError: the file cannot be read.
        """
        descriptor = os.open(self.file, os.O_RDONLY)
        try:
            return os.pread(descriptor, self.size, self.start)
        finally:
            os.close(descriptor)

    def __str__(self) -> str:
        return f"{self.name} in {self.file}"


PictureFile = Path | PackedPicture
"""Where the bytes of a picture are: a file, or a part of one."""


def suffix_of(picture: PictureFile) -> str:
    """Return the ending of a picture's name in lower case, such as `.png`; `""` if it has none."""
    return os.path.splitext(picture.name)[1].casefold()
