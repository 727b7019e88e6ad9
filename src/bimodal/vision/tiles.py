"""Looking for faces that are small in a large picture: in tiles, at a high resolution."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.vision.boxes import iou
from bimodal.vision.face import Face

_TILE = 1280  # pixels
_OVERLAP, _OVERLAP_SHARE = 160, 1 / 16
"""Pixels, and share of the side, that neighbours share at least, so that a face of this size lies in one of them whole. A first
look at 640 pixels finds larger ones, which have at least 40 pixels there."""
_SAME_FACE = 0.3  # intersection over union


def detect_in_tiles(
    image: NDArray[np.uint8], detect: Callable[[NDArray[np.uint8]], list[Face]], side: int
) -> list[Face]:
    """Return the faces of at most 160 pixels, or a 16th of the side, in a picture that is reduced; best score first.

    Args:
        image: uint8 (H, W, 3) RGB.
        detect: returns the faces of a tile without reducing it.
        side: longest side of the reduced picture in pixels; smaller pictures are not enlarged.
    """
    scale = min(1.0, side / max(image.shape[:2]))
    if scale < 1:
        width, height = (max(1, round(length * scale)) for length in image.shape[1::-1])
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found, overlap = [], _overlap(max(image.shape[:2]))
    for top, bottom in tile_ranges(image.shape[0], overlap):
        for left, right in tile_ranges(image.shape[1], overlap):
            cuts = (left > 0, top > 0, right < image.shape[1], bottom < image.shape[0])
            for face in detect(image[top:bottom, left:right]):
                if max(face.box[2:]) <= overlap and not _is_cut(face, cuts, right - left, bottom - top):
                    shift = np.array((left, top), dtype=np.float64)
                    box = np.append(face.box[:2] + shift, face.box[2:]) / scale
                    found.append(replace(face, box=box, landmarks=(face.landmarks + shift) / scale, scale=scale))
    found.sort(key=lambda face: -face.score)
    return _without_repeats(found)


def merge_faces(large: list[Face], small: list[Face], longest: int) -> list[Face]:
    """Return the faces of a first look at the whole picture and those that were found in tiles, the largest first.

    Of the same face, that of the tile is kept, since its landmarks are more precise. A face in a tile whose middle lies in a
    face too large for tiles is a part of it. `longest` is the longest side of the picture in pixels.
    """
    scale = small[0].scale if small else 1.0
    whole = [face for face in large if max(face.box[2:]) * scale > _overlap(longest * scale)]
    parts = [face for face in small if not any(_has_middle_in(face, one) for one in whole)]
    faces = _without_repeats([*parts, *large])
    return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def tile_ranges(length: int, overlap: int = _OVERLAP) -> list[tuple[int, int]]:
    """Return where the tiles along a side begin and end, all of the same length, sharing `overlap` pixels or more.

    >>> tile_ranges(1280), tile_ranges(2000)
    ([(0, 1280)], [(0, 1080), (920, 2000)])
    """
    count = max(1, -(-(length - overlap) // (_TILE - overlap)))
    tile = -(-(length + (count - 1) * overlap) // count)
    starts = np.linspace(0, length - tile, count).round().astype(int).tolist()
    return [(start, start + tile) for start in starts]


def _overlap(longest: float) -> int:
    return max(_OVERLAP, round(longest * _OVERLAP_SHARE))


def _is_cut(face: Face, cuts: tuple[bool, bool, bool, bool], width: int, height: int) -> bool:
    """Return whether a face of a tile touches a side (left, top, right, bottom) beyond which the picture goes on."""
    x, y, w, h = face.box
    touched = (x <= 0, y <= 0, x + w >= width, y + h >= height)
    return any(cut and touch for cut, touch in zip(cuts, touched, strict=True))


def _without_repeats(faces: list[Face]) -> list[Face]:
    """Return the faces that overlap no earlier one."""
    kept: list[Face] = []
    for face in faces:
        left, top, width, height = face.box
        boxes = np.array([other.box for other in kept]).reshape(-1, 4)
        if not (iou((left, top, width, height), boxes) > _SAME_FACE).any():
            kept.append(face)
    return kept


def _has_middle_in(face: Face, other: Face) -> bool:
    offset = face.box[:2] + face.box[2:] / 2 - other.box[:2]
    return bool((offset >= 0).all() and (offset <= other.box[2:]).all())
