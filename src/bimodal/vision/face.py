"""A detected face, and what detects faces."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Face:
    """A detected face.

    Attributes:
        box: float64 (4,), left, top, width, height in pixels.
        score: the confidence of the detector, 0 to 1.
        landmarks: float64 (5, 2), x and y in pixels, in the order of `faces.TEMPLATE`.
        scale: pixels in which the detector saw the face, for one pixel of the picture.
    """

    box: NDArray[np.float64]
    score: float
    landmarks: NDArray[np.float64]
    scale: float = 1.0


class Finder(Protocol):
    """An object that detects faces: `Detector`, or another one with this method."""

    def detect(self, image: NDArray[np.uint8]) -> list[Face]: ...
