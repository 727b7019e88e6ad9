"""The pictures of a data folder in shards: tar archives in the form of WebDataset, with a table of where each picture lies.

A million files in folders take hours to copy and to delete, and many file systems run out of names for them; a few hundred
archives do not. Any program that reads tar archives reads them, and each picture is still read by itself, by its row.
"""

import csv
import io
import re
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.tables import read_table
from bimodal.errors import InputError
from bimodal.vision.packed import PackedPicture
from bimodal.vision.pictures import MAX_BYTES

FOLDER = "shards"
INDEX = "index.csv"
SHARD_BYTES = 256 * 2**20
"""A shard is closed when it has this size."""
_COLUMNS = ("image", "shard", "start", "size")
_NAME = re.compile(r"\w[\w-]*\.tar", re.ASCII)
_NUMBER = re.compile(r"\d{1,15}", re.ASCII)


class ShardWriter:
    """Writes pictures to `shards/<split>-<number>.tar` in a data folder, and the index when it is closed.

    The same pictures give the same bytes.
    """

    def __init__(self, root: Path) -> None:
        """Make the folder for the shards in a data folder."""
        self._folder = root / FOLDER
        self._folder.mkdir()
        self._tars: dict[str, tarfile.TarFile] = {}
        self._numbers: dict[str, int] = {}
        self._stream = (self._folder / INDEX).open("w", encoding="utf-8", newline="")
        self._index = csv.writer(self._stream, lineterminator="\n")
        self._index.writerow(_COLUMNS)

    def add(self, split: str, image: str, content: bytes) -> None:
        """Add a picture of a split under its name in the data folder.

        Raises:
            OSError: the disk is full.
        """
        tar = self._tars.get(split)
        if tar is None or tar.offset >= SHARD_BYTES:
            tar = self._next(split)
        member = tarfile.TarInfo(image)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
        tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps a kilobyte of each picture for `getmembers`
        padded = -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        self._index.writerow((image, Path(str(tar.name)).name, tar.offset - padded, member.size))

    def close(self) -> None:
        """Write what waits.

        Raises:
            OSError: the disk is full.
        """
        for tar in self._tars.values():
            tar.close()
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self, split: str) -> tarfile.TarFile:
        if split in self._tars:
            self._tars.pop(split).close()
        number = self._numbers[split] = self._numbers.get(split, -1) + 1
        file = self._folder / f"{split}-{number:05d}.tar"
        tar = self._tars[split] = tarfile.open(file, "w", format=tarfile.GNU_FORMAT)  # noqa: SIM115 - until `close`
        return tar


@dataclass(frozen=True, eq=False)
class Places:
    """Where the pictures of N rows lie.

    Attributes:
        files: the shards.
        shard: int32 (N,), the number of each picture's shard; -1 for a picture that is in none.
        start, size: int64 (N,), the first byte of each picture in its shard, and the number of its bytes.
    """

    files: tuple[Path, ...]
    shard: NDArray[np.int32]
    start: NDArray[np.int64]
    size: NDArray[np.int64]

    def picture(self, row: int, name: str) -> PackedPicture:
        """Return the picture of a row."""
        return PackedPicture(self.files[self.shard[row]], int(self.start[row]), int(self.size[row]), name)


def has_shards(root: Path) -> bool:
    """Return whether the pictures of a data folder lie in shards."""
    return (root / FOLDER / INDEX).is_file()


def find_places(root: Path, images: Sequence[str]) -> Places:
    """Return where the pictures of a data folder lie, by the index of its shards.

    Args:
        root: the data folder.
        images: N names.

    Raises:
        InputError: the index is damaged, or names a file outside of the folder or a part that a shard does not have.
    """
    file = root / FOLDER / INDEX
    table = read_table(file, _COLUMNS)
    shard, shards = pd.factorize(table["shard"])
    files = tuple(_shard(file, str(name)) for name in shards)
    start, size = (_numbers(table[column], file) for column in ("start", "size"))
    lengths = np.array([each.stat().st_size for each in files], dtype=np.int64)
    wrong = np.flatnonzero((size > MAX_BYTES) | (start + size > lengths[shard]))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{file}, row {row + 1}: {files[shard[row]].name} has no {size[row]:,} bytes from {start[row]:,} on; "
            "prepare the data again"
        )
    names = table["image"].tolist()
    if names == list(images):  # as `prepare` writes it
        position = np.arange(len(names))
    else:
        position = pd.Index(names).drop_duplicates().get_indexer(pd.Index(images))
        if not table["image"].is_unique:
            raise InputError(f"{file} lists a picture twice; prepare the data again")
    found = position >= 0
    return Places(
        files,
        np.where(found, shard[position], -1).astype(np.int32),
        np.where(found, start[position], 0),
        np.where(found, size[position], 0),
    )


def _shard(index: Path, name: str) -> Path:
    file = index.parent / name
    if not _NAME.fullmatch(name):
        raise InputError(f"{index} names the shard {name[:100]!r}; expected a name such as train-00000.tar beside it")
    if not file.is_file():
        raise InputError(f"{file} is missing, which {index} names; put it back, or prepare the data again")
    return file


def _numbers(texts: Iterable[str], file: Path) -> NDArray[np.int64]:
    cells = list(texts)
    wrong = next((row for row, text in enumerate(cells) if not _NUMBER.fullmatch(text)), None)
    if wrong is not None:
        raise InputError(f"{file}, row {wrong + 1}: expected a number of bytes, got {cells[wrong][:40]!r}")
    return np.array(cells, dtype=np.int64)
