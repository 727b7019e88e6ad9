"""Decisions about faces: each is on the disk before the answer is sent."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.review.api.common import (
    DecisionOut,
    FaceOut,
    NamedReviewer,
    TheReview,
    check_rows,
    decision_out,
    face_out,
    shown,
)
from bimodal.review.board import Filters
from bimodal.review.decision_log import KEEP, RELABEL, UNSURE
from bimodal.review.store import MAX_WHY

router = APIRouter(prefix="/api", tags=["decisions"])
MAX_TOGETHER = 5_000
"""Faces that can be decided about together."""
_WINDOW = 500


class DecisionIn(BaseModel):
    """The same decision about one or more training faces; `label` is the new label of `relabel`."""

    rows: Annotated[list[int], Field(min_length=1, max_length=MAX_TOGETHER)]
    decision: Literal["keep", "relabel", "remove", "unsure"]
    label: Annotated[str, Field(max_length=20)] = ""
    why: Annotated[str, Field(max_length=MAX_WHY)] = ""


class StoredOut(BaseModel):
    """The rows that are decided or undone on the disk, and the number of events since."""

    rows: list[int]
    events: int


class DisagreementOut(BaseModel):
    """A face, and what each reviewer decided about it."""

    face: FaceOut
    decisions: list[DecisionOut]


@router.post("/decisions")
def add_decisions(decision: DecisionIn, review: TheReview, reviewer: NamedReviewer) -> StoredOut:
    """Store a decision. A face that this reviewer has already decided about in the same way gets no second event."""
    faces, rows = review.faces, list(dict.fromkeys(decision.rows))
    check_rows(faces, rows)
    if decision.decision == RELABEL and decision.label not in NAMES:
        raise InputError(f"expected a new label, one of {', '.join(NAMES)}, got {decision.label!r}")
    for row in rows:
        if faces.splits[row] != "train":
            raise InputError(
                f"{shown(faces.images[row])} is in split {faces.splits[row]}, and only training labels may change: results "
                "before and after would not be comparable"
            )
    new = []
    for row in rows:
        is_same = decision.decision == RELABEL and decision.label == NAMES[faces.labels[row]]
        kind = KEEP if is_same else decision.decision
        label, image = decision.label if kind == RELABEL else "", str(faces.images[row])
        new.append((image, kind, label, decision.why))
    if review.store.add_all(reviewer, new, repeated=False):
        review.live.notify()
    return StoredOut(rows=rows, events=review.store.count)


@router.post("/undo")
def undo_decision(review: TheReview, reviewer: NamedReviewer) -> StoredOut:
    """Undo the last decision of this reviewer, or those that were taken together."""
    undone = review.store.undo(reviewer)
    review.live.notify()
    rows = [review.faces.row_of[each.image] for each in undone if each.image in review.faces.row_of]
    return StoredOut(rows=rows, events=review.store.count)


@router.get("/faces/{row}/history")
def read_history(row: int, review: TheReview) -> list[DecisionOut]:
    """Return every event of a face in the order of time, undone ones and undos included."""
    check_rows(review.faces, [row])
    return [
        DecisionOut(reviewer=each.reviewer, decision=each.decision, label=each.label, why=each.why, time=each.time)
        for each in review.store.history(str(review.faces.images[row]))
    ]


@router.get("/disagreements")
def read_disagreements(review: TheReview, offset: Annotated[int, Query(ge=0, le=10**9)] = 0) -> list[DisagreementOut]:
    """Return up to 500 faces about which reviewers are sure of different things."""
    board = review.board
    rows = board.select(Filters(state="disagree"))[offset : offset + _WINDOW]
    found = []
    for row in rows.tolist():
        sure = [decision_out(record) for record in board.decisions_on(row) if record.decision != UNSURE]
        found.append(DisagreementOut(face=face_out(board, row), decisions=sure))
    return found
