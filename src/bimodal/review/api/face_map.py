"""The map: places of the training faces, near-duplicates, and selections for the review."""

from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from bimodal.emotions import NAMES
from bimodal.review.api.common import FaceOut, TheReview, face_out
from bimodal.review.map_layout import METHODS, problem_of

router = APIRouter(prefix="/api/map", tags=["map"])
SIDE = 10_000
"""The longer side of the map; places are whole numbers from 0 to this."""
MAX_SELECTED = 100_000
_GROUPS, _OF_GROUP = 100, 12


class MethodOut(BaseModel):
    """A method, and why it cannot be used; empty if it can."""

    name: str
    problem: str


class MapOut(BaseModel):
    """Training faces as points. `state`: `working`, `ready` or `failed`; `what` says the step, or why.

    `rows`, `x`, `y` and `labels` (codes, 0 to 6) belong together; `suspects` and `decided` are rows.
    """

    state: str
    what: str
    methods: list[MethodOut]
    emotions: list[str]
    rows: list[int]
    x: list[int]
    y: list[int]
    labels: list[int]
    suspects: list[int]
    decided: list[int]


class DuplicatesOut(BaseModel):
    """Groups of near-duplicates, those with several labels first; `total` counts all groups."""

    state: str
    what: str
    done: int
    of: int
    total: int
    groups: list[list[FaceOut]]


class SelectionIn(BaseModel):
    """Rows of faces to review."""

    rows: Annotated[list[Annotated[int, Field(ge=0, le=10**9)]], Field(min_length=1, max_length=MAX_SELECTED)]


class SelectionOut(BaseModel):
    """The name of a selection, for `selection` of `GET /api/suspects`, until the server ends."""

    selection: str


@router.get("")
def read_map(
    review: TheReview,
    method: Annotated[Literal["pca", "tsne", "umap"], Query(description="pca is there at once")] = "pca",
) -> MapOut:
    """Return the places of the training faces; a method that takes time is started by the first call."""
    board, face_map = review.board, review.face_map
    work, places = face_map.places(method)
    rows = face_map.rows if places is not None else np.zeros(0, np.int64)
    scaled = _scaled(places if places is not None else np.zeros((0, 2), np.float32))
    return MapOut(
        state=work.state,
        what=work.what,
        methods=[MethodOut(name=name, problem=problem_of(name, len(face_map.rows))) for name in METHODS],
        emotions=list(NAMES),
        rows=rows.tolist(),
        x=scaled[:, 0].tolist(),
        y=scaled[:, 1].tolist(),
        labels=board.faces.labels[rows].tolist(),
        suspects=board.scores.suspects[board.is_open[board.scores.suspects]].tolist(),
        decided=np.flatnonzero(~board.is_open).tolist(),
    )


@router.get("/duplicates")
def read_duplicates(review: TheReview) -> DuplicatesOut:
    """Return the near-duplicates among all faces; the first call starts the search."""
    work, groups = review.face_map.duplicates()
    board = review.board
    return DuplicatesOut(
        state=work.state,
        what=work.what,
        done=work.done,
        of=work.total,
        total=len(groups),
        groups=[[face_out(board, row) for row in rows[:_OF_GROUP]] for rows in groups[:_GROUPS]],
    )


@router.post("/selections")
def add_selection(selection: SelectionIn, review: TheReview) -> SelectionOut:
    """Keep a selection of faces for the review."""
    return SelectionOut(selection=review.face_map.select(selection.rows))


def _scaled(places: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return places as whole numbers from 0 to `SIDE`, in the middle, with the same scale in both directions."""
    if not len(places):
        return np.zeros((0, 2), np.int64)
    low, high = places.min(axis=0), places.max(axis=0)
    scale = SIDE / max(float((high - low).max()), 1e-9)
    return np.asarray(np.rint((places - (low + high) / 2) * scale + SIDE / 2), dtype=np.int64)
