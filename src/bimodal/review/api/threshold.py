"""The scores of all undecided labels, for the page that lets a threshold be dragged."""

import math

from fastapi import APIRouter
from pydantic import BaseModel

from bimodal.emotions import NAMES
from bimodal.review.api.common import TheReview

router = APIRouter(prefix="/api/threshold", tags=["threshold"])


class MarkOut(BaseModel):
    """The line of a rule: `removed` labels have a score from `value` on."""

    rule: str
    words: str
    value: float
    removed: int


class MeasureOut(BaseModel):
    """Scores of the undecided labels, the highest first, with their rows and the codes of their labels (0 to 6)."""

    name: str
    words: str
    rows: list[int]
    values: list[float]
    labels: list[int]
    marks: list[MarkOut]
    modes: list[float]
    density: list[list[float]]


class ThresholdOut(BaseModel):
    """The measures, and how many training faces each emotion has (`class_sizes`), in the order of `emotions`."""

    ranked: int
    emotions: list[str]
    class_sizes: list[int]
    measures: list[MeasureOut]


@router.get("")
def read_threshold(review: TheReview) -> ThresholdOut:
    """Return log-odds and losses of all undecided labels, with the lines of the rules."""
    board = review.board
    labels = board.faces.labels
    measures = [
        MeasureOut(
            name=each.name,
            words=each.words,
            rows=each.rows.tolist(),
            values=[_floor(value) for value in each.values.tolist()],
            labels=labels[each.rows].tolist(),
            marks=[MarkOut(**vars(mark) | {"value": _floor(mark.value)}) for mark in each.marks],
            modes=list(each.modes),
            density=each.density.round(4).tolist(),
        )
        for each in review.measures(board)
    ]
    sizes = [int((labels[board.faces.train] == code).sum()) for code in range(len(NAMES))]
    return ThresholdOut(ranked=board.version, emotions=list(NAMES), class_sizes=sizes, measures=measures)


def _floor(value: float) -> float:
    """Return a score with three digits, so that a label at the line of a rule stays on its side."""
    return math.floor(1000 * value) / 1000
