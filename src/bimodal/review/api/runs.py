"""The runs beside an audit: curves, measures with intervals, a comparison of two, and their reports."""

import math
from typing import Annotated, cast

import pandas as pd
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from bimodal.evaluation.statistics import Estimate
from bimodal.review.api.common import shown
from bimodal.review.run_list import CURVES, RunList, RunSummary

router = APIRouter(prefix="/api/runs", tags=["runs"])
Number = Annotated[int, Path(ge=0, le=10**6)]
_REPORT_HEADERS = {
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "unsafe-none",  # browsers refuse a page in a sandbox with another policy
}


class EstimateOut(BaseModel):
    """A share, 0 to 1, with its 95 % interval over the examples."""

    value: float
    low: float
    high: float


class RunOut(BaseModel):
    """A run; `curves` has a list for each of `epochs`, with null where a value is missing. `problem`: why it is not shown."""

    number: int
    name: str
    problem: str
    preset: str
    backbone: str
    removal: str
    seed: int
    is_finished: bool
    epochs: list[int]
    curves: dict[str, list[float | None]]
    removed: int
    removal_epochs: list[int]
    split: str
    n: int
    accuracy: EstimateOut | None
    balanced_accuracy: EstimateOut | None
    macro_f1: EstimateOut | None


class ComparisonOut(BaseModel):
    """Run B against run A on the same n examples; `only_a` of them are right by A alone. `p`: exact McNemar test."""

    a: str
    b: str
    split: str
    n: int
    difference: EstimateOut
    only_a: int
    only_b: int
    p: float
    conclusion: str
    notes: list[str]


def runs_of(request: Request) -> RunList:
    """Return the runs of the server."""
    return cast(RunList, request.app.state.runs)


TheRuns = Annotated[RunList, Depends(runs_of)]


@router.get("")
def read_runs(runs: TheRuns) -> list[RunOut]:
    """Return all runs, finished or not."""
    return [_run_out(number, runs.summary(number)) for number in runs.numbers()]


@router.get("/comparison")
def compare_runs(
    runs: TheRuns, a: Annotated[int, Query(ge=0, le=10**6)], b: Annotated[int, Query(ge=0, le=10**6)]
) -> ComparisonOut:
    """Compare run `b` with run `a`, the baseline."""
    runs.numbers()
    try:
        split, comparison, notes = runs.compare(a, b)
    except KeyError:
        raise HTTPException(404, "no such run") from None
    pair = comparison.by_seed[0]
    return ComparisonOut(
        a=shown(comparison.a),
        b=shown(comparison.b),
        split=split,
        n=comparison.n,
        difference=_estimate(comparison.difference),
        only_a=pair.only_a,
        only_b=pair.only_b,
        p=comparison.p,
        conclusion=shown(comparison.conclusion),
        notes=[shown(note) for note in notes],
    )


@router.get("/{number}/report", response_class=HTMLResponse)
def read_report(number: Number, runs: TheRuns) -> HTMLResponse:
    """Return the report of a run as a page without scripts; where none was written, it is made, in seconds."""
    runs.numbers()
    try:
        page = runs.report(number)
    except KeyError:
        raise HTTPException(404, "no such run") from None
    return HTMLResponse(shown(page), headers=_REPORT_HEADERS)


def _run_out(number: int, run: RunSummary) -> RunOut:
    metrics, measures = run.metrics, run.measures
    return RunOut(
        number=number,
        name=shown(run.name),
        problem=shown(run.problem),
        preset=shown(run.preset),
        backbone=shown(run.backbone),
        removal=shown(run.removal),
        seed=run.seed,
        is_finished=run.is_finished,
        epochs=[] if metrics is None else metrics["epoch"].tolist(),
        curves={} if metrics is None else {name: _finite(metrics[name]) for name in CURVES},
        removed=run.removed,
        removal_epochs=list(run.removal_epochs),
        split=run.split,
        n=0 if measures is None else measures.n,
        accuracy=None if measures is None else _estimate(measures.accuracy),
        balanced_accuracy=None if measures is None else _estimate(measures.balanced_accuracy),
        macro_f1=None if measures is None else _estimate(measures.macro_f1),
    )


def _finite(column: "pd.Series[float]") -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in column]


def _estimate(estimate: Estimate) -> EstimateOut:
    return EstimateOut(value=estimate.value, low=estimate.low, high=estimate.high)
