"""Finding the files of pictures that an annotation tool names by an address or a path of another computer."""

import os
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from bimodal.errors import InputError

_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
_MAX_PARTS = 32


class ExportedPaths:
    """Finds pictures of an export below one folder, by as many of the last parts of their path as exist there.

    `http://host/data/upload/3/0a1b2c3d-face.jpg` is looked for as `data/upload/3/0a1b2c3d-face.jpg` and so on to
    `0a1b2c3d-face.jpg` and `face.jpg`; `/data/local-files/?d=set/face.jpg` as `set/face.jpg` and `face.jpg`.

    Args:
        base: the folder of the pictures.
        table: the file that names them, for messages.
    """

    def __init__(self, base: Path, table: Path) -> None:
        self.base = Path(os.path.abspath(base))
        self._table = table
        self._taken: dict[str, str] = {}

    def find(self, address: str) -> str:
        """Return the path of a picture relative to the folder, with `/`; the full one if no such file exists.

        Raises:
            InputError: the path leaves the folder, or two addresses lead to the same file.
        """
        parts = path_parts(address)
        if ".." in parts or not parts or len(parts) > _MAX_PARTS or any("\0" in part for part in parts):
            raise InputError(f"{self._table}: the path {address[:200]!r} leads to no file below {self.base}")
        tails = ["/".join(parts[start:]) for start in range(len(parts))]
        if uploaded := _UPLOADED.fullmatch(parts[-1]):
            tails.append(uploaded[1])
        found = next((tail for tail in tails if (self.base / tail).is_file()), None)
        if found is None:
            return tails[0]
        if self._taken.setdefault(found, address) != address:
            raise InputError(
                f"{self._table}: {self._taken[found][:200]!r} and {address[:200]!r} would both be {self.base / found}; "
                "give the folder that holds their folders with --root"
            )
        return found


def path_parts(address: str) -> list[str]:
    """Return the parts of the path in an address or a path of any system.

    >>> path_parts("/data/local-files/?d=set%20a/1.jpg"), path_parts(r"C:\\\\faces\\\\1.jpg"), path_parts("s3://b/x/1.jpg")
    (['set a', '1.jpg'], ['faces', '1.jpg'], ['x', '1.jpg'])
    """
    try:
        split = urlsplit(address)
    except ValueError:  # such as http://[
        return []
    path = address
    if local := parse_qs(split.query).get("d") if split.path.rstrip("/").endswith("local-files") else None:
        path = local[0]
    elif split.scheme and "://" in address:
        path = unquote(split.path)
    path = re.sub(r"^[a-zA-Z]:(?=[\\/])", "", path).replace("\\", "/")
    return [part for part in path.split("/") if part not in ("", ".")]
