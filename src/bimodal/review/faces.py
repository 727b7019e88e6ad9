"""Pictures of the faces of a manifest, by row number only, as JPEG of bounded size."""

import os
import threading
from collections import OrderedDict
from io import BytesIO
from pathlib import Path

import pandas as pd
from PIL import Image, ImageOps

from bimodal.data.manifest import Manifest, leaves_folder
from bimodal.data.tables import read_table
from bimodal.errors import InputError
from bimodal.vision.pictures import UnreadableError, decode

SIDES = (96, 384)
"""Sides of the square pictures in pixels: in a list, and of the face in hand."""
CONTEXT_SIDE = 640
"""Longest side of the whole picture in pixels."""
_MEMORY = 96 * 2**20
_QUALITY = 84


class FacePictures:
    """The pictures that a page may show. Those shown last are kept in memory, at most 96 MiB; threads may share it."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._origins = _origins(manifest)
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._size, self._lock = 0, threading.Lock()

    def face(self, row: int, side: int) -> bytes:
        """Return a face as a square JPEG.

        Args:
            row: of the manifest.
            side: one of `SIDES`, in pixels.

        Raises:
            KeyError: there is no such row or size.
            UnreadableError: the file is missing or damaged.
        """
        if not 0 <= row < len(self._manifest) or side not in SIDES:
            raise KeyError(row, side)
        return self._cached(row, side)

    def has_context(self, row: int) -> bool:
        """Return whether the picture from which the face was cut is still where `prepare` found it."""
        return 0 <= row < len(self._manifest) and self._origin(row) is not None

    def context(self, row: int) -> bytes:
        """Return the whole picture from which a face was cut, as a JPEG of at most `CONTEXT_SIDE` pixels.

        Raises:
            KeyError: there is no such row, or the picture is gone.
            UnreadableError: the file is damaged.
        """
        if not self.has_context(row):
            raise KeyError(row)
        return self._cached(row, 0)

    def _cached(self, row: int, side: int) -> bytes:
        key = row, side
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        content = self._encoded(row, side)
        with self._lock:
            self._size += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
            while self._size > _MEMORY:
                self._size -= len(self._kept.popitem(last=False)[1])
        return content

    def _encoded(self, row: int, side: int) -> bytes:
        origin = self._manifest.picture(row) if side else self._origin(row)
        if origin is None:
            raise UnreadableError("no such file")
        picture = Image.fromarray(decode(origin, least=side or CONTEXT_SIDE))
        if side:
            picture = ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC)
        else:
            picture.thumbnail((CONTEXT_SIDE, CONTEXT_SIDE))
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY)
        return buffer.getvalue()

    def _origin(self, row: int) -> Path | None:
        """Return the file from which a face was cut, if it is within the source; links out of it are not followed."""
        source = self._manifest.source_info.source
        name = str(self._origins.get(self._manifest.table["image"].iat[row], ""))
        if not source or not name or leaves_folder(name) or not os.path.isdir(source):
            return None
        root = Path(source).resolve()
        file = (root / name).resolve()
        return file if file.is_relative_to(root) and file.is_file() else None


def _origins(manifest: Manifest) -> "pd.Series[str]":
    """Return the names in the source by picture, where `prepare` has aligned or cut out the faces."""
    empty = pd.Series(dtype=str)
    file = manifest.root / "origins.csv"
    if not file.is_file():
        return empty
    try:
        table = read_table(file, ("image", "origin")).reindex(columns=["image", "origin", "box"], fill_value="")
    except InputError:
        return empty
    if not manifest.source_info.aligned:
        table = table[table["box"] != ""]
    return table.drop_duplicates("image").set_index("image")["origin"]
