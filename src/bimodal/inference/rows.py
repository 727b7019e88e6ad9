"""The table of predictions: a row a face, and one for each picture that shows none."""

from collections.abc import Iterator, Sequence
from typing import Any

from bimodal.inference.pipeline import ImageResult

PLACE = ("file", "frame", "time", "x", "y", "width", "height", "detection_score", "emotion")
NOTE = "note"


def columns_of(emotions: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the table.

    >>> columns_of(["sad"])[-3:]
    ('emotion', 'p_sad', 'note')
    """
    return (*PLACE, *(f"p_{name}" for name in emotions), NOTE)


def rows_of(seen: ImageResult, emotions: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a shot, None where there is no value: its faces, the largest first, or why there is none.

    `x`, `y`, `width` and `height` are in pixels, `time` in seconds, probabilities have six decimals.
    """
    shot = seen.shot
    start: dict[str, Any] = dict.fromkeys(columns_of(emotions)) | {
        "file": shot.file,
        "frame": shot.frame,
        "time": None if shot.time is None else round(shot.time, 3),
    }
    if not seen.faces:
        yield start | {NOTE: seen.problem}
    for face in seen.faces:
        box = (None,) * 4 if face.box is None else tuple(round(value, 1) for value in face.box)
        score = None if face.score is None else round(face.score, 4)
        emotion = emotions[int(face.probabilities.argmax())]
        values = {f"p_{name}": round(float(p), 6) for name, p in zip(emotions, face.probabilities, strict=True)}
        yield start | dict(zip(PLACE[3:], (*box, score, emotion), strict=True)) | values
