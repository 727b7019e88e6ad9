"""The ranked faces, in windows of a list."""

from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.review.api.common import FaceOut, Reviewer, TheReview, face_out, shown
from bimodal.review.board import Filters

router = APIRouter(prefix="/api", tags=["suspects"])
MAX_WINDOW = 500
State = Literal["open", "not-mine", "mine", "decided", "unsure", "disagree", "all"]


class SuspectsOut(BaseModel):
    """A window of the ranked faces; `total` is the number of faces with these filters."""

    events: int
    ranked: int
    total: int
    offset: int
    faces: list[FaceOut]


class ChoicesOut(BaseModel):
    """What the filters can be set to."""

    labels: list[str]
    persons: list[str]
    splits: list[str]
    flags: list[str]


def _filters(
    label: Annotated[str, Query(description="given label", max_length=20)] = "",
    suggested: Annotated[str, Query(description="suggested label", max_length=20)] = "",
    person: Annotated[str, Query(description="person (or film), as in the manifest", max_length=4096)] = "",
    split: Annotated[Literal["train", "val", "test"], Query(description="split; only training labels may change")] = (
        "train"
    ),
    flag: Annotated[str, Query(description="flag, such as no-face or two-labels", max_length=40)] = "",
    state: Annotated[State, Query(description="which faces by their decisions; open: nobody has decided")] = "open",
    suspects: Annotated[bool, Query(description="only labels that are probably wrong")] = False,
    least: Annotated[float, Query(description="lowest log-odds that the label is wrong", ge=-1e9, le=1e9)] = -1e9,
) -> Filters:
    for name in (label, suggested):
        if name and name not in NAMES:
            raise InputError(f"expected a label, one of {', '.join(NAMES)}, got {name!r}")
    return Filters(label, suggested, person, split, flag, state, suspects, least)


@router.get("/suspects")
def read_suspects(
    review: TheReview,
    reviewer: Reviewer,
    filters: Annotated[Filters, Depends(_filters)],
    selection: Annotated[str, Query(description="only faces of POST /api/map/selections", max_length=40)] = "",
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=0, le=MAX_WINDOW)] = 100,
) -> SuspectsOut:
    """Return ranked faces, the most probably wrong label first."""
    board = review.board
    rows = board.select(filters, reviewer)
    if selection:
        rows = rows[np.isin(rows, review.face_map.selection(selection))]
    return SuspectsOut(
        events=board.count,
        ranked=board.version,
        total=len(rows),
        offset=offset,
        faces=[face_out(board, row) for row in rows[offset : offset + limit].tolist()],
    )


@router.get("/suspects/choices")
def read_choices(review: TheReview) -> ChoicesOut:
    """Return what the filters can be set to."""
    faces = review.faces
    return ChoicesOut(
        labels=list(NAMES),
        persons=[shown(name) for name in faces.rows_of_person],
        splits=[name for name in ("train", "val", "test") if faces.in_split[name].any()],
        flags=list(faces.with_flag),
    )
