"""Descriptors of every face of a manifest, computed or read from a file."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bimodal.classical.lpq import lpq
from bimodal.classical.phog import phog
from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.files import write_atomically

SIZE = 128
"""Side of the grey faces that are described, in pixels."""
MAX_BYTES = 2 * 2**30
_CHUNK = 256
_DESCRIPTORS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.float32]]] = {"lpq": lpq, "phog": phog}


def describe(manifest: Manifest, kind: str, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
    """Return a descriptor of every face, float32 (N,D): grey, 128 pixels wide.

    Args:
        manifest: N faces.
        kind: `lpq` (3 by 3 blocks, D = 2304) or `phog` (8 bins, 4 levels, D = 680).
        progress: called with the number of faces done so far.

    Raises:
        InputError: another kind, or a picture that cannot be read.
    """
    if kind not in _DESCRIPTORS:
        raise InputError(f"expected one of the descriptors {', '.join(_DESCRIPTORS)}, got {kind!r}")
    pictures = decoded(manifest, SIZE)
    parts = []
    for start in range(0, len(pictures), _CHUNK):
        chunk = pictures[start : start + _CHUNK]
        grey = np.stack([cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2GRAY) for picture in chunk])
        parts.append(_DESCRIPTORS[kind](grey))
        if progress is not None:
            progress(start + len(chunk))
    return np.concatenate(parts)


def write_features(file: Path, manifest: Manifest, features: NDArray[np.float32]) -> None:
    """Write descriptors of a manifest's faces as `.npz`: `image` (N names), `features` (N,D)."""
    images = manifest.table["image"].to_numpy(dtype=str)

    def write(part: Path) -> None:
        with part.open("wb") as stream:
            np.savez_compressed(stream, image=images, features=features)

    write_atomically(file, write)


def read_features(file: Path, manifest: Manifest) -> NDArray[np.float32]:
    """Read descriptors, from us or from another program, and put them in the order of a manifest.

    Args:
        file: an `.npz` with `image` (M names as in the manifest, text) and `features` (M,D), at most 2 GiB unpacked;
            M may be more than the manifest has.
        manifest: N faces.

    Returns:
        float32 (N,D).

    Raises:
        InputError: the file cannot be used, or lacks a face of the manifest.
    """
    if not file.is_file():
        raise InputError(f"expected a file of features at {file}, found none")
    try:
        _refuse_large(file)
        with np.load(file, allow_pickle=False) as arrays:
            images, features = arrays["image"], arrays["features"]
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{file} has no array {error}: expected image (names) and features (a row each)") from error
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds for bytes that they do not know
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{file} is damaged, or no .npz file of plain arrays ({type(error).__name__})") from error
    if images.ndim != 1 or images.dtype.kind != "U" or features.ndim != 2 or len(features) != len(images):
        raise InputError(
            f"{file}: expected image (M names, text) and features (M,D), got {images.dtype} {images.shape} and "
            f"{features.dtype} {features.shape}"
        )
    if features.dtype.kind not in "fiu" or features.shape[1] == 0 or not np.isfinite(features).all():
        raise InputError(f"{file}: features must be finite numbers, at least one a face")
    places = {str(image): row for row, image in enumerate(images)}
    if len(places) < len(images):
        raise InputError(f"{file} lists a picture twice; keep one row of each")
    wanted = manifest.table["image"].tolist()
    missing = [image for image in wanted if image not in places]
    if missing:
        raise InputError(
            f"{file} does not fit {manifest.root}: it lacks {len(missing)} of its {len(wanted)} pictures, such as "
            f"{missing[0]}; describe these pictures, under the names of manifest.csv"
        )
    return np.asarray(features[[places[image] for image in wanted]], dtype=np.float32)


def _refuse_large(file: Path) -> None:
    """Refuse what would not fit in memory before it is unpacked: a small zip may hold, or claim, very much."""
    with zipfile.ZipFile(file) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                version = npy.read_magic(stream)
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, _, dtype = read(stream)
                size = max(size, int(np.prod(shape, dtype=object)) * dtype.itemsize)
    if size > MAX_BYTES:
        raise InputError(f"{file} holds more than {MAX_BYTES >> 30} GiB; that is no file of features")
