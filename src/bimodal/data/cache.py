"""A cache of decoded pictures: each is decoded and resized once, then read from a memory map."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.files import matches_checksum, user_cache_folder, write_atomically, write_checksum
from bimodal.progress import warn
from bimodal.vision.pictures import UnreadableError, decode, map_in_threads, resize


def decoded(manifest: Manifest, size: int) -> NDArray[np.uint8]:
    """Return all pictures of a manifest as one read-only memory map, uint8 (N, S, S, 3) RGB.

    The first call decodes the pictures into a file in `cache_folder`. Its name contains the fingerprint of the pictures, so
    changed pictures are decoded again, and other labels or splits use the same file. The data folder keeps one file for
    each size. 50,000 faces of 224 pixels take 7.5 GB. A file that does not match its checksum is made again.

    Args:
        manifest: N pictures.
        size: side S in pixels; the aspect ratio is not kept, as in the paper (Resize(224×224)).

    Raises:
        InputError: a picture cannot be read; the message names it.
        OSError: the disk is full.
    """
    folder = cache_folder(manifest)
    file = folder / f"faces-{size}-{manifest.pictures_fingerprint[:16]}.npy"
    checksum = file.with_suffix(".sha256")
    if not _is_undamaged(file, checksum):
        if file.exists() and checksum.exists():  # without a checksum, the call that made the file was interrupted
            warn(f"{file} is damaged; decoding the pictures again")
        checksum.unlink(missing_ok=True)
        write_atomically(file, lambda part: _decode_into(part, manifest, size))
        write_checksum(file, checksum)
        if folder.parent == manifest.root:  # the user's cache folder also holds other data
            for old in set(folder.glob(f"faces-{size}-*")) - {file, checksum}:
                old.unlink(missing_ok=True)
    pictures: NDArray[np.uint8] = np.load(file, mmap_mode="r", allow_pickle=False)
    return pictures


def read_rows(pictures: NDArray[np.uint8], start: int, end: int) -> NDArray[np.uint8]:
    """Return a copy of some rows of what `decoded` returns.

    The pages of a memory map that were looked at count as memory of this process, and end up being all of them.

    Args:
        pictures: (N,S,S,3), a memory map or an array.
        start, end: the rows, 0 <= start <= end <= N.
    """
    if not isinstance(pictures, np.memmap) or pictures.filename is None:
        return pictures[start:end]
    size = pictures[0].nbytes
    descriptor = os.open(pictures.filename, os.O_RDONLY)
    try:
        content = os.pread(descriptor, (end - start) * size, pictures.offset + start * size)
    finally:
        os.close(descriptor)
    return np.frombuffer(content, np.uint8).reshape(end - start, *pictures.shape[1:])


def decode_rows(manifest: Manifest, size: int, rows: range) -> NDArray[np.uint8]:
    """Decode some pictures of a manifest, as `decoded` does, uint8 (n, S, S, 3) RGB; nothing is cached.

    Raises:
        InputError: a picture cannot be read; the message names it.
    """
    return np.stack(map_in_threads(lambda row: _decode(manifest, row, size), rows, "decoding pictures"))


def _decode(manifest: Manifest, row: int, size: int) -> NDArray[np.uint8]:
    try:
        return resize(decode(manifest.picture(row)), size)
    except UnreadableError as error:
        raise InputError(f"{manifest.picture(row)} cannot be read ({error}); run bimodal prepare again") from error


def _is_undamaged(file: Path, checksum: Path) -> bool:
    """Return whether a file matches its checksum; computed once in a process, until the file changes."""
    try:
        state = file.stat()
    except OSError:
        return False
    return _matches(file, checksum, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=64)
def _matches(file: Path, checksum: Path, _state: tuple[int, ...]) -> bool:
    return matches_checksum(file, checksum)


def _decode_into(file: Path, manifest: Manifest, size: int) -> None:
    shape = (len(manifest), size, size, 3)
    offset = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape).offset  # writes the header
    with open(file, "r+b", buffering=0) as handle:
        # Reserve the space first: a full disk then ends this call before the work. Pictures are not written through a memory
        # map, because all of its pages would count as memory of this process.
        os.posix_fallocate(handle.fileno(), 0, os.path.getsize(file))

        def fill(row: int) -> None:
            picture = _decode(manifest, row, size)
            os.pwrite(handle.fileno(), np.ascontiguousarray(picture).data, offset + row * picture.size)

        map_in_threads(fill, range(len(manifest)), "decoding pictures")


def cache_folder(manifest: Manifest) -> Path:
    """Return the folder for derived files: `.cache/` of the data folder or, if that is read-only, the user's cache folder."""
    folder = manifest.root / ".cache"
    try:
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return user_cache_folder()
