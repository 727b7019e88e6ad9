"""What becomes of the decisions: a CSV, the cleaned data, and whether they help."""

import tempfile
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from bimodal.evaluation.comparison import Comparison
from bimodal.review.api.common import NamedReviewer, TheReview, shown
from bimodal.review.cleaned import write_cleaned_set
from bimodal.review.exchange import export_decisions, import_decisions
from bimodal.review.retrain import compare_probes, compare_trainings
from bimodal.review.steps import StoppedError
from bimodal.review.workspace import Review

CSV = "/api/decisions.csv"
MAX_CSV = 32 * 2**20
router = APIRouter(tags=["results"])


class ImportedOut(BaseModel):
    """How many decisions of the file are new."""

    added: int
    events: int


class CleanedOut(BaseModel):
    """The cleaned data folder, and how many faces were kept by a decision, removed and relabelled."""

    folder: str
    kept: int
    removed: int
    relabelled: int


class JobIn(BaseModel):
    """`probe`: regressions on features, in seconds; `training`: the preset face before and after, in minutes or more."""

    kind: Literal["probe", "training"]


class JobOut(BaseModel):
    """`state`: `idle`, `working`, `ready` or `failed`; `what`: the step, the result in words, why it failed, or was stopped."""

    state: str
    what: str
    done: int
    total: int


@router.get(CSV, response_class=Response)
def read_decisions(review: TheReview) -> Response:
    """Return one decision on each face as the CSV that bimodal audit --decisions reads."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "decisions.csv"
        export_decisions(review.store, review.opened.manifest, file)
        content = file.read_bytes()
    headers = {"content-disposition": 'attachment; filename="decisions.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.post(CSV, openapi_extra={"requestBody": {"content": {"text/csv": {"schema": {"type": "string"}}}}})
async def add_decisions_of_file(request: Request, review: TheReview, reviewer: NamedReviewer) -> ImportedOut:
    """Add the decisions of a CSV, the body of the request: one that was exported, or that suspects.html saved."""
    return await run_in_threadpool(_imported, await request.body(), review)


def _imported(content: bytes, review: Review) -> ImportedOut:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "decisions.csv"  # messages name the file
        file.write_bytes(content)
        added = import_decisions(review.store, review.opened.manifest, file)
    review.live.notify()
    return ImportedOut(added=added, events=review.store.count)


@router.post("/api/cleaned")
def write_cleaned(review: TheReview, reviewer: NamedReviewer) -> CleanedOut:
    """Write the data folder AUDIT/cleaned with all decisions; validation and test faces stay as they are."""
    cleaned = write_cleaned_set(review.opened, review.store)
    return CleanedOut(
        folder=shown(cleaned.folder), kept=cleaned.kept, removed=cleaned.removed, relabelled=cleaned.relabelled
    )


@router.post("/api/comparison", status_code=202)
def begin_comparison(job: JobIn, review: TheReview, reviewer: NamedReviewer) -> JobOut:
    """Begin to compare trainings on the labels before and after the review, on the same test faces."""
    compare = _by_probe if job.kind == "probe" else _by_training
    review.job.start(lambda: _conclusion(compare(review)))
    return read_comparison(review)


def _by_probe(review: Review) -> Comparison:
    comparison = compare_probes(review.opened, review.store)
    if review.job.is_stopped:
        raise StoppedError("stopped")
    return comparison


def _by_training(review: Review) -> Comparison:
    write_cleaned_set(review.opened, review.store)
    return compare_trainings(review.opened, is_stopped=lambda: review.job.is_stopped)


def _conclusion(comparison: Comparison) -> str:
    """Return what may be concluded, always with the interval of the difference."""
    low, high = 100 * comparison.difference.low, 100 * comparison.difference.high
    words = comparison.conclusion
    interval = f" The 95 % interval of the difference is {low:+.1f} to {high:+.1f} points."
    return words if "95 % interval" in words else words + interval


@router.get("/api/comparison")
def read_comparison(review: TheReview) -> JobOut:
    """Return how far the comparison is, and its result."""
    return JobOut(**vars(review.job.work))


@router.post("/api/comparison/stop")
def stop_comparison(review: TheReview, reviewer: NamedReviewer) -> JobOut:
    """Stop the comparison within seconds. Finished epochs of a training are kept; the next comparison continues after them."""
    review.job.stop()
    return read_comparison(review)
