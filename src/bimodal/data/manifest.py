"""The manifest of a data folder: a table of its pictures with their labels and splits."""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.shards import Places, find_places, has_shards
from bimodal.data.source_info import SourceInfo
from bimodal.data.tables import read_table
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.memory import return_freed_memory
from bimodal.vision.packed import PictureFile
from bimodal.vision.pictures import UnreadableError, decode, each_in_threads, map_in_threads, pixel_digest

FILE = "manifest.csv"
REQUIRED = ("image", "label", "split")
COLUMNS = (*REQUIRED, "group", "original_label", "true_label", "flag", "digest")
SPLITS = ("train", "val", "test")
BLANK = "blank"
"""The flag of a picture of a single colour."""
_DIGEST = re.compile(r"([0-9a-f]{32})?")  # 16 bytes in hexadecimal
_UNEVEN = re.compile(r"//|/\.|^\.|/$")
_ROWS = 100_000


@dataclass(frozen=True, eq=False)
class Manifest:
    """The checked table of a data folder; a row's number is the example's `index` everywhere else.

    Attributes:
        root: the data folder, absolute; `image` is relative to it.
        table: the columns `COLUMNS`, all text; the row number is the index. An unknown value is `""`.
        labels: int64 (N,), the code of each row's label, 0 to 6.
        places: where the pictures lie in shards; None if they are files.
    """

    root: Path
    table: pd.DataFrame
    labels: NDArray[np.int64]
    places: Places | None = None

    @classmethod
    def read(cls, folder: str | Path, table: str | Path | None = None) -> Self:
        """Read and check the manifest of a data folder.

        Args:
            folder: the data folder, as `bimodal prepare` writes it.
            table: another table of the same pictures, such as a run's; default `folder/manifest.csv`.

        Raises:
            InputError: a column is missing, a label, a split or a digest is unknown, or a picture is listed twice,
                belongs to two splits, is missing, or lies outside the folder. The message names the row.

        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.png").write_bytes(b"")
        >>> _ = (folder / "manifest.csv").write_text("image,label,split\\na.png,happy,train\\n")
        >>> manifest = Manifest.read(folder)
        >>> manifest.labels, manifest.rows("train"), manifest.path(0).name
        (array([3]), array([0]), 'a.png')
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"expected a data folder, but {folder} is none; make one: bimodal prepare SOURCE OUT")
        source = folder / FILE if table is None else Path(table)
        if table is None and not source.exists():
            raise InputError(f"no {FILE} in {folder}; make a data folder first: bimodal prepare SOURCE OUT")
        frame = read_table(source, REQUIRED).reindex(columns=list(COLUMNS), fill_value="")
        root = Path(os.path.abspath(folder))
        images = [plain_path(image) for image in frame["image"]]
        places = find_places(root, images) if has_shards(root) else None
        labels = _check(frame, images, root, source, places)
        frame["image"] = images
        frame["label"] = np.asarray(NAMES, dtype=object)[labels]
        if len(frame) > _ROWS:
            return_freed_memory()  # the checks of a million rows take twice the memory of the table
        return cls(root, frame, labels, places)

    def __len__(self) -> int:
        return len(self.table)

    def rows(self, split: str) -> NDArray[np.int64]:
        """Return the rows of a split (`train`, `val` or `test`), int64, ascending; flagged pictures are included."""
        if split not in SPLITS:
            raise InputError(f"unknown split {split!r}: expected one of {', '.join(SPLITS)}")
        return np.flatnonzero(self.table["split"].to_numpy() == split).astype(np.int64)

    def path(self, row: int) -> Path:
        """Return the path of the picture of a row; with shards, no such file exists: see `picture`."""
        return self.root / str(self.table["image"].iat[row])

    def picture(self, row: int) -> PictureFile:
        """Return the picture of a row, for `vision.pictures.decode`: a file, or a part of a shard."""
        if self.places is None:
            return self.path(row)
        return self.places.picture(row, str(self.table["image"].iat[row]))

    @cached_property
    def source_info(self) -> SourceInfo:
        """What `prepare` recorded about the source: its path, its kind, and whether the faces were aligned."""
        return SourceInfo.read(self.root)

    @cached_property
    def pixel_digests(self) -> list[bytes | None]:
        """A digest of the pixels of each picture, by row; None for a picture of a single colour.

        Two pictures with the same pixels have the same digest, whatever their file formats. `prepare` stores the digests
        in the column `digest`; where that column has none, the picture is decoded.

        Raises:
            InputError: a picture has to be decoded and cannot be read.
        """
        digests = [bytes.fromhex(text) or None for text in self.table["digest"]]
        blank = (self.table["flag"] == BLANK).tolist()
        missing = [row for row, digest in enumerate(digests) if digest is None and not blank[row]]
        found = map_in_threads(self._digest, missing, "comparing pictures") if missing else []
        for row, digest in zip(missing, found, strict=True):
            digests[row] = digest
        return digests

    @property
    def table_with_digests(self) -> pd.DataFrame:
        """`table` with the column `digest` filled for every picture that is not of a single colour."""
        return self.table.assign(digest=["" if digest is None else digest.hex() for digest in self.pixel_digests])

    def _digest(self, row: int) -> bytes | None:
        try:
            return pixel_digest(decode(self.picture(row)))
        except UnreadableError as error:
            raise InputError(f"{self.picture(row)} cannot be read ({error}); run bimodal prepare again") from error

    @cached_property
    def file_digests(self) -> bytes:
        """SHA-256 of the bytes of each picture's file, 32 bytes a row."""

        def digest(row: int) -> bytes:
            return hashlib.sha256(self.picture(row).read_bytes()).digest()

        return b"".join(each_in_threads(digest, range(len(self)), "reading pictures"))

    @cached_property
    def pictures_fingerprint(self) -> str:
        """SHA-256 of the bytes of every picture in the order of the rows; file names do not matter."""
        return hashlib.sha256(self.file_digests).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the table and of the bytes of every picture: the same data have the same fingerprint."""
        columns = [column for column in COLUMNS if column != "digest"]  # it follows from the pictures
        result = hashlib.sha256()
        for start in range(0, max(len(self), 1), _ROWS):  # the text of a million rows takes 100 MB
            part = self.table.iloc[start : start + _ROWS].to_csv(index=False, columns=columns, header=start == 0)
            result.update(part.encode("utf-8", "surrogateescape"))
        result.update(self.file_digests)
        return result.hexdigest()


def find_pictures(root: Path, images: Iterable[str]) -> dict[str, PictureFile]:
    """Return where some pictures of a data folder are, by image, without those that lie outside of it or in no shard.

    Manifests come from other people, and a folder may have moved: the files need not exist.
    """
    inside = [image for image in images if not leaves_folder(image)]
    if not has_shards(root):
        return {image: root / image for image in inside}
    try:
        places = find_places(root, inside)
    except InputError:  # a damaged index
        return {}
    return {image: places.picture(row, image) for row, image in enumerate(inside) if places.shard[row] >= 0}


def plain_path(image: str) -> str:
    """Return a relative path without needless parts.

    >>> plain_path("a//b.png"), plain_path("./a/b.png")
    ('a/b.png', 'a/b.png')
    """
    return str(PurePosixPath(image)) if _UNEVEN.search(image) else image


def leaves_folder(image: str) -> bool:
    """Return whether a relative path could point outside its folder.

    >>> leaves_folder("images/a.png"), leaves_folder("../a.png"), leaves_folder("/etc/passwd")
    (False, True, True)
    """
    return image.startswith("/") or ".." in image.split("/") or "\0" in image


def _check(
    frame: pd.DataFrame, images: list[str], root: Path, source: Path, places: Places | None
) -> NDArray[np.int64]:
    """Return the codes of the labels; raise for the first row that cannot be used."""

    def where(row: int) -> str:
        return f"{source}, row {row + 1} ({frame['image'].iat[row]!r})"

    splits, labels, digests = (frame[column].tolist() for column in ("split", "label", "digest"))
    codes: dict[str, int] = {}
    for row, (split, label, digest) in enumerate(zip(splits, labels, digests, strict=True)):
        if split not in SPLITS:
            raise InputError(f"{where(row)}: unknown split {split!r}; expected {', '.join(SPLITS)}")
        if not _DIGEST.fullmatch(digest):
            raise InputError(
                f"{where(row)}: expected a digest of 32 hexadecimal digits or none, got {digest!r}; empty the column"
            )
        if label not in codes:
            try:
                codes[label] = code_of(label)
            except InputError:
                raise InputError(f"{where(row)}: unknown label {label!r}; expected one of {', '.join(NAMES)}") from None

    first: dict[str, int] = {}
    for row, image in enumerate(images):
        if leaves_folder(image):
            raise InputError(f"{where(row)}: the path leaves {root}; pictures must lie in the data folder")
        if places is not None:
            if places.shard[row] < 0:
                raise InputError(f"{where(row)}: not in the shards of {root}; prepare again or take the row out")
        elif not os.path.isfile(f"{root}/{image}"):
            if os.path.islink(root / image):
                target = os.path.realpath(root / image)
                raise InputError(f"{where(row)}: the link's target {target} is missing; put it back, or prepare again")
            raise InputError(f"{where(row)}: no such file in {root}; put it back or take the row out")
        earlier = first.setdefault(image, row)
        if earlier != row:
            same = splits[earlier] == splits[row]
            what = "listed twice" if same else f"in two splits, {splits[earlier]} and {splits[row]}"
            raise InputError(f"{where(row)}: the picture is {what} (first in row {earlier + 1}); keep one row")
    return np.array([codes[label] for label in labels], dtype=np.int64)
