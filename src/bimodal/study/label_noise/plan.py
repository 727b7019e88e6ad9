"""From cells to jobs: which trainings each cell needs, and in which order."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bimodal.study.executor import Job
from bimodal.study.label_noise import trainings
from bimodal.study.label_noise.cells import Cell
from bimodal.study.label_noise.evidence import FOLDS, PLAIN, THRESHOLD, fold_file
from bimodal.study.label_noise.recipes import settings_of

RULES = ("two-modes", "wang", "wang-repeated", "slade-gedeon")
"""Rules that remove in a training of their own."""
REMOVED = ("cleanlab", "scn", "random")
RELABELLED = ("two-modes", "cleanlab", "scn")
"""Methods whose removals, and whose labels, are tried in one more training."""
_NEEDS = {"cleanlab": [fold_file(fold) for fold in range(FOLDS)]}


def jobs(study: Path, cells: Sequence[Cell]) -> list[Job]:
    """Return the trainings that have not ended yet, those that others need first.

    What every method needs comes first in all cells, then what costs least for what it says; the set of all faces
    comes last.
    """
    stages: list[tuple[tuple[int, int, int], Job]] = []
    for cell in cells:
        for stage, job in _of_cell(study, cell):
            if not Path(job.arguments["out"]).is_file():
                stages.append(((stage, 1 if cell.size == 0 and cell.faces == "own" else 0, cell.seed), job))
    waiting = {job.name for _, job in stages}
    ordered = [job for _, job in sorted(stages, key=lambda pair: pair[0])]
    return [_without_done(job, waiting) for job in ordered]


def _of_cell(study: Path, cell: Cell) -> list[tuple[int, Job]]:
    found = [
        (0, _job(study, cell, PLAIN, trainings.train_plainly, settings_of(cell))),
        *(
            (1, _job(study, cell, fold_file(fold), trainings.train_fold, settings_of(cell), fold=fold))
            for fold in range(FOLDS)
        ),
        (5, _job(study, cell, THRESHOLD, trainings.train_threshold, settings_of(cell))),
    ]
    for rule in RULES:
        stage = 2 if rule == "two-modes" else 4
        found.append((stage, _job(study, cell, f"rule-{rule}.npz", trainings.train_plainly, settings_of(cell, rule))))
    for relabel, methods in ((False, REMOVED), (True, RELABELLED)):
        for method in methods:
            stage = 3 if method in ("two-modes", "cleanlab") else 6
            name = f"{'labels' if relabel else 'without'}-{method}.npz"
            job = _job(
                study,
                cell,
                name,
                trainings.train_again,
                settings_of(cell),
                (PLAIN, *_NEEDS.get(method, ())),
                method=method,
                relabel=relabel,
            )
            found.append((stage, job))
    return found


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


def _without_done(job: Job, waiting: set[str]) -> Job:
    return replace(job, needs=tuple(need for need in job.needs if need in waiting))
