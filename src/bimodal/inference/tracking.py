"""Following the faces of a video between the frames in which the whole picture is searched."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.vision.boxes import Box, iou, square_of_box, with_margin
from bimodal.vision.face import Face

Picture = NDArray[np.uint8]
Find = Callable[[Picture], list[Face]]

REGION = 128
"""Side in pixels of the region round a face in which the detector looks for it again."""
REGION_SCORE = 0.3
"""The least score of a face there: a lower one than in a whole picture, since a face was there in the frame before."""
_MARGIN = 0.5  # of the region, as a share of the face on each side: how far a face may move from frame to frame
_LEAST_OVERLAP = 0.1  # intersection over union with the face in the frame before; less: another face
_SAME_FACE = 0.5  # two faces that overlap so much are one
_CUT = 24  # mean difference of two thumbnails, of 255, that is a cut
_NEW, _NEW_CELLS = 32, 2  # so large a difference in so many pixels of the thumbnails, away from the faces: a new face
_THUMBNAIL = (32, 18)


def find_in_frames(pictures: Sequence[Picture], find: Find, find_near: Find) -> list[list[Face]]:
    """Return the faces of consecutive frames, uint8 (H,W,3), the largest first.

    The whole picture is searched in the frame in the middle. From there, each face is looked for in the region round its last
    place, forwards and backwards. Where one is not found again, or after a cut, the whole picture is searched again.

    Args:
        find: searches a whole picture.
        find_near: searches a region, uint8 (REGION,REGION,3), in which a face fills about half of the side.
    """
    if not pictures:
        return []
    middle = len(pictures) // 2
    start = find(pictures[middle])
    before = _follow(pictures[middle::-1], start, find, find_near)
    after = _follow(pictures[middle:], start, find, find_near)
    return [*before[::-1], start, *after]


def _follow(pictures: Iterable[Picture], faces: list[Face], find: Find, find_near: Find) -> list[list[Face]]:
    """Return the faces of each picture after the first, whose faces are given."""
    found: list[list[Face]] = []
    last: NDArray[np.int16] | None = None
    for picture in pictures:
        thumbnail = _thumbnail(picture)
        if last is not None:
            is_new = _is_new(np.abs(thumbnail - last), faces, picture.shape[:2])
            again = None if is_new else _find_again(picture, faces, find_near)
            faces = find(picture) if again is None else again
            found.append(faces)
        last = thumbnail
    return found


def _is_new(change: NDArray[np.int16], faces: list[Face], size: tuple[int, int]) -> bool:
    """Return whether the difference of two thumbnails is a cut, or large somewhere away from the faces.

    Args:
        change: absolute difference, (h,w,3).
        size: height and width of the picture.
    """
    if change.mean() > _CUT:
        return True
    cells = change.max(axis=2) > _NEW
    per_cell = np.array(size) / cells.shape
    for face in faces:
        region = with_margin(_box(face), _MARGIN)
        left, top = (int(max(0.0, start / step)) for start, step in zip(region[:2], per_cell[::-1], strict=True))
        right, bottom = (
            int((start + region[2]) / step) + 1 for start, step in zip(region[:2], per_cell[::-1], strict=True)
        )
        cells[top : max(0, bottom), left : max(0, right)] = False
    return int(cells.sum()) >= _NEW_CELLS


def _find_again(picture: Picture, faces: list[Face], find_near: Find) -> list[Face] | None:
    """Return the same faces in the next picture; None if one of them is not found."""
    found: list[Face] = []
    for face in faces:
        face_again = _find_one(picture, face, find_near)
        if face_again is None or (iou(_box(face_again), _boxes(found)) > _SAME_FACE).any():
            return None
        found.append(face_again)
    return sorted(found, key=lambda face: -face.box[2] * face.box[3])


def _find_one(picture: Picture, face: Face, find_near: Find) -> Face | None:
    left, top, side, _ = region = with_margin(_box(face), _MARGIN)
    height, width = picture.shape[:2]
    if left + side <= 1 or top + side <= 1 or left >= width - 1 or top >= height - 1:
        return None
    scale, corner = side / REGION, np.array([left, top])
    candidates = [
        replace(
            one,
            box=np.append(one.box[:2] * scale + corner, one.box[2:] * scale),
            landmarks=one.landmarks * scale + corner,
            scale=face.scale,
        )
        for one in find_near(square_of_box(picture, region, REGION))
    ]
    if not candidates:
        return None
    overlaps = iou(_box(face), _boxes(candidates))
    best = int(overlaps.argmax())
    return candidates[best] if overlaps[best] > _LEAST_OVERLAP else None


def _thumbnail(picture: Picture) -> NDArray[np.int16]:
    step = max(1, min(picture.shape[:2]) // 90)  # a few pixels of a large picture show a cut
    small = cv2.resize(picture[::step, ::step], _THUMBNAIL, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.int16)


def _box(face: Face) -> Box:
    left, top, width, height = (float(value) for value in face.box)
    return left, top, width, height


def _boxes(faces: Sequence[Face]) -> NDArray[np.float64]:
    return np.array([face.box for face in faces]).reshape(-1, 4)
