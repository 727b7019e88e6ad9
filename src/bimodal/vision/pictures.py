"""Decoding pictures from untrusted files to RGB, with a reason for each that is refused."""

import hashlib
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from io import BytesIO
from itertools import chain
from pathlib import Path
from threading import BoundedSemaphore, Event, Lock
from typing import Any, BinaryIO, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.JpegImagePlugin import JpegImageFile

from bimodal.memory import check_memory
from bimodal.progress import track
from bimodal.vision.formats import HEIF, READ, can_read_heif, is_heif, is_raw, refusal
from bimodal.vision.packed import PackedPicture, PictureFile, suffix_of

T = TypeVar("T")
R = TypeVar("R")

MAX_PIXELS = 40_000_000
MAX_SIDE = 32_767  # the limit of OpenCV's warp
MAX_BYTES = 512 * 2**20
THREADS = min(32, len(os.sched_getaffinity(0)))
"""The number of pictures that are decoded or written at the same time: one for each core that this process may use."""
BLANK_RANGE = 4  # of 255: the range that a lossy codec gives to a single colour

_MAX_JPEG_PIXELS = 250_000_000  # the largest cameras; decoded at a half to an eighth of the size
_LARGE = 4_000_000  # pixels
_large_pictures = BoundedSemaphore(4)  # so many of up to `MAX_PIXELS`, decoded at the same time, take at most 2 GB
_largest_picture = Lock()  # some JPEGs keep 8 bytes a pixel in memory until their last line is read
_CHUNK = 16
_HEAD_BYTES = 64
_GREY_RANGE = 2**14  # of 16 bits

_QUARTER_TURNS = (5, 6, 7, 8)  # EXIF


class UnreadableError(ValueError):
    """A picture cannot be decoded; the message says why."""


def decode(source: PictureFile | bytes, least: int = 0) -> NDArray[np.uint8]:
    """Decode a picture to RGB with 8 bits, turned upright by its EXIF tag; of an animation, the first frame.

    The size in the header is checked before decoding, so that a small file cannot fill the memory. 16 bits a pixel become 8:
    a range of less than a quarter of all greys, as of a thermal camera or one of 12 bits, is stretched to all 8 bits.

    Args:
        source: a file, a part of one, or its content; at most 512 MiB, 40 megapixels, and 32,767 pixels a side. A JPEG of up to 250 megapixels
            is decoded at a half, a quarter or an eighth of its size, so that it has at most 40.
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
    return decode_reduced(source, least)[0]


def decode_reduced(source: PictureFile | bytes, least: int = 0) -> tuple[NDArray[np.uint8], int]:
    """Return a picture as `decode` does, and how many pixels of the file one of its pixels stands for, along a side."""
    content, suffix = (source, "") if isinstance(source, bytes) else (_read(source), suffix_of(source))
    if not content:
        raise UnreadableError("an empty file")
    try:
        with _open(BytesIO(content), content[:_HEAD_BYTES], suffix) as image:
            width, height = image.size
            is_jpeg = image.format == "JPEG"
            if width * height > (_MAX_JPEG_PIXELS if is_jpeg else MAX_PIXELS):
                raise _too_large(f"{width} x {height}")
            if is_jpeg:
                by = next(by for by in (1, 2, 4, 8) if width * height <= by * by * MAX_PIXELS)
                image.draft(None, (min(least or width, width // by) or 1, min(least or height, height // by) or 1))
            if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                raise _too_large(f"{width} x {height}")
            with ExitStack() as limits:
                if width * height > MAX_PIXELS:
                    limits.enter_context(_largest_picture)
                if width * height > _LARGE:
                    limits.enter_context(_large_pictures)
                image.load()
                return _to_rgb(image), round(max(width, height) / max(image.size))
    except UnreadableError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large("over 150,000,000") from error
    except UnidentifiedImageError as error:
        raise UnreadableError(refusal(content[:_HEAD_BYTES], suffix)) from error
    except Exception as error:  # for damaged files Pillow's decoders raise many types
        raise UnreadableError(f"damaged: {error}") from error


def upright_size(path: Path) -> tuple[int, int]:
    """Return the width and the height of a picture, turned upright by its EXIF tag, without decoding it.

    Raises:
        UnreadableError: the file is not a picture, or its header is damaged.
    """
    if not path.is_file():  # opening a pipe would block
        raise UnreadableError("not a regular file" if path.exists() else "no such file")
    suffix, head = path.suffix.casefold(), b""
    try:
        with no_size_warnings(), path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            file.seek(0)
            image = _open(file, head, suffix)
            width, height = image.size
            turned = image.getexif().get(Base.Orientation) in _QUARTER_TURNS
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError(refusal(head, suffix)) from error
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

    Raises:
        MemoryError: as `check_memory`.
    """
    return list(each_in_threads(function, items, what))


