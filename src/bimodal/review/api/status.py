"""How far the work is: the audit, the decisions, the ranking, and the wrong labels that are probably left."""

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel

from bimodal.review.api.common import Reviewer, TheReview, TheWorkspace
from bimodal.review.decision_log import DECISIONS
from bimodal.version import __version__

router = APIRouter(prefix="/api", tags=["status"])


class HealthOut(BaseModel):
    """`state`: `working` (an audit is made first), `ready` or `failed`; `what` says the step or why it failed."""

    version: str
    state: str
    what: str
    done: int
    total: int


class StatusOut(BaseModel):
    """Counts of training faces, and how many labels are probably wrong among those without a decision (95 % interval).

    `decisions` counts the faces by their merged decision; `mine` are those of the caller.

    `events` grows with every decision and undo; the ranking knows the first `ranked` of them.
    """

    events: int
    ranked: int
    faces: int
    suspects: int
    decided: int
    decisions: dict[str, int]
    mine: int
    disagreements: int
    left: float
    left_low: int
    left_high: int
    has_issues: bool


@router.get("/health")
def read_health(workspace: TheWorkspace) -> HealthOut:
    """Return whether the review can begin."""
    work = workspace.work
    return HealthOut(version=__version__, state=work.state, what=work.what, done=work.done, total=work.total)


@router.get("/status")
def read_status(review: TheReview, reviewer: Reviewer) -> StatusOut:
    """Return the counts of the review."""
    board = review.board
    left = board.ranking.left
    counts = np.bincount(board.kinds[~board.is_open], minlength=len(DECISIONS))
    decisions = {name: int(count) for name, count in zip(DECISIONS, counts, strict=True) if count}
    return StatusOut(
        events=board.count,
        ranked=board.version,
        faces=len(board.faces.train),
        suspects=int(board.is_open[board.scores.suspects].sum()),
        decided=sum(decisions.values()),
        decisions=decisions,
        mine=len(board.rows_of(reviewer)),
        disagreements=int((~board.agreed).sum()),
        left=round(left.expected, 1),
        left_low=left.low,
        left_high=left.high,
        has_issues=board.faces.has_issues,
    )
