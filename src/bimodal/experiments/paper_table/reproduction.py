"""Reproduce the paper's table: every method on the same faces, with several seeds."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.classical.features import read_features
from bimodal.data.cache import decoded
from bimodal.data.leakage import pretraining_overlap
from bimodal.data.manifest import FILE, SPLITS, Manifest
from bimodal.data.views import write_view
from bimodal.errors import InputError
from bimodal.experiments.jobs.scheduler import run_all
from bimodal.experiments.paper_table.comparisons import Comparisons, compare_rows
from bimodal.experiments.paper_table.load import load_rows
from bimodal.experiments.paper_table.network_runners import QUICK_LARGER, STAGE_ONE, NetworkRunner
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.paper_table.other_sets import larger_table, match_pictures
from bimodal.experiments.paper_table.plan import Cell, cells, finished_cells, jobs, write_views
from bimodal.experiments.paper_table.protocol import divide_by
from bimodal.experiments.paper_table.results import Study
from bimodal.experiments.paper_table.study_data import PREPARED, check_identity, read_or_prepare
from bimodal.experiments.paper_table.study_page import write_page
from bimodal.experiments.study_folder import exclusive_folder
from bimodal.files import write_text
from bimodal.model_files.packaged import FACE
from bimodal.progress import inform
from bimodal.training.environment import environment_of
from bimodal.training.evaluate import count_unreadable
from bimodal.training.loggers import check_loggers


@dataclass(frozen=True, eq=False)
class Reproduced:
    """The results of a study.

    Attributes:
        study: the rows of the table.
        comparisons: the statistical comparisons of its rows.
        page: the HTML report.
    """

    study: Study
    comparisons: Comparisons
    page: Path


def reproduce(data: str | Path, out: str | Path, options: StudyOptions | None = None, command: str = "") -> Reproduced:
    """Run methods on a data folder, each with several seeds, and write the table, the figure and the report.

    Finished runs stay: a second call resumes an interrupted study, deep runs from their last epoch, and may add methods,
    seeds or shares of wrong labels. Failed runs are repeated. The table holds all finished runs.

    Args:
        data: a data folder, or a source that `bimodal prepare` takes; a source is prepared with the default options, in
            the study's folder.
        out: the study's folder, new or of the same study.
        options: which methods, with how many seeds, on which data.
        command: the command line that repeats the study, for the report.

    Raises:
        InputError: the data or an option cannot be used, or `out` holds something else.
    """
    options = options or StudyOptions()
    data, out = Path(data), Path(out).absolute()
    check_loggers(options.loggers)
    with exclusive_folder(out, PREPARED.values()):
        manifest = read_or_prepare(data, out / PREPARED["data"])
        division = divide_by(options.protocol, manifest)
        for file in options.features.values():
            read_features(file, manifest)  # report a file that does not fit before any run starts
        larger = read_or_prepare(options.larger, out / PREPARED["larger"]) if options.larger else None
        unaligned = read_or_prepare(options.unaligned, out / PREPARED["unaligned"]) if options.unaligned else None
        pictures = (unaligned, match_pictures(manifest, unaligned)) if unaligned else None
        sets = [manifest, unaligned] if unaligned else [manifest]
        notes = [*division.notes, *options.left_out]
        options, overlap_notes = _leave_out_pretrained(options, sets)
        notes += overlap_notes
        check_identity(out, manifest, options, larger, unaligned)
        plan = cells(options, division)
        write_views(out, manifest, division, plan, pictures)
        if larger is not None and options.larger is not None:
            notes.append(_write_larger(out, larger, options.larger.absolute().name, sets, options.quick))
        flags = np.concatenate([fold.table.loc[fold.table["split"] == "test", "flag"] for fold in division.folds])
        blank = flags == "blank"
        notes += _picture_notes(manifest, flags)
        failures = _run(out, plan, options)
        study = Study(
            folder=out,
            data=data.absolute().name,
            protocol=options.protocol,
            quick=options.quick,
            counts=tuple(tuple(Counter(fold.table["split"])[split] for split in SPLITS) for fold in division.folds),
            notes=tuple(notes),
            rows=load_rows(out, sorted({*plan, *finished_cells(out, division)}, key=str), failures),
            environment=_environment(manifest, command),
            blank=blank if blank.any() else None,
        )
        comparisons = compare_rows(study)
        return Reproduced(study, comparisons, write_page(study, comparisons, out))


def _leave_out_pretrained(options: StudyOptions, sets: Sequence[Manifest]) -> tuple[StudyOptions, list[str]]:
    """Leave out the methods whose network was pretrained on these faces; return a note for each.

    Raises:
        InputError: one of them was named in the options.
    """
    barred = [method.name for method in options.chosen if method.runner.uses_pretrained_faces]
    if not barred:
        return options, []
    inform(f"looking for pictures that {FACE} was pretrained on")
    overlap = next(filter(None, map(pretraining_overlap, sets)), "")
    if not overlap:
        return options, []
    if options.methods is not None:
        raise InputError(f"{overlap}, so its accuracy here is too high; leave out of --methods: {', '.join(barred)}")
    rest = tuple(method.name for method in options.chosen if method.name not in barred)
    return replace(options, methods=rest), [f"{name} was left out: {overlap}." for name in barred]


def _run(out: Path, plan: Sequence[Cell], options: StudyOptions) -> dict[str, str]:
    """Run the unfinished jobs; return the error of each failed job by its name."""
    todo = [cell for cell in plan if not cell.is_finished(out)]
    deep = [(cell.method.runner, out / "data" / cell.view) for cell in todo]
    if any(cell.method.runner.needs == "larger" for cell in todo):
        deep.append((STAGE_ONE, out / "data" / "larger"))
    views = {
        (runner.settings(0, options.quick).image_size, (view / ".cache").resolve()): view
        for runner, view in deep
        if isinstance(runner, NetworkRunner)
    }
    for (size, _), view in views.items():
        decoded(Manifest.read(view), size)  # once here, instead of at the same time in several runs
    return run_all(jobs(out, plan, options), options.address, len(plan))


def _write_larger(out: Path, larger: Manifest, name: str, sets: Sequence[Manifest], quick: bool) -> str:
    """Write the view of the larger set without the study's faces; return its note for the report."""
    view, file = out / "data" / "larger", out / "data" / "larger.txt"
    table = larger.table
    if not (view / FILE).is_file() or not file.is_file():
        inform(f"looking for this study's pictures in {name}")
        table, note = larger_table(larger, name, sets, QUICK_LARGER if quick else None)
        write_text(file, note)
    write_view(larger, table, view)
    return file.read_text(encoding="utf-8")


def _picture_notes(manifest: Manifest, flags: NDArray[np.object_]) -> list[str]:
    """Say how many test pictures, by their flags, may show no face, and how many pictures could not be read."""
    counts = Counter(flags.tolist())
    notes = []
    if counts["blank"]:
        notes.append(
            f"{counts['blank']} of the {flags.size} test faces are of a single colour. They count; the column without blank "
            "gives the accuracy without them."
        )
    if counts["no-face"]:
        notes.append(
            f"On {counts['no-face']} of the {flags.size} test pictures no face was found. They count like the others."
        )
    unreadable = sum(count_unreadable(manifest.root, split) for split in SPLITS)
    if unreadable:
        notes.append(f"Pictures of the source that could not be read and are in no split: {unreadable}.")
    return notes


def _environment(manifest: Manifest, command: str) -> dict[str, str]:
    environment = environment_of(manifest, 0)
    return {
        "bimodal": str(environment["bimodal"]),
        "commit": str(environment["commit"] or "unknown"),
        "packages": ", ".join(f"{name} {version}" for name, version in environment["packages"].items()),
        "processor": str(environment["processor"]),
        "gpu": str(environment["gpu"] or "none"),
        "data fingerprint": manifest.fingerprint,
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": command,
    }
