"""From cells to jobs: which trainings each cell needs, and in which order."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bimodal.experiments.jobs.executor import Job
from bimodal.experiments.label_noise import trainings
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.label_noise.evidence import FOLDS, PLAIN, THRESHOLD, fold_file
from bimodal.experiments.label_noise.recipes import settings_of

RULES = ("two-modes", "wang", "wang-repeated", "slade-gedeon")
"""Rules that remove in a training of their own."""
AGAIN = (
    ("two-modes-removal", False),
    ("cleanlab", False),
    ("two-modes-removal", True),
    ("cleanlab", True),
    ("scn", True),
    ("scn", False),
    ("random", False),
)
"""Methods that are tried in one more training: without what they would remove, or (True) with the labels they give."""


def jobs(study: Path, cells: Sequence[Cell]) -> list[Job]:
    """Return the trainings that have not ended yet, those that others need first.

    One seed comes after the other, so that an interrupted study has whole seeds, and the set of all faces last. Within a
    seed comes first what says most for its cost.
    """
    ranked = [
        ((cell.faces == "own" and cell.size == 0, cell.seed, stage), job)
        for cell in cells
        for stage, job in enumerate(_of_cell(study, cell))
        if not job.arguments["out"].is_file()
    ]
    ordered = [job for _, job in sorted(ranked, key=lambda pair: pair[0])]
    waiting = {job.name for job in ordered}
    return [replace(job, needs=tuple(need for need in job.needs if need in waiting)) for job in ordered]


def _of_cell(study: Path, cell: Cell) -> list[Job]:
    settings = settings_of(cell)
    plain = _job(study, cell, PLAIN, trainings.train_plainly, settings)
    rules = [_job(study, cell, f"rule-{rule}.npz", trainings.train_plainly, settings_of(cell, rule)) for rule in RULES]
    if cell.rare:  # only what happens to the rare emotion is asked
        return [plain, rules[0]]
    folds = [_job(study, cell, fold_file(fold), trainings.train_fold, settings, fold=fold) for fold in range(FOLDS)]
    threshold = _job(study, cell, THRESHOLD, trainings.train_threshold, settings)
    again = [
        _job(
            study,
            cell,
            f"{'labels' if relabel else 'without'}-{method}.npz",
            trainings.train_again,
            settings,
            (PLAIN, *(map(fold_file, range(FOLDS)) if method == "cleanlab" else ())),
            method=method,
            relabel=relabel,
        )
        for method, relabel in AGAIN
    ]
    return [plain, rules[0], *folds, *again[:3], threshold, *rules[1:], *again[3:]]


def _job(
    study: Path, cell: Cell, file: str, call: Any, settings: Any, needs: Sequence[str] = (), **arguments: Any
) -> Job:
    out = study / "cells" / cell.name / file
    return Job(
        name=f"{cell.name}/{out.stem}",
        call=call,
        arguments={"data": study / "faces" / cell.name, "out": out, "settings": settings, **arguments},
        log=study / "logs" / cell.name / f"{out.stem}.log",
        needs=tuple(f"{cell.name}/{Path(need).stem}" for need in needs),
        deep=True,
    )
