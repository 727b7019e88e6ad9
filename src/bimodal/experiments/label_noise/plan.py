"""The trainings of each cell, as jobs in the order in which they are most useful."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bimodal.experiments.jobs.job import Job
from bimodal.experiments.label_noise import trainings
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.label_noise.evidence import FOLD_FILES, PLAIN, THRESHOLD
from bimodal.experiments.label_noise.settings import settings_of

RULES = ("two-modes", "wang", "wang-repeated", "slade-gedeon")
"""Rules that remove during a training."""
RETRAININGS = (
    ("two-modes-removal", False),
    ("cleanlab", False),
    ("two-modes-removal", True),
    ("cleanlab", True),
    ("scn", True),
    ("scn", False),
    ("random", False),
)
"""Methods whose result is tested by training again: without the faces to remove or, if True, with the suggested labels."""


def jobs(study: Path, cells: Sequence[Cell]) -> list[Job]:
    """Return the unfinished trainings, each after those that it needs.

    Seeds come one after the other, so that an interrupted study has complete seeds, and all of FER2013 comes last. Within
    a seed, the trainings that show most for their cost come first.
    """
    ranked = [
        ((cell.faces == "own" and cell.size == 0, cell.seed, stage), job)
        for cell in cells
        for stage, job in enumerate(_cell_jobs(study, cell))
        if not job.arguments["out"].is_file()
    ]
    ordered = [job for _, job in sorted(ranked, key=lambda pair: pair[0])]
    unfinished = {job.name for job in ordered}
    return [replace(job, needs=tuple(need for need in job.needs if need in unfinished)) for job in ordered]


def _cell_jobs(study: Path, cell: Cell) -> list[Job]:
    def job(file: str, call: Callable[..., object], rule: str = "none", needs: Sequence[str] = (), **more: Any) -> Job:
        out = study / "cells" / cell.name / file
        return Job(
            name=f"{cell.name}/{out.stem}",
            call=call,
            arguments={"data": study / "faces" / cell.name, "out": out, "settings": settings_of(cell, rule), **more},
            log=study / "logs" / cell.name / f"{out.stem}.log",
            needs=tuple(f"{cell.name}/{Path(need).stem}" for need in needs),
            deep=True,
        )

    plain = job(PLAIN, trainings.train_plain)
    rules = [job(f"rule-{rule}.npz", trainings.train_plain, rule) for rule in RULES]
    if cell.rare:  # such a cell only shows how many right labels of the rare emotion are kept
        return [plain, rules[0]]
    folds = [job(file, trainings.train_fold, fold=fold) for fold, file in enumerate(FOLD_FILES)]
    threshold = job(THRESHOLD, trainings.train_threshold)
    retrainings = []
    for method, relabel in RETRAININGS:
        file = f"{'labels' if relabel else 'without'}-{method}.npz"
        needs = (PLAIN, *(FOLD_FILES if method == "cleanlab" else ()))
        retrainings.append(job(file, trainings.retrain, needs=needs, method=method, relabel=relabel))
    return [plain, rules[0], *folds, *retrainings[:3], threshold, *rules[1:], *retrainings[3:]]
