"""The features of a data folder computed in shards of its rows, by several processes or machines."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from bimodal.data.cache import decode_rows
from bimodal.data.manifest import Manifest
from bimodal.features.embedder import Embedder
from bimodal.features.store import BATCH, cache_file, outputs_of
from bimodal.files import matches_checksum, write_atomically, write_checksum

_LEAST, _MOST_SHARDS = 32 * BATCH, 64


class FeatureShards:
    """The shards of the features of a data folder: files in its cache, which become one file.

    Args:
        manifest: the pictures.
        embedder: the network.

    Attributes:
        ranges: the rows of each shard; whole batches, so that the features are those of `features_of`.
        folder: where the shards are.
    """

    def __init__(self, manifest: Manifest, embedder: Embedder) -> None:
        self.manifest, self.embedder = manifest, embedder
        count = len(manifest)
        size = max(_LEAST, -(-count // (_MOST_SHARDS * BATCH)) * BATCH)
        self.ranges = [range(start, min(start + size, count)) for start in range(0, count, size)]
        self._file = cache_file(manifest, embedder)
        self.folder = self._file.with_suffix(".shards")

    def file_of(self, rows: range) -> Path:
        """Return the file of a shard."""
        return self.folder / f"{rows.start}-{rows.stop}.npy"

    def checksum_of(self, rows: range) -> Path:
        """Return the file with the checksum of a shard, which is written last."""
        return self.file_of(rows).with_suffix(".sha256")

    @contextmanager
    def exclusively(self) -> Iterator[list[range] | None]:
        """Hold the lock of the features; lend the shards that are left to compute, or None if the features are there."""
        with FileLock(self._file.with_suffix(".lock")):
            if matches_checksum(self._file, self._file.with_suffix(".sha256")):
                yield None
            else:
                self.folder.mkdir(exist_ok=True)
                left = [
                    rows for rows in self.ranges if not matches_checksum(self.file_of(rows), self.checksum_of(rows))
                ]
                for rows in left:
                    self.checksum_of(rows).unlink(missing_ok=True)
                yield left

    def compute(self, rows: range) -> None:
        """Decode and embed the pictures of a shard, and write its file and then the checksum.

        Raises:
            InputError: a picture cannot be read.
        """
        batches = [range(start, min(start + BATCH, rows.stop)) for start in range(rows.start, rows.stop, BATCH)]
        size = self.embedder.image_size
        parts = [outputs_of(self.embedder, decode_rows(self.manifest, size, batch)) for batch in batches]
        values = np.concatenate(parts).astype(np.float16)
        write_atomically(self.file_of(rows), lambda part: _save(part, values))
        write_checksum(self.file_of(rows), self.checksum_of(rows))

    def join(self) -> None:
        """Make one file of all shards, and delete them."""
        first = np.load(self.file_of(self.ranges[0]), mmap_mode="r", allow_pickle=False)
        shape = (len(self.manifest), first.shape[1])

        def write(part: Path) -> None:
            offset = np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape).offset
            with part.open("r+b") as target:
                target.seek(offset)
                for rows in self.ranges:
                    target.write(np.load(self.file_of(rows), allow_pickle=False).data)

        checksum = self._file.with_suffix(".sha256")
        checksum.unlink(missing_ok=True)
        write_atomically(self._file, write)
        write_checksum(self._file, checksum)
        shutil.rmtree(self.folder)


def _save(part: Path, values: NDArray[np.float16]) -> None:
    with part.open("wb") as file:
        np.save(file, values)
