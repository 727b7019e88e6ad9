"""The results of inference: for each image its faces, as rows of a table, and as a summary of all."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bimodal.inference.inputs import Frame

NO_FACE = "no face found"
NOTE = "note"
_COLUMNS = ("file", "frame", "time", "x", "y", "width", "height", "detection_score", "emotion")
MAX_PROBLEMS = 5


@dataclass(frozen=True, eq=False)
class FaceResult:
    """The prediction for one face.

    Attributes:
        box: left, top, width, height in pixels of the image; None: the whole image.
        score: the detector's score, 0 to 1; None: no detector was used.
        probabilities: of each emotion, float64 (K,).
    """

    box: tuple[float, float, float, float] | None
    score: float | None
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImageResult:
    """The predictions for one image, or for one frame of a video.

    Attributes:
        faces: the largest first; empty if there is a problem.
        problem: why there are no faces: `NO_FACE`, or why the image cannot be read; else empty.
        pixels: the decoded pixels, uint8 (H,W,3) RGB, if they were asked for.
        scale: pixels of the image, for one pixel of `pixels`.
        tiny: the number of faces that a larger `detect_side` would show in more detail, and that had few pixels.
    """

    frame: Frame
    faces: tuple[FaceResult, ...] = ()
    problem: str = ""
    pixels: NDArray[np.uint8] | None = None
    scale: float = 1.0
    tiny: int = 0

    @property
    def is_readable(self) -> bool:
        """Whether the image could be read."""
        return self.problem in ("", NO_FACE)


@dataclass
class Summary:
    """Counts over all results.

    Attributes:
        images, without_face, unreadable: images and frames that were read, had no face, could not be read.
        tiny: faces of few pixels, see `ImageResult`.
        skipped: files that an interrupted call had finished.
        problems: the first five reasons, as `file: reason`.
        emotions: how often each emotion was predicted.
    """

    images: int = 0
    faces: int = 0
    tiny: int = 0
    without_face: int = 0
    unreadable: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)
    emotions: Counter[str] = field(default_factory=Counter)

    def add(self, result: ImageResult, emotions: Sequence[str]) -> None:
        """Count one result; `emotions` are the K names of the network."""
        self.faces += len(result.faces)
        self.tiny += result.tiny
        self.emotions.update(emotions[int(face.probabilities.argmax())] for face in result.faces)
        if result.is_readable:
            self.images += 1
            self.without_face += not result.faces
        else:
            self.unreadable += 1
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(f"{result.frame.file}: {result.problem}")


def table_columns(emotions: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the table of predictions.

    >>> table_columns(["sad"])[-3:]
    ('emotion', 'p_sad', 'note')
    """
    return (*_COLUMNS, *(f"p_{name}" for name in emotions), NOTE)


def table_rows(result: ImageResult, emotions: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each face, the largest first; for an image without faces one row, whose note says why.

    `x`, `y`, `width` and `height` are in pixels, `time` in seconds; probabilities have six decimals; missing values are
    None.
    """
    frame = result.frame
    start: dict[str, Any] = dict.fromkeys(table_columns(emotions)) | {
        "file": frame.file,
        "frame": frame.number,
        "time": None if frame.time is None else round(frame.time, 3),
    }
    if not result.faces:
        yield start | {NOTE: result.problem}
    for face in result.faces:
        box = (None,) * 4 if face.box is None else tuple(round(value, 1) for value in face.box)
        score = None if face.score is None else round(face.score, 4)
        emotion = emotions[int(face.probabilities.argmax())]
        values = {f"p_{name}": round(float(p), 6) for name, p in zip(emotions, face.probabilities, strict=True)}
        yield start | dict(zip(_COLUMNS[3:], (*box, score, emotion), strict=True)) | values
