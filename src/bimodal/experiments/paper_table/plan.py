"""The plan of a study: which runs it has, the data folders they use, and the jobs still to do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bimodal.data.manifest import Manifest
from bimodal.data.views import percent_of, view_name, with_wrong_labels, write_view
from bimodal.experiments.jobs.job import Job
from bimodal.experiments.paper_table.classical_runners import DESCRIPTORS, extract_features
from bimodal.experiments.paper_table.methods import METHODS, Method
from bimodal.experiments.paper_table.network_runners import STAGE_ONE, NetworkRunner
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.paper_table.other_sets import PICTURE_COLUMNS
from bimodal.experiments.paper_table.protocol import Division
from bimodal.experiments.paper_table.runner import RESULT, RunInputs

_STAGE_ONE = "stage-one"
_WRONG = "-wrong-"
FULL_SIZE_CORES = 4
"""CPU cores for a deep run at full size on a machine without a GPU."""


@dataclass(frozen=True)
class Cell:
    """One run: a method, a share of wrong labels, a fold and a seed."""

    method: Method
    noise: float
    fold: str
    seed: int

    @property
    def view(self) -> str:
        """Name of the data folder that it trains on."""
        name = view_name(self.fold, self.noise, self.seed)
        return f"unaligned-{name}" if self.method.runner.needs == "unaligned" else name

    @property
    def name(self) -> str:
        """Name shown to the user."""
        wrong = f", {percent_of(self.noise)} % wrong labels" if self.noise else ""
        return f"{self.method.name}{wrong}, {self.fold}, seed {self.seed}"

    def folder(self, study: Path) -> Path:
        """Return its run folder."""
        share = f"{_WRONG}{percent_of(self.noise)}" if self.noise else ""
        return study / "runs" / self.method.name / f"{self.fold}{share}" / f"seed-{self.seed}"

    def is_finished(self, study: Path) -> bool:
        """Whether the run has finished; an ensemble must have finished after all its members."""
        result = self.folder(study) / RESULT
        members = [member.folder(study) / RESULT for member in self.members]
        return result.is_file() and all(
            member.is_file() and member.stat().st_mtime <= result.stat().st_mtime for member in members
        )

    @property
    def members(self) -> list["Cell"]:
        """The runs that an ensemble averages."""
        return [replace(self, method=METHODS[name]) for name in self.method.runner.members]


def cells(options: StudyOptions, division: Division) -> list[Cell]:
    """Return all runs of a study: cheap methods first, ensembles after their members."""
    return [
        Cell(method, float(percent_of(noise)) / 100, fold.name, seed)  # rounded as in the folder's name
        for method in sorted(options.chosen, key=lambda method: (bool(method.runner.members), method.runner.expensive))
        for noise in options.noise
        for seed in options.seeds_of(method)
        for fold in division.folds
    ]


def finished_cells(study: Path, division: Division) -> list[Cell]:
    """Return the finished runs in a study's folder, from this call and all earlier ones."""
    folds = {fold.name for fold in division.folds}
    finished = []
    for method in METHODS.values():
        for result in (study / "runs" / method.name).glob(f"*/seed-*/{RESULT}"):
            fold, _, percent = result.parents[1].name.partition(_WRONG)
            try:
                cell = Cell(method, float(percent or 0) / 100, fold, int(result.parent.name.removeprefix("seed-")))
            except ValueError:  # another folder that a user put there, such as a copy
                continue
            if fold in folds and cell.is_finished(study):
                finished.append(cell)
    return finished


def write_views(
    study: Path,
    manifest: Manifest,
    division: Division,
    plan: Sequence[Cell],
    unaligned: tuple[Manifest, pd.DataFrame] | None,
) -> None:
    """Write the data folders that the runs train on; existing ones stay.

    Args:
        study: the study's folder.
        manifest: of the study's faces.
        division: its folds.
        plan: the runs.
        unaligned: the manifest of the faces before alignment, and the study's table with those pictures.
    """
    for fold in division.folds:
        for noise, seed in sorted({(cell.noise, cell.seed if cell.noise else 0) for cell in plan}):
            table = with_wrong_labels(fold.table, noise, seed) if noise else fold.table
            name = view_name(fold.name, noise, seed)
            write_view(manifest, table, study / "data" / name)
            if unaligned is not None:
                source, pictures = unaligned
                table = table.assign(**{column: pictures[column] for column in PICTURE_COLUMNS})
                write_view(source, table, study / "data" / f"unaligned-{name}")


def jobs(study: Path, plan: Sequence[Cell], options: StudyOptions) -> list[Job]:
    """Return the unfinished jobs of a study, each after those that it needs."""
    todo = [cell for cell in plan if not cell.is_finished(study)]
    cores = 1 if options.quick else FULL_SIZE_CORES
    result = []
    for kind in DESCRIPTORS:
        file = descriptor_file(study, kind)
        users = [cell for cell in todo if kind in cell.method.runner.descriptors]
        if users and not file.is_file():
            arguments = {
                "data": study / "data" / users[0].view,
                "out": file,
                "kind": kind,
                "given": options.features.get(kind),
            }
            result.append(Job(kind, extract_features, arguments, study / "logs" / f"{kind}.log", is_run=False))
    stage_one = study / _STAGE_ONE / "model.safetensors"
    if not stage_one.is_file() and any(cell.method.runner.needs == "larger" for cell in todo):
        inputs = RunInputs(
            study / "data/larger",
            study / _STAGE_ONE,
            0,
            quick=options.quick,
            weights=options.weights,
            loggers=options.loggers,
        )
        log = study / "logs" / f"{_STAGE_ONE}.log"
        result.append(Job(_STAGE_ONE, STAGE_ONE.train, {"given": inputs}, log, deep=True, cores=cores, is_run=False))
    prepared = {job.name for job in result}
    for cell in todo:
        runner, out = cell.method.runner, cell.folder(study)
        inputs = RunInputs(
            data=study / "data" / cell.view,
            out=out,
            seed=cell.seed,
            descriptors=tuple(descriptor_file(study, kind) for kind in runner.descriptors),
            members=tuple(member.folder(study) for member in cell.members),
            quick=options.quick,
            weights=dict(options.weights),
            stage_one=stage_one,
            loggers=options.loggers,
        )
        needs = {*runner.descriptors, _STAGE_ONE if runner.needs == "larger" else ""} & prepared
        needs |= {member.name for member in cell.members if not member.is_finished(study)}
        log = study / "logs" / out.relative_to(study / "runs").with_suffix(".log")
        deep = isinstance(runner, NetworkRunner)
        result.append(
            Job(
                cell.name,
                runner.run,
                {"given": inputs},
                log,
                tuple(sorted(needs)),
                deep,
                cores if deep else 1,
                result=None if cell.members else out / RESULT,  # an ensemble may replace an older result
            )
        )
    return result


def descriptor_file(study: Path, kind: str) -> Path:
    """Return the file in which a study keeps a descriptor of all its faces."""
    return study / "features" / f"{kind}.npz"
