"""What several parts of the interface share: the review, the caller, and faces as JSON."""

from typing import Annotated, Any, cast
from urllib.parse import quote, unquote

from fastapi import Depends, HTTPException, Request
from pydantic import BaseModel

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.review.board import Board, FaceTable
from bimodal.review.decision_log import Decision
from bimodal.review.security import Access
from bimodal.review.store import MAX_NAME
from bimodal.review.workspace import Review, Workspace

REVIEWER_COOKIE = "bimodal-reviewer"
_YEAR_S = 365 * 24 * 3600


class DecisionOut(BaseModel):
    """A decision about a face; `time` is UTC."""

    reviewer: str
    decision: str
    label: str
    why: str
    time: str


class FaceOut(BaseModel):
    """A face in a list; `probability` is that of a wrong label, `score` its log-odds."""

    row: int
    image: str
    label: str
    suggested: str
    probability: float | None
    score: float
    person: str
    split: str
    flags: list[str]
    decision: DecisionOut | None = None
    agreed: bool = True


def workspace_of(request: Request) -> Workspace:
    """Return the workspace of the server."""
    return cast(Workspace, request.app.state.workspace)


def access_of(request: Request) -> Access:
    """Return who may call the server."""
    return cast(Access, request.app.state.access)


def review_of(request: Request) -> Review:
    """Return the review, once the audit has ended."""
    return workspace_of(request).review


def reviewer_of(request: Request) -> str:
    """Return the name that the caller has given; empty if none."""
    return unquote(request.cookies.get(REVIEWER_COOKIE, ""), errors="replace")


def named_reviewer_of(request: Request) -> str:
    """Return the name that the caller has given, and refuse a caller without one."""
    name = reviewer_of(request)
    if not name:
        raise HTTPException(403, "a decision needs the name of the reviewer: POST /api/session/reviewer first")
    return checked_name(name)


def checked_name(name: str) -> str:
    """Return the name of a reviewer without surrounding space.

    Raises:
        InputError: it is empty, too long, or has characters that cannot be shown.
    """
    short = " ".join(name.split())
    if not short or len(short) > MAX_NAME or not short.isprintable():
        raise InputError(f"expected your name in 1 to {MAX_NAME} printable characters, got {short[:MAX_NAME]!r}")
    return short


def reviewer_cookie(name: str) -> dict[str, Any]:
    """Return the cookie that keeps the name of a reviewer, as `Response.set_cookie` takes it."""
    return {
        "key": REVIEWER_COOKIE,
        "value": quote(name),
        "max_age": _YEAR_S,
        "httponly": True,
        "samesite": "strict",
    }


def face_out(board: Board, row: int) -> FaceOut:
    """Return a face as JSON."""
    faces = board.faces
    is_train = faces.splits[row] == "train"
    probability = float(board.ranking.probability[board.ranking.position(row)]) if is_train else None
    merged = board.decision_on(row)
    return FaceOut(
        row=row,
        image=shown(faces.images[row]),
        label=NAMES[faces.labels[row]],
        suggested=NAMES[board.scores.suggested[row]],
        probability=None if probability is None else round(probability, 4),
        score=round(float(board.scores.score[row]), 3),
        person=shown(faces.persons[row]),
        split=str(faces.splits[row]),
        flags=list(faces.flags[row]),
        decision=None if merged is None else decision_out(merged.decision),
        agreed=merged is None or merged.agreed,
    )


def decision_out(event: Decision) -> DecisionOut:
    """Return a decision as JSON."""
    return DecisionOut(
        reviewer=event.reviewer, decision=event.decision, label=event.label, why=event.why, time=event.time
    )


def shown(text: object) -> str:
    """Return a text of a manifest as it can be sent: file names can hold bytes that are not UTF-8."""
    return str(text).encode(errors="replace").decode()


def check_rows(faces: FaceTable, rows: list[int]) -> None:
    """Refuse rows that are not in the manifest."""
    if any(not 0 <= row < len(faces.labels) for row in rows):
        raise HTTPException(404, f"expected rows from 0 to {len(faces.labels) - 1}")


TheReview = Annotated[Review, Depends(review_of)]
TheWorkspace = Annotated[Workspace, Depends(workspace_of)]
Reviewer = Annotated[str, Depends(reviewer_of)]
NamedReviewer = Annotated[str, Depends(named_reviewer_of)]
