"""Decoding pictures from untrusted files to RGB, with a reason for each that is refused."""

import hashlib
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from itertools import chain
from pathlib import Path
from threading import BoundedSemaphore
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bimodal.progress import track

T = TypeVar("T")
R = TypeVar("R")

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pnm"}
)
MAX_PIXELS = 40_000_000
MAX_SIDE = 32_767  # the limit of OpenCV's warp
MAX_BYTES = 512 * 2**20
THREADS = min(32, len(os.sched_getaffinity(0)))
"""The number of pictures that are decoded or written at the same time: one for each core that this process may use."""
BLANK_RANGE = 4  # of 255: the range that a lossy codec gives to a single colour

_LARGE = 4_000_000  # pixels
_large_pictures = BoundedSemaphore(4)  # so many of the largest, decoded at the same time, take at most 2 GB
_CHUNK = 16
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM")  # without those for which Pillow runs another program

_ORIENTATION, _QUARTER_TURNS = 0x0112, (5, 6, 7, 8)  # EXIF


class UnreadableError(ValueError):
    """A picture cannot be decoded; the message says why."""


def is_picture_name(name: str) -> bool:
    """Return whether a file name has the ending of a picture, such as `.png`; the case does not matter."""
    return Path(name).suffix.casefold() in SUFFIXES


def decode(source: Path | bytes, least: int = 0) -> NDArray[np.uint8]:
    """Decode a picture to RGB with 8 bits, turned upright by its EXIF tag; of an animation, the first frame.

    The size in the header is checked before decoding, so that a small file cannot fill the memory.

    Args:
        source: a file or its content; at most 512 MiB, 40 megapixels, and 32,767 pixels a side.
        least: the least side in pixels that the caller needs. A JPEG of more than twice that size is decoded at a half,
            a quarter or an eighth of its size, which is faster. 0: at full size.

    Returns:
        uint8 (H, W, 3).

    Raises:
        UnreadableError: the file is not a picture, is truncated or damaged, or is too large.

    >>> decode(b"no picture")
    Traceback (most recent call last):
    ...
    bimodal.vision.pictures.UnreadableError: not a picture in a known format
    """
    if isinstance(source, Path):
        try:
            if not source.is_file():  # reading a pipe would block
                raise UnreadableError("not a regular file" if source.exists() else "no such file")
            if source.stat().st_size > MAX_BYTES:
                raise UnreadableError(f"larger than {MAX_BYTES // 2**20} MiB")
            source = source.read_bytes()
        except OSError as error:
            raise UnreadableError(error.strerror or "cannot be read") from error
    if not source:
        raise UnreadableError("an empty file")
    try:
        with Image.open(BytesIO(source), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
                raise _too_large(f"{width} x {height}")
            if least and image.format == "JPEG":
                image.draft(None, (least, least))
            with _large_pictures if width * height > _LARGE else nullcontext():
                image.load()
                return _to_rgb(image)
    except UnreadableError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large("over 150,000,000") from error
    except UnidentifiedImageError as error:
        raise UnreadableError("not a picture in a known format") from error
    except Exception as error:  # for damaged files Pillow's decoders raise many types
        raise UnreadableError(f"damaged: {error}") from error


def upright_size(path: Path) -> tuple[int, int]:
    """Return the width and the height of a picture, turned upright by its EXIF tag, without decoding it.

    Raises:
        UnreadableError: the file is not a picture, or its header is damaged.
    """
    if not path.is_file():  # opening a pipe would block
        raise UnreadableError("not a regular file" if path.exists() else "no such file")
    try:
        with no_size_warnings(), Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION) in _QUARTER_TURNS
    except UnidentifiedImageError as error:
        raise UnreadableError("not a picture in a known format") from error
    except Exception as error:  # Pillow raises many types for damaged headers
        raise UnreadableError(f"damaged: {error}") from error
    return (height, width) if turned else (width, height)


def resize(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize to (size, size, 3): by area to shrink, which avoids aliasing, otherwise bilinearly."""
    shrink = picture.shape[0] > size or picture.shape[1] > size
    result = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return np.asarray(result, dtype=np.uint8)


def pixel_digest(pixels: NDArray[np.uint8]) -> bytes | None:
    """Return a digest of 16 bytes of a picture's pixels, uint8 (H, W, 3), or None for a picture of a single colour.

    A PNG and a BMP of the same picture have the same digest.
    """
    if is_blank(pixels):
        return None
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def is_blank(pixels: NDArray[np.uint8]) -> bool:
    """Return whether a picture is of a single colour, such as all black, up to the noise of a lossy codec.

    >>> is_blank(np.zeros((9, 9, 3), np.uint8)), is_blank(np.eye(9, dtype=np.uint8)[..., None] * 255)
    (True, False)
    """
    for part in (pixels[::16, ::16], pixels):  # for most pictures a few pixels suffice
        flat = part.reshape(-1, pixels.shape[-1])
        if (flat.max(axis=0).astype(int) - flat.min(axis=0) > BLANK_RANGE).any():
            return False
    return True


def no_size_warnings() -> AbstractContextManager[object]:
    """Return a context in which Pillow does not warn of large pictures; `decode` refuses them itself.

    The context changes the warnings of the whole process, so it must surround a pool of threads, not run inside one.
    """
    return warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning)


def map_in_threads(function: Callable[[T], R], items: Sequence[T], what: str) -> list[R]:
    """Apply a function that decodes or writes pictures to each item, in `THREADS` threads.

    Ctrl-C waits only for the items that have been started. The progress names the task in words, `what`.
    """
    pool = ThreadPoolExecutor(THREADS)  # decoding releases the interpreter's lock
    size = min(
        _CHUNK, 1 + len(items) // (8 * THREADS)
    )  # handing over an item takes as long as decoding a small picture
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    try:
        with no_size_warnings():
            done = in_order(pool, lambda chunk: [function(item) for item in chunk], chunks, ahead=4 * THREADS)
            return list(track(chain.from_iterable(done), what, len(items)))
    finally:
        pool.shutdown(cancel_futures=True)


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture, uint8 (H, W) or (H, W, 3) RGB, as PNG; the same pixels give the same bytes.

    Raises:
        OSError: the file cannot be written.
    """
    ordered = (
        pixels if pixels.ndim == 2 else pixels[..., ::-1]
    )  # OpenCV, which encodes six times as fast as Pillow, has BGR
    _, content = cv2.imencode(".png", np.ascontiguousarray(ordered))
    path.write_bytes(content.data)


def in_order(pool: Executor, function: Callable[[T], R], items: Iterable[T], ahead: int = 64) -> Iterator[R]:
    """Yield the results of a function in the order of the items, as `pool.map`, with at most `ahead` of them waiting.

    `pool.map` keeps an object of over 1 kB for each item, 150 MB for 100,000 pictures.

    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(in_order(pool, abs, range(-3, 2), ahead=2))
    [3, 2, 1, 0, 1]
    """
    waiting: deque[Future[R]] = deque()
    for item in items:
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
        waiting.append(pool.submit(function, item))
    while waiting:
        yield waiting.popleft().result()


def _too_large(size: str) -> UnreadableError:
    return UnreadableError(
        f"too large: {size} pixels, at most {MAX_PIXELS // 10**6} megapixels and {MAX_SIDE:,} a side are allowed"
    )


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if image.mode in ("I", "F") and not sixteen:
        raise UnreadableError("32 bits a channel; save it with 8 or 16 bits")
    if sixteen:  # Pillow's conversion would clip all values above 255
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
