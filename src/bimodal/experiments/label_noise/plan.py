"""The trainings of each cell, as jobs in the order in which they are most useful."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bimodal.experiments.jobs.job import Job
from bimodal.experiments.label_noise import audits, trainings
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.label_noise.evidence import FEATURES, FOLD_FILES, PLAIN, THOROUGH, THRESHOLD
from bimodal.experiments.label_noise.settings import settings_of, thorough_settings

Methods = Literal["features", "audits", "all"]
"""Which methods to run: those on features, without any training; also the audits that train once; all."""
_FILES: dict[Methods, tuple[str, ...]] = {"features": (FEATURES,), "audits": (FEATURES, THOROUGH, PLAIN)}
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


def jobs(study: Path, cells: Sequence[Cell], methods: Methods = "all") -> list[Job]:
    """Return the unfinished trainings, each after those that it needs.

    Args:
        study: the study's folder.
        cells: the training sets.
        methods: which methods to run.

    Seeds come one after the other, so that an interrupted study has complete seeds, and all of FER2013 comes last. Within
    a seed, the trainings that show most for their cost come first.
    """
    ranked = [
        ((cell.faces == "own" and cell.size == 0, cell.seed, stage), job)
        for cell in cells
        for stage, job in enumerate(_cell_jobs(study, cell))
        if not job.arguments["out"].is_file() and (methods == "all" or job.arguments["out"].name in _FILES[methods])
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
            result=out,
        )

    plain = job(PLAIN, trainings.train_plain)
    by_features = []
    if cell.allows_features:
        by_features = [job(FEATURES, audits.audit_by_features), job(THOROUGH, audits.audit_thoroughly)]
        by_features[1] = replace(
            by_features[1], arguments={**by_features[1].arguments, "settings": thorough_settings(cell)}
        )
    rules = [job(f"rule-{rule}.npz", trainings.train_plain, rule) for rule in RULES]
    if cell.rare:  # such a cell only shows how many right labels of the rare emotion are kept
        return [plain, rules[0]]
    folds = [job(file, trainings.train_fold, fold=fold) for fold, file in enumerate(FOLD_FILES)]
    if not cell.compares_removals:
        return [*by_features, plain, *folds]
    threshold = job(THRESHOLD, trainings.train_threshold)
    retrainings = []
    for method, relabel in RETRAININGS:
        file = f"{'labels' if relabel else 'without'}-{method}.npz"
        needs = (PLAIN, *(FOLD_FILES if method == "cleanlab" else ()))
        retrainings.append(job(file, trainings.retrain, needs=needs, method=method, relabel=relabel))
    return [*by_features, plain, rules[0], *folds, *retrainings[:3], threshold, *rules[1:], *retrainings[3:]]
