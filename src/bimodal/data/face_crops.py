"""The face of a picture: the box that the source names, or the largest face that the detector finds."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bimodal.vision.boxes import Box, clip_box, cut_box, iou, square_of_box, with_margin
from bimodal.vision.face import Face, Finder
from bimodal.vision.faces import align, centre_square

NO_FACE = "no-face"
"""The flag of a picture in which the detector found no face, or none that overlaps the box of the source."""
SEVERAL_FACES = "several-faces"
"""The flag of a picture without a box in which a second face has at least half of the area of the largest."""
_SECOND_FACE = 0.5  # of 212 portraits, none had a second face of more than 0.07
_MIN_SIDE = 4  # pixels: fractions of the picture are below 1, and smaller boxes are no faces
_MIN_INSIDE = 0.25  # the share of a box, by area, that must lie in the picture
_MIN_OVERLAP = 0.3  # intersection over union: some sources draw boxes around the face, others around the whole head
_CONTEXT = 0.5  # the detector sees this margin around a box, as a share of its longer side


def wrong_box(box: Box, width: int, height: int) -> str:
    """Return why a box cannot be that of a face in a picture of this size in pixels; `""` if it can.

    >>> wrong_box((0.1, 0.2, 0.5, 0.5), 40, 40)
    'the box 0.1 0.2 0.5 0.5 is smaller than 4 pixels; boxes are in pixels, not in shares of the picture'
    """
    shown = " ".join(f"{value:g}" for value in box)
    if min(box[2:]) < _MIN_SIDE:
        return f"the box {shown} is smaller than {_MIN_SIDE} pixels; boxes are in pixels, not in shares of the picture"
    part = clip_box(box, height, width)
    inside = (part[2] - part[0]) * (part[3] - part[1]) if part else 0
    if inside < _MIN_INSIDE * box[2] * box[3]:
        return f"the box {shown} lies outside of the picture, which has {width} x {height} pixels"
    return ""


def cut_face(image: NDArray[np.uint8], box: Box, margin: float) -> NDArray[np.uint8]:
    """Return the square around a box, uint8 (H, W, 3), as far as it lies in the picture.

    Args:
        image: uint8 (H, W, 3).
        box: the labelled face, for which `wrong_box` is `""`.
        margin: on each side, as a share of the box's longer side.
    """
    return cut_box(image, with_margin(box, margin))


def align_face(
    image: NDArray[np.uint8], box: Box | None, detector: Finder, size: int, margin: float
) -> tuple[NDArray[np.uint8], str]:
    """Return the aligned face of a picture, and a flag: `NO_FACE`, `SEVERAL_FACES` or `""`.

    With a box, this is the detected face that overlaps it best, or else the box itself. Without one, it is the largest
    detected face, or else the middle of the picture.

    Args:
        image: uint8 (H, W, 3).
        box: the labelled face, for which `wrong_box` is `""`, or None.
        detector: finds the faces.
        size: side of the result, in pixels.
        margin: around a box without a detected face, see `cut_face`.
    """
    if box is None:
        faces = detector.detect(image)
        if not faces:
            return centre_square(image, size), NO_FACE
        areas = [float(face.box[2] * face.box[3]) for face in faces[:2]]
        several = len(areas) > 1 and areas[1] >= _SECOND_FACE * areas[0]
        return align(image, faces[0].landmarks, size), SEVERAL_FACES if several else ""
    faces = _faces_around(image, box, detector)
    overlaps = iou(box, np.array([face.box for face in faces]).reshape(-1, 4))
    if not faces or overlaps.max() < _MIN_OVERLAP:
        return square_of_box(image, with_margin(box, margin), size), NO_FACE
    return align(image, faces[int(overlaps.argmax())].landmarks, size), ""


def _faces_around(image: NDArray[np.uint8], box: Box, detector: Finder) -> list[Face]:
    """Return the faces in and around a box, in coordinates of the picture.

    The detector sees this part alone, so that it finds a face that is small in the picture.
    """
    around = with_margin(box, _CONTEXT)
    part = clip_box(around, *image.shape[:2])
    shift = np.array(part[:2] if part else (0, 0), dtype=np.float64)
    of_box = np.append(shift, (0, 0))
    return [
        replace(face, box=face.box + of_box, landmarks=face.landmarks + shift)
        for face in detector.detect(cut_box(image, around))
    ]