def each_in_threads(function: Callable[[T], R], items: Sequence[T], what: str) -> Iterator[R]:
    """Yield what `map_in_threads` returns, in the order of the items; only a few results wait at a time."""
    check_memory()
    pool = ThreadPoolExecutor(THREADS)  # decoding releases the interpreter's lock
    size = min(
        _CHUNK, 1 + len(items) // (8 * THREADS)
    )  # handing over an item takes as long as decoding a small picture
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    stopped = Event()

    def perform(chunk: Sequence[T]) -> list[R]:
        return [function(item) for item in chunk if not stopped.is_set()]

    try:
        with no_size_warnings():
            done = in_order(pool, perform, chunks, ahead=4 * THREADS)
            yield from track(chain.from_iterable(done), what, len(items))
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture, uint8 (H, W) or (H, W, 3) RGB, as PNG; the same pixels give the same bytes.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_bytes(png_of(pixels))


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """Return the bytes of the file that `write_png` writes."""
    ordered = (
        pixels if pixels.ndim == 2 else pixels[..., ::-1]
    )  # OpenCV, which encodes six times as fast as Pillow, has BGR
    _, content = cv2.imencode(".png", np.ascontiguousarray(ordered))
    return content.tobytes()


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


def _read(file: PictureFile) -> bytes:
    try:
        if isinstance(file, PackedPicture):
            if file.size > MAX_BYTES:
                raise UnreadableError(f"larger than {MAX_BYTES // 2**20} MiB")
            content = file.read_bytes()
            if len(content) < file.size:
                raise UnreadableError(f"{file.file} ends too early")
            return content
        if not file.is_file():  # reading a pipe would block
            raise UnreadableError("not a regular file" if file.exists() else "no such file")
        if file.stat().st_size > MAX_BYTES:
            raise UnreadableError(f"larger than {MAX_BYTES // 2**20} MiB")
        return file.read_bytes()
    except OSError as error:
        raise UnreadableError(error.strerror or "cannot be read") from error


def _open(file: BinaryIO, head: bytes, suffix: str) -> Image.Image:
    """Read the header of a picture from a file, its first bytes, and the ending of its name in lower case."""
    if is_raw(head, suffix):
        raise UnreadableError(refusal(head, suffix))
    if head.startswith(b"\xff\xd8\xff"):
        return JpegImageFile(file)  # `Image.open` refuses the largest ones, and takes some for other formats
    if not is_heif(head):
        return Image.open(file, formats=READ)
    if not can_read_heif():
        raise UnreadableError("HEIC needs one more package: pip install 'bimodal[heic]'")
    return Image.open(file, formats=(HEIF,))


def _too_large(size: str) -> UnreadableError:
    return UnreadableError(
        f"too large: {size} pixels, at most {MAX_PIXELS // 10**6} megapixels ({_MAX_JPEG_PIXELS // 10**6} of a JPEG) and "
        f"{MAX_SIDE:,} a side are allowed"
    )


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if image.mode in ("I", "F") and not sixteen:
        raise UnreadableError("32 bits a channel; save it with 8 or 16 bits")
    if sixteen:  # Pillow's conversion would clip all values above 255
        exif = image.getexif()
        image = Image.fromarray(_eight_bits(np.asarray(image)))
        image.getexif()[Base.Orientation] = exif.get(Base.Orientation, 1)
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _eight_bits(grey: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Return greys of 16 bits (H, W) with 8: their upper bits, or a small range stretched."""
    low, high = int(grey.min()), int(grey.max())
    if high - low >= _GREY_RANGE or high - low <= BLANK_RANGE:
        return np.asarray(grey >> 8, dtype=np.uint8)
    return np.asarray(np.rint((grey.astype(np.float32) - low) * (255 / (high - low))), dtype=np.uint8)
