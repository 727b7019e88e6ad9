"""A face: its pictures by row number, and why its label is suspected."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, cast

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel

from bimodal.emotions import NAMES
from bimodal.review.api.common import DecisionOut, FaceOut, TheReview, check_rows, decision_out, face_out, shown
from bimodal.review.faces import SIDES
from bimodal.review.loss_history import LossHistories, LossHistory
from bimodal.vision.pictures import UnreadableError

router = APIRouter(prefix="/api/faces", tags=["faces"])
Row = Annotated[int, Path(ge=0, le=10**9)]
_STORED = "private, max-age=86400, immutable"


class ProbabilityOut(BaseModel):
    """The predicted probability of a label."""

    label: str
    probability: float


class NeighboursOut(BaseModel):
    """The most similar faces with trusted labels of one emotion, nearest first."""

    label: str
    rows: list[int]


class EvidenceOut(BaseModel):
    """Why a label is suspected: out-of-sample predicted probabilities, and the most similar faces of both labels.

    `decisions` has the last one of each reviewer.
    """

    face: FaceOut
    probabilities: list[ProbabilityOut]
    neighbours: list[NeighboursOut]
    loss: LossHistory | None
    has_context: bool
    decisions: list[DecisionOut]


@router.get("/{row}")
def read_face(row: Row, review: TheReview, request: Request) -> EvidenceOut:
    """Return a face and the evidence about its label."""
    board = review.board
    check_rows(review.faces, [row])
    evidence = review.evidence(board, row)
    histories = cast(LossHistories, request.app.state.losses)
    loss = histories.of(review.opened.manifest, row) if evidence is not None else None
    similar = evidence.similar if evidence is not None else {}
    probabilities = [
        ProbabilityOut(label=name, probability=round(float(value), 4))
        for name, value in zip(NAMES, board.scores.pred_probs[row], strict=True)
    ]
    return EvidenceOut(
        face=face_out(board, row),
        probabilities=probabilities,
        neighbours=[NeighboursOut(label=label, rows=rows) for label, rows in similar.items()],
        loss=None if loss is None else replace(loss, run=shown(loss.run)),
        has_context=review.pictures.has_context(row),
        decisions=[decision_out(record) for record in board.decisions_on(row)],
    )


@router.get("/{row}/context.jpg", response_class=Response)
def read_context(row: Row, review: TheReview, request: Request) -> Response:
    """Return the whole picture from which a face was cut, if it is still where `prepare` found it."""
    return _picture(request, lambda: review.pictures.context(row))


@router.get("/{row}/{side}.jpg", response_class=Response)
def read_picture(row: Row, side: int, review: TheReview, request: Request) -> Response:
    """Return a face as a square JPEG of 96 or 384 pixels."""
    if side not in SIDES:
        raise HTTPException(404, f"expected a side of {' or '.join(map(str, SIDES))} pixels")
    return _picture(request, lambda: review.pictures.face(row, side))


def _picture(request: Request, picture: Callable[[], bytes]) -> Response:
    """Return a picture, or that the browser has it already.

    An address with `?v=` names the data by their fingerprint, so that the browser may keep its picture.
    """
    try:
        content = picture()
    except KeyError:
        raise HTTPException(404, "no such picture") from None
    except UnreadableError as error:
        raise HTTPException(404, f"the picture cannot be read: {error}") from error
    etag = f'"{hashlib.blake2b(content, digest_size=10).hexdigest()}"'
    headers = {"etag": etag, "cache-control": _STORED if "v" in request.query_params else "no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="image/jpeg", headers=headers)
