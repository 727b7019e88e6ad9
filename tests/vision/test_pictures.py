import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.vision.pictures import UnreadableError, decode, in_order, is_blank, pixel_digest

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG with this size in its header and only a few bytes of data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_copies_have_the_same_pixels(kind: str) -> None:
    pixels = decode(encode(Image.fromarray(PIXELS), kind))
    np.testing.assert_array_equal(pixels, PIXELS)
    assert pixel_digest(pixels) == pixel_digest(PIXELS)


def test_the_digest_depends_on_shape_and_pixels() -> None:
    assert pixel_digest(PIXELS) != pixel_digest(PIXELS.reshape(5, 7, 3))
    other = PIXELS.copy()
    other[3, 2, 1] ^= 1
    assert pixel_digest(PIXELS) != pixel_digest(other)
    assert pixel_digest(PIXELS[:, ::-1]) == pixel_digest(np.ascontiguousarray(PIXELS[:, ::-1]))


def test_exif_turns_the_picture_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the picture must be rotated clockwise
    pixels = decode(encode(Image.fromarray(PIXELS), exif=exif))
    np.testing.assert_array_equal(pixels, np.rot90(PIXELS, -1))


def test_sixteen_bits_keep_their_greys() -> None:
    grey = np.arange(0, 65536, 4096, dtype=np.uint16).reshape(4, 4)
    pgm = b"P5 4 4 65535\n" + grey.astype(">u2").tobytes()
    for content in (encode(Image.fromarray(grey)), pgm):
        np.testing.assert_array_equal(decode(content)[..., 0], grey >> 8)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK"])
def test_common_modes_become_rgb(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    pixels = decode(encode(Image.fromarray(PIXELS).convert(mode), kind))
    assert pixels.shape == (7, 5, 3)
    assert pixels.dtype == np.uint8


def test_palette_with_transparency() -> None:
    image = Image.fromarray(PIXELS).convert("P")
    assert decode(encode(image, transparency=b"\x00\x80")).shape == (7, 5, 3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"just a text", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (encode(Image.fromarray(PIXELS.repeat(9, 0)), "JPEG")[:-200], "damaged"),
        (encode(Image.fromarray(PIXELS))[:60], "damaged"),
        (png_header(50_000, 50_000), "too large"),
        (png_header(9_000, 9_000), "too large: 9000 x 9000"),
        (png_header(40_000, 3), "too large: 40000 x 3"),
        (png_header(100, 100), "damaged"),
        (encode(Image.fromarray(np.ones((3, 3), np.float32)), "TIFF"), "32 bits"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_refuses_with_the_reason(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    for source in (content, path):
        with pytest.raises(UnreadableError, match=says):
            decode(source)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
# Pillow opens the first silently, the second with a warning, and raises an error for the others
@pytest.mark.parametrize("side", [6_400, 9_000, 12_000, 50_000])
def test_a_bomb_is_refused_by_its_header(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: Image.Image) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(UnreadableError, match="too large"):
        decode(png_header(side, side))


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no such file"):
        decode(tmp_path / "none.png")
    with pytest.raises(UnreadableError, match="not a regular file"):
        decode(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableError, match="not a regular file"):
        decode(tmp_path / "pipe.png")


def test_blank_is_a_single_colour() -> None:
    black = np.zeros((40, 40, 3), np.uint8)
    assert is_blank(black)
    assert pixel_digest(black) is None
    assert is_blank(black + np.array([200, 10, 0], np.uint8))
    for place in ((0, 0), (39, 39), (17, 5)):  # in the coarse grid, and beside it
        spot = black.copy()
        spot[place] = 5
        assert not is_blank(spot)
        spot[place] = 4
        assert is_blank(spot)
    assert is_blank(black[:1, :1])


def test_work_is_done_in_order_with_few_items_waiting() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, lambda item: item * item, items(), ahead=5)
        for item in range(100):
            assert next(results) == item * item
            assert len(taken) <= item + 6
        assert list(results) == []


def test_an_error_in_a_thread_is_raised() -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(in_order(pool, lambda item: 1 / item, [2, 1, 0, 1]))
