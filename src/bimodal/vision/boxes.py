"""Boxes around faces: their overlap, and cutting them out of a picture."""

from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels of the upright picture."""


_ROUNDING = 1e-6  # pixels, of sums in floating point


def iou(box: Box, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the overlap of a box with others as intersection over union, float64 (N,), 0 to 1.

    Args:
        box: see `Box`.
        boxes: float64 (N, 4), in the same order.

    >>> iou((0, 0, 2, 2), np.array([[0.0, 0, 2, 2], [1, 0, 2, 2], [9, 9, 1, 1]])).round(3).tolist()
    [1.0, 0.333, 0.0]
    """
    start, end = np.array(box[:2]), np.array(box[:2]) + box[2:]
    sides = np.minimum(end, boxes[:, :2] + boxes[:, 2:]) - np.maximum(start, boxes[:, :2])
    shared: NDArray[np.float64] = sides.clip(0).prod(axis=1)
    union: NDArray[np.float64] = box[2] * box[3] + boxes[:, 2:].prod(axis=1) - shared
    return shared / union


def clip_box(box: Box, height: int, width: int) -> tuple[int, int, int, int] | None:
    """Return the pixels of a picture that a box touches: left, top, right, bottom; None if there are none.

    >>> clip_box((-3.0, 1.0, 6.0, 4.0), height=10, width=20), clip_box((30.0, 1.0, 6.0, 4.0), height=10, width=20)
    ((0, 1, 3, 5), None)
    """
    left, top = (max(0, floor(start + _ROUNDING)) for start in box[:2])
    right = min(width, ceil(box[0] + box[2] - _ROUNDING))
    bottom = min(height, ceil(box[1] + box[3] - _ROUNDING))
    return (left, top, right, bottom) if left < right and top < bottom else None


def with_margin(box: Box, margin: float) -> Box:
    """Return the square around the middle of a box whose side is the longer side of the box, plus a margin on each side.

    Args:
        box: see `Box`.
        margin: as a share of the longer side, at least 0.

    >>> with_margin((10, 10, 20, 40), 0.25)
    (-10.0, 0.0, 60.0, 60.0)
    """
    left, top, width, height = box
    side = max(width, height) * (1 + 2 * margin)
    return left + (width - side) / 2, top + (height - side) / 2, side, side


def cut_box(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return the part of a picture, uint8 (H, W, 3), in a box, which must overlap it."""
    part = clip_box(box, *image.shape[:2])
    if part is None:
        raise ValueError(f"the box {box} is outside of a picture of {image.shape[1]} x {image.shape[0]} pixels")
    left, top, right, bottom = part
    return np.ascontiguousarray(image[top:bottom, left:right])


def square_of_box(image: NDArray[np.uint8], box: Box, size: int) -> NDArray[np.uint8]:
    """Return a square box of a picture in `size` pixels, uint8 (size, size, 3); black outside the picture, as `align`.

    The box must overlap the picture.
    """
    part = cut_box(image, box)
    scale = size / box[2]
    starts = [max(0.0, -start) for start in box[:2]]
    left, top = (min(size - 1, round(start * scale)) for start in starts)
    ends = (starts[0] + part.shape[1], starts[1] + part.shape[0])
    right, bottom = (
        min(size, max(start + 1, round(end * scale))) for start, end in zip((left, top), ends, strict=True)
    )
    way = cv2.INTER_AREA if part.shape[0] > bottom - top else cv2.INTER_LINEAR
    result = np.zeros((size, size, 3), dtype=np.uint8)  # only the part is resized, since a box can be of any size
    result[top:bottom, left:right] = cv2.resize(part, (right - left, bottom - top), interpolation=way)
    return result
