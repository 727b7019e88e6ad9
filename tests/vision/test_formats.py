import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from bimodal.vision import formats
from bimodal.vision.formats import can_read_heif, is_picture_name, refusal
from bimodal.vision.pictures import UnreadableError, decode, decode_reduced, upright_size

SCENE = np.kron(np.random.default_rng(0).integers(0, 256, (4, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
"""Blocks of 16 pixels, which lossy formats change little; 64 high and 96 wide."""


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def upright(image: Image.Image, orientation: int) -> np.ndarray:
    """Return what a viewer shows, computed from a copy in PNG."""
    with Image.open(BytesIO(encode(image, "PNG", exif=turned(orientation)))) as copy:
        return np.asarray(ImageOps.exif_transpose(copy).convert("RGB"))


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_pictures_of_phones_are_read_upright(kind: str, orientation: int, tmp_path: Path) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif")
        assert can_read_heif()
    image = Image.fromarray(SCENE)
    path = tmp_path / ("a.heic" if kind == "HEIF" else "a.avif")
    path.write_bytes(encode(image, kind, quality=95, exif=turned(orientation).tobytes()))
    wanted = upright(image, orientation)
    pixels = decode(path)
    assert pixels.shape == wanted.shape
    assert abs(pixels.astype(int) - wanted).mean() < 12
    assert upright_size(path) == pixels.shape[1::-1]
    assert is_picture_name(path.name)


def test_without_the_package_a_heic_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    content = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic") + bytes(200)

    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(formats.importlib, "import_module", missing)
    can_read_heif.cache_clear()
    try:
        with pytest.raises(UnreadableError, match=r"pip install 'bimodal\[heic\]'"):
            decode(content)
    finally:
        monkeypatch.undo()
        can_read_heif.cache_clear()
    with pytest.raises(UnreadableError):
        decode(content)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "a.CR2",
            b"II*\0\x10\0\0\0CR" + bytes(99),
            "the raw file of a camera, which is not read; save it as PNG or JPEG",
        ),
        ("a.psd", b"8BPS" + bytes(99), "a Photoshop file"),
        ("a.svg", b"<?xml version='1.0'?><svg/>" + bytes(99), "SVG"),
        ("a.jxl", b"\xff\x0a" + bytes(99), "JPEG XL"),
        ("jxl-called.png", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "JPEG XL"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99), "JPEG 2000"),
        ("a.tga", bytes(99), "Targa"),
    ],
)
def test_other_pictures_are_named(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_picture_name(name)
    for read in (decode, upright_size):
        with pytest.raises(UnreadableError, match=says):
            read(tmp_path / name)


def test_a_raw_file_is_not_read_as_its_preview(tmp_path: Path) -> None:
    preview = encode(Image.fromarray(SCENE), "TIFF")
    (tmp_path / "a.dng").write_bytes(preview)
    (tmp_path / "a.tif").write_bytes(preview)
    assert decode(tmp_path / "a.tif").shape == SCENE.shape
    with pytest.raises(UnreadableError, match="raw file"):
        decode(tmp_path / "a.dng")
    (tmp_path / "b.dng").write_bytes(encode(Image.fromarray(SCENE), "PNG"))
    assert (decode(tmp_path / "b.dng") == SCENE).all(), "the content counts, not the ending"
    assert refusal(b"no picture at all", ".png") == "not a picture in a known format"


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_over_40_megapixels_is_reduced(progressive: bool) -> None:
    image = Image.new("RGB", (8064, 6048), (90, 110, 100))
    image.paste((200, 40, 40), (4032, 0, 8064, 3024))
    content = encode(image, "JPEG", quality=60, progressive=progressive, exif=turned(6))
    pixels, reduction = decode_reduced(content)
    assert reduction == 2
    assert pixels.shape == (4032, 3024, 3), "turned upright"
    assert abs(pixels[3000, 2900].astype(int) - (200, 40, 40)).max() < 4
    assert abs(pixels[1000, 2900].astype(int) - (90, 110, 100)).max() < 4
    small, reduction = decode_reduced(content, least=1280)
    assert (small.shape, reduction) == ((2016, 1512, 3), 4)


def jpeg_header(width: int, height: int) -> bytes:
    """Return a small JPEG whose header states another size."""
    content = bytearray(encode(Image.new("RGB", (16, 16)), "JPEG"))
    start = content.index(b"\xff\xc0") + 5
    content[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.mark.parametrize(("width", "height"), [(65_500, 65_500), (16_000, 16_000), (65_500, 9)])
def test_a_jpeg_that_stays_too_large_is_refused_by_its_header(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: Image.Image) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(UnreadableError, match=f"too large: {width} x {height}"):
        decode(jpeg_header(width, height))


def test_the_limits_of_heic_hold_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pillow_heif")
    assert can_read_heif()
    content = encode(Image.new("RGB", (256, 128)), "HEIF")
    monkeypatch.setattr("bimodal.vision.pictures.MAX_PIXELS", 256 * 128 - 1)
    monkeypatch.setattr("pillow_heif.as_plugin.HeifImageFile.load", lambda self: pytest.fail("decoded"))
    with pytest.raises(UnreadableError, match="too large: 256 x 128"):
        decode(content)
    with pytest.raises(UnreadableError, match=r"not a picture|damaged"):
        decode(content[:40] + b"\xff" * 200)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_are_turned_as_eight_bits_are(kind: str, orientation: int) -> None:
    grey = SCENE[..., 0]
    content = encode(Image.fromarray(grey.astype(np.uint16) * 257), kind, exif=turned(orientation))
    np.testing.assert_array_equal(decode(content), upright(Image.fromarray(grey), orientation))


@pytest.mark.parametrize(("low", "high"), [(0, 1023), (0, 4095), (30_000, 31_000), (0, 255)])
def test_a_small_range_of_sixteen_bits_is_stretched(low: int, high: int) -> None:
    grey = np.linspace(low, high, 256).round().astype(np.uint16).reshape(16, 16)
    pixels = decode(encode(Image.fromarray(grey), "PNG"))
    np.testing.assert_allclose(pixels[..., 0].ravel(), np.arange(256), atol=1)


def test_sixteen_bits_of_one_grey_stay_blank() -> None:
    grey = np.full((16, 16), 40_000, np.uint16)
    grey[3, 3] += 2
    assert (decode(encode(Image.fromarray(grey), "PNG")) == 40_000 >> 8).all()
