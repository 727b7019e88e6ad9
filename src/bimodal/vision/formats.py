"""The formats of picture files: which are read, and why others are not."""

import importlib
import os
from functools import cache

READ = ("PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF")
"""Pillow's names of the formats that are read, beside JPEG; those are missing for which it runs another program."""
HEIF = "HEIF"
_READ_SUFFIXES = frozenset(
    [
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".bmp",
        ".webp",
        ".tif",
        ".tiff",
        ".gif",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".avif",
    ]
)
_HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
_RAW = "the raw file of a camera"
_OTHERS = {
    **dict.fromkeys(
        [
            ".cr2",
            ".cr3",
            ".crw",
            ".nef",
            ".nrw",
            ".arw",
            ".srf",
            ".sr2",
            ".dng",
            ".orf",
            ".rw2",
            ".raf",
            ".pef",
            ".srw",
            ".x3f",
            ".raw",
            ".3fr",
        ],
        _RAW,
    ),
    ".psd": "a Photoshop file",
    ".psb": "a Photoshop file",
    ".xcf": "a GIMP file",
    ".svg": "a drawing (SVG)",
    ".svgz": "a drawing (SVG)",
    ".eps": "a drawing (EPS)",
    ".wmf": "a drawing (WMF)",
    ".emf": "a drawing (EMF)",
    ".jxl": "JPEG XL",
    ".jxr": "JPEG XR",
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx", ".jpc"), "JPEG 2000"),
    ".tga": "Targa",
    ".ico": "an icon",
    ".icns": "an icon",
    ".pcx": "PCX",
    ".dds": "DDS",
    ".exr": "OpenEXR",
    ".hdr": "Radiance HDR",
    ".dcm": "DICOM",
    ".fits": "FITS",
}
_SIGNATURES = (
    (0, b"8BPS", "a Photoshop file"),
    (0, b"gimp xcf", "a GIMP file"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"<svg", "a drawing (SVG)"),
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"IIRO", _RAW),
    (0, b"IIU\0", _RAW),
    (4, b"ftypcrx ", _RAW),
    (0, b"v/1\x01", "OpenEXR"),
)
_TIFF = (b"II*\0", b"MM\0*")
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_OPEN_BRANDS = frozenset({b"mif1", b"msf1", b"miaf"})  # HEIC or AVIF: the brands that follow tell

SUFFIXES = _READ_SUFFIXES | _HEIF_SUFFIXES
"""The endings of the pictures that can be read, in lower case."""


def is_picture_name(name: str) -> bool:
    """Return whether a file name has the ending of a picture, also of one that cannot be read; the case does not matter.

    A picture that cannot be read must not vanish: `decode` says why it is refused.

    >>> [is_picture_name(name) for name in ("a.PNG", "b.heic", "c.CR2", "notes.txt")]
    [True, True, True, False]
    """
    suffix = os.path.splitext(name)[1].casefold()  # faster than Path
    return suffix in SUFFIXES or suffix in _OTHERS


def refusal(head: bytes, suffix: str = "") -> str:
    """Return why a picture that Pillow does not know, or must not open, is not read.

    Args:
        head: its first bytes, at least 16.
        suffix: the ending of its name, in lower case, or `""`.

    >>> refusal(b"8BPS" + bytes(12)), refusal(b"just a text.....")
    ('a Photoshop file, which is not read; save it as PNG or JPEG', 'not a picture in a known format')
    """
    kind = next((kind for start, mark, kind in _SIGNATURES if head[start:].startswith(mark)), _OTHERS.get(suffix))
    return f"{kind}, which is not read; save it as PNG or JPEG" if kind else "not a picture in a known format"


def is_raw(head: bytes, suffix: str) -> bool:
    """Return whether a file is the raw file of a camera in the shape of a TIFF, of which Pillow reads a tiny preview."""
    return _OTHERS.get(suffix) == _RAW and head.startswith(_TIFF)


def is_heif(head: bytes) -> bool:
    """Return whether a file begins as HEIC or HEIF does, other than AVIF; `head` are its first 64 bytes.

    >>> is_heif(b"\\0\\0\\0\\x18ftypheic" + bytes(12)), is_heif(b"\\0\\0\\0\\x18ftypavif" + bytes(12))
    (True, False)
    """
    if head[4:8] != b"ftyp":
        return False
    length = min(int.from_bytes(head[:4], "big"), len(head))
    others = {head[start : start + 4] for start in range(16, length, 4)}
    return head[8:12] in _HEIF_BRANDS or (head[8:12] in _OPEN_BRANDS and b"avif" not in others)


@cache
def can_read_heif() -> bool:
    """Return whether the package pillow-heif is installed; if so, it is registered with Pillow."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True
