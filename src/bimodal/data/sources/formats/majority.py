"""One label from those of several annotators, and one box for each face that several annotators marked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bimodal.vision.boxes import Box, iou

_SAME_FACE = 0.5  # intersection over union


@dataclass(frozen=True)
class Verdict:
    """What annotators say of a face.

    Attributes:
        label: of most of them; `""` if two labels have as many.
        second: the most frequent other label, or `""`.
        votes: the number of annotators for each label, as `happy:2 sad:1`.
    """

    label: str
    second: str
    votes: str


def majority(labels: Sequence[str]) -> Verdict:
    """Return the label that most annotators give.

    >>> majority(["sad", "happy", "happy"])
    Verdict(label='happy', second='sad', votes='happy:2 sad:1')
    >>> majority(["sad", "happy"]).label
    ''
    """
    counts = Counter(labels).most_common()
    votes = " ".join(f"{'_'.join(label.split())}:{count}" for label, count in counts)
    tied = len(counts) > 1 and counts[0][1] == counts[1][1]
    return Verdict("" if tied or not counts else counts[0][0], counts[1][0] if len(counts) > 1 else "", votes)


def same_faces(boxes: Sequence[Sequence[Box]]) -> list[list[tuple[int, int]]]:
    """Return for each face its boxes, as pairs of annotator and number of the box; an annotator has one box of a face at most.

    Two boxes are of the same face if the area that they share is at least half of the area that they cover.

    >>> same_faces([[(0, 0, 10, 10), (50, 0, 10, 10)], [(51, 0, 10, 10)]])
    [[(0, 0)], [(0, 1), (1, 0)]]
    """
    faces: list[list[tuple[int, int]]] = []
    for annotator, own in enumerate(boxes):
        free = [face for face in faces if face[0][0] != annotator]
        for number, box in enumerate(own):
            overlaps = iou(box, np.array([boxes[face[0][0]][face[0][1]] for face in free]).reshape(-1, 4))
            if len(free) and overlaps.max() >= _SAME_FACE:
                free.pop(int(overlaps.argmax())).append((annotator, number))
            else:
                faces.append([(annotator, number)])
    return faces
