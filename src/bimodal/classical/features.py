"""Descriptors of the faces of a manifest: computed, or read from a file."""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from bimodal.progress import track

SIZE = 128
"""Side of the grey faces that descriptors are computed from, in pixels."""
MAX_BYTES = 2 * 2**30
"""Largest array that is read from a file."""
_CHUNK = 256
_DESCRIPTORS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.float32]]] = {"lpq": lpq, "phog": phog}


def describe(manifest: Manifest, kind: str) -> NDArray[np.float32]:
    """Return a descriptor of each face, float32 (N,D), computed from grey faces of 128 pixels.

    Args:
        manifest: N faces.
        kind: `lpq` (3 by 3 blocks, D = 2304) or `phog` (8 bins, 4 levels, D = 680).

    Raises:
        InputError: the kind is unknown, or a picture cannot be read.
    """
    if kind not in _DESCRIPTORS:
        raise InputError(f"expected one of the descriptors {', '.join(_DESCRIPTORS)}, got {kind!r}")
    pictures = decoded(manifest, SIZE)
    parts = []
    starts = range(0, len(pictures), _CHUNK)
    for start in track(starts, f"computing {kind}", len(starts)):
        chunk = pictures[start : start + _CHUNK]
        grey = np.stack([cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2GRAY) for picture in chunk])
        parts.append(_DESCRIPTORS[kind](grey))
    return np.concatenate(parts)


def write_features(file: str | Path, manifest: Manifest, features: NDArray[np.float32]) -> None:
    """Write descriptors of a manifest's faces to an `.npz` file with the arrays `image` (N names) and `features` (N,D).

    Args:
        file: the file to write.
        manifest: N faces.
        features: (N,D), a row for each face.

    Raises:
        InputError: the number of rows is not the number of faces.
        OSError: the file cannot be written.
    """
    if features.ndim != 2 or len(features) != len(manifest):
        raise InputError(f"expected features ({len(manifest)},D), a row for each picture, got {features.shape}")
    images = manifest.table["image"].to_numpy(dtype=str)

    def write(part: Path) -> None:
        with part.open("wb") as stream:  # given a name, np.savez might add .npz to it
            np.savez(stream, image=images, features=features)

    write_atomically(Path(file), write)


def read_features(file: str | Path, manifest: Manifest) -> NDArray[np.float32]:
    """Read descriptors, ours or another program's, in the order of a manifest.

    Args:
        file: an `.npz` file with the arrays `image` (M names as in the manifest, text) and `features` (M,D), at most 2 GiB
            each; it may hold more pictures than the manifest.
        manifest: N faces.

    Returns:
        float32 (N,D).

    Raises:
        InputError: the file is damaged, has other arrays, or lacks a face of the manifest.
    """
    file = Path(file)
    if not file.is_file():
        raise InputError(f"expected a file of features at {file}, found none")
    with file.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                images, features = (_array(archive, name, file) for name in ("image", "features"))
        except InputError:
            raise
        except Exception as error:  # zipfile, zlib and numpy raise many kinds of errors for damaged files
            raise InputError(f"{file} is damaged or not an .npz file ({type(error).__name__})") from error
    fits = images.ndim == 1 and features.ndim == 2 and len(features) == len(images) and 0 not in features.shape
    if not fits or images.dtype.kind != "U" or features.dtype.kind not in "fiu":
        raise InputError(
            f"{file}: expected image (M names, text) and features (M,D) (numbers, at least one for each name), "
            f"got {images.dtype} {images.shape} and {features.dtype} {features.shape}"
        )
    wanted = manifest.table["image"].to_numpy(dtype=str)
    chosen = features[_places(images, wanted, file)]
    with np.errstate(over="ignore"):
        result = chosen.astype(np.float32)
    finite = np.isfinite(result).all(axis=1)
    if not finite.all():
        first = str(wanted[finite.argmin()])
        raise InputError(
            f"{file}: features must be finite in single precision; those of {(~finite).sum()} pictures are not, "
            f"such as {first!r}"
        )
    return result


def _array(archive: zipfile.ZipFile, name: str, file: Path) -> NDArray[Any]:
    """Read an array after a check of its size: a small zip file may hold, or claim to hold, a very large array."""
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise InputError(
            f"{file} has no array {name!r}: expected image (names) and features (a row for each name)"
        ) from None
    if entry.file_size > MAX_BYTES:
        raise InputError(f"{file}: {name} is larger than {MAX_BYTES >> 30} GiB, too large for features")
    with archive.open(entry) as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
        room = entry.file_size - stream.tell()
    if dtype.hasobject:
        raise InputError(f"{file}: {name} holds Python objects, which are unsafe to read; save it as text or numbers")
    if math.prod(shape) * dtype.itemsize > room:
        raise ValueError(f"{name} claims more than it holds")
    with archive.open(entry) as stream:
        result: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    return result


def _places(images: NDArray[np.str_], wanted: NDArray[np.str_], file: Path) -> NDArray[np.int64]:
    """Return the row of each wanted picture in the file; by sorting, since a dictionary takes ten times the memory."""
    order = np.argsort(images, kind="stable")
    ranked = images[order]
    twice = ranked[1:] == ranked[:-1]
    if twice.any():
        raise InputError(f"{file} lists {str(ranked[twice.argmax()])!r} twice; keep one row for each picture")
    places = np.searchsorted(ranked, wanted).clip(max=len(ranked) - 1)
    missing = ranked[places] != wanted
    if missing.any():
        raise InputError(
            f"{file} does not fit the data folder: it lacks {missing.sum()} of its {len(wanted)} pictures, such as "
            f"{str(wanted[missing.argmax()])!r}; compute the features of these pictures, with their names in manifest.csv"
        )
    return np.asarray(order[places])
