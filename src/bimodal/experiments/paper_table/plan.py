"""From options to jobs: which runs there are, in which views of the data, and what needs what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bimodal.data.manifest import Manifest
from bimodal.data.views import percent_of, view_name, with_wrong_labels, write_view
from bimodal.experiments.jobs.executor import Job
from bimodal.experiments.paper_table import run_methods
from bimodal.experiments.paper_table.methods import METHODS, Method
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.paper_table.protocol import Division
from bimodal.experiments.paper_table.recipes import STAGE_ONE, settings_for

DESCRIPTORS = ("lpq", "phog")
_WRONG = "-wrong-"
CORES_OF_FULL = 4
"""For a deep run at full size without a GPU."""
_FEATURES = {
    "svm-lpq": ("lpq",),
    "svm-phog": ("phog",),
    "svm-lpq-phog": DESCRIPTORS,
    "simple-nn": DESCRIPTORS,
    "simple-nn-bdr": DESCRIPTORS,
    "deep-nn-bn-dropout": DESCRIPTORS,
}


@dataclass(frozen=True)
class Cell:
    """One run: a method at a share of wrong labels, in a fold, with a seed."""

    method: Method
    noise: float
    fold: str
    seed: int

    @property
    def view(self) -> str:
        """Name of the view of the data that it learns from."""
        return view_name(self.fold, self.noise, self.seed)

    @property
    def name(self) -> str:
        """What people read."""
        wrong = f", {percent_of(self.noise)} % wrong labels" if self.noise else ""
        return f"{self.method.name}{wrong}, {self.fold}, seed {self.seed}"

    def folder(self, study: Path) -> Path:
        """Its run folder."""
        share = f"{_WRONG}{percent_of(self.noise)}" if self.noise else ""
        return study / "runs" / self.method.name / f"{self.fold}{share}" / f"seed-{self.seed}"

    def has_ended(self, study: Path) -> bool:
        """Whether the run has ended well, and, of an ensemble, after all its members."""
        result = self.folder(study) / run_methods.RESULT
        members = [member.folder(study) / run_methods.RESULT for member in self.members]
        return result.is_file() and all(
            member.is_file() and member.stat().st_mtime <= result.stat().st_mtime for member in members
        )

    @property
    def members(self) -> list["Cell"]:
        """The runs that it averages, for an ensemble."""
        return [replace(self, method=METHODS[member]) for member in self.method.members]


def cells(options: StudyOptions, division: Division) -> list[Cell]:
    """Return all runs of a study; cheap methods first, ensembles after their members."""
    return [
        Cell(method, float(percent_of(noise)) / 100, fold.name, seed)  # as it will be read from the folder's name
        for method in sorted(options.chosen, key=lambda method: (bool(method.members), method.dear))
        for noise in options.noise
        for seed in options.seeds_of(method)
        for fold in division.folds
    ]


def cells_on_disk(study: Path, division: Division) -> list[Cell]:
    """Return the runs of a study that ended well, in this call or in earlier ones, whatever was asked for now."""
    found = []
    for method in METHODS.values():
        for result in (study / "runs" / method.name).glob(f"*/seed-*/{run_methods.RESULT}"):
            fold, _, percent = result.parents[1].name.partition(_WRONG)
            try:
                cell = Cell(method, float(percent or 0) / 100, fold, int(result.parent.name.removeprefix("seed-")))
            except ValueError:  # a copy that somebody put beside it
                continue
            if fold in {own.name for own in division.folds} and cell.has_ended(study):
                found.append(cell)
    return found


def write_views(
    study: Path,
    manifest: Manifest,
    division: Division,
    plan: Sequence[Cell],
    unaligned: tuple[Manifest, pd.DataFrame] | None,
) -> None:
    """Write the data folders that the runs learn from; those that are there stay.

    Args:
        study: the study's folder.
        manifest: of the study's faces.
        division: its folds.
        plan: the runs.
        unaligned: the manifest of the faces before alignment, and this study's table with the pictures there.
    """
    for fold in division.folds:
        for noise, seed in sorted({(cell.noise, cell.seed if cell.noise else 0) for cell in plan}):
            table = with_wrong_labels(fold.table, noise, seed) if noise else fold.table
            name = view_name(fold.name, noise, seed)
            write_view(manifest, table, study / "data" / name)
            if unaligned is not None:
                other, pictures = unaligned
                same = table.assign(image=pictures["image"], flag=pictures["flag"])
                write_view(other, same, study / "data" / f"unaligned-{name}")


def jobs(study: Path, plan: Sequence[Cell], options: StudyOptions) -> list[Job]:
    """Return the jobs of a study that have not ended well yet, each after what it needs."""
    todo = [cell for cell in plan if not cell.has_ended(study)]
    result = []
    for kind in DESCRIPTORS:
        wanted = any(kind in _FEATURES.get(cell.method.name, ()) for cell in todo)
        file = features_file(study, kind)
        if wanted and not file.is_file():
            view = study / "data" / todo[0].view
            arguments = {"data": view, "out": file, "kind": kind, "given": options.features.get(kind)}
            result.append(
                Job(kind, run_methods.extract_features, arguments, study / "logs" / f"{kind}.log", is_run=False)
            )
    two_stages = any(cell.method.needs == "larger" for cell in todo)
    if two_stages and not (stage_one_weights(study)).is_file():
        settings = settings_for(STAGE_ONE, 0, options.quick, options.weights)
        arguments = {"data": study / "data" / "larger", "out": study / STAGE_ONE, "settings": settings}
        log = study / "logs" / f"{STAGE_ONE}.log"
        result.append(
            Job(STAGE_ONE, run_methods.train_deep, arguments, log, deep=True, cores=_cores(options), is_run=False)
        )
    return result + [_job(cell, study, options) for cell in todo]


def features_file(study: Path, kind: str) -> Path:
    """Where a study keeps a descriptor of all its faces."""
    return study / "features" / f"{kind}.npz"


def stage_one_weights(study: Path) -> Path:
    """Where the first of two stages leaves its weights."""
    return study / STAGE_ONE / "model.safetensors"


def _job(cell: Cell, study: Path, options: StudyOptions) -> Job:
    name, seed = cell.method.name, cell.seed
    out, data = cell.folder(study), study / "data" / cell.view
    log = study / "logs" / out.relative_to(study / "runs").with_suffix(".log")
    base: dict[str, Any] = {"data": data, "out": out}
    if name in ("majority", "random"):
        return Job(cell.name, run_methods.run_floor, {**base, "seed": seed, "guessing": name == "random"}, log)
    if name in _FEATURES:
        kinds = _FEATURES[name]
        needs = tuple(kind for kind in kinds if not features_file(study, kind).is_file())
        base |= {"seed": seed, "features": [features_file(study, kind) for kind in kinds]}
        if name.startswith("svm"):
            return Job(cell.name, run_methods.run_svm, base, log, needs)
        removal = "wang" if cell.method.without else "none"
        return Job(
            cell.name, run_methods.run_net, {**base, "deep": name.startswith("deep"), "removal": removal}, log, needs
        )
    if cell.method.members:
        needs = tuple(member.name for member in cell.members if not member.has_ended(study))
        base |= {"members": [member.folder(study) for member in cell.members], "weighted": name.endswith("weighted")}
        return Job(cell.name, run_methods.run_ensemble, base, log, needs)
    weights = stage_one_weights(study)
    settings = settings_for(name, seed, options.quick, options.weights, weights)
    if cell.method.needs == "unaligned":
        base["data"] = study / "data" / f"unaligned-{cell.view}"
    two_stages = cell.method.needs == "larger"
    needs = (STAGE_ONE,) if two_stages and not weights.is_file() else ()
    arguments = {**base, "settings": settings, "two_stages": two_stages}
    return Job(cell.name, run_methods.run_deep, arguments, log, needs, deep=True, cores=_cores(options))


def _cores(options: StudyOptions) -> int:
    return 1 if options.quick else CORES_OF_FULL
