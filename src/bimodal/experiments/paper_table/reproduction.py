"""The paper's table: every method on the same faces, with several seeds, in one call."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.classical.features import read_features
from bimodal.data.cache import decoded
from bimodal.data.leakage import pretraining_overlap
from bimodal.data.manifest import FILE, SPLITS, Manifest
from bimodal.data.origin import origin_of
from bimodal.data.views import write_view
from bimodal.errors import InputError
from bimodal.experiments.jobs.executor import run_all
from bimodal.experiments.paper_table.comparisons import Comparisons, compare_rows
from bimodal.experiments.paper_table.folder import PREPARED, alone, begin, read_or_prepare
from bimodal.experiments.paper_table.load import load_rows
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.paper_table.other_sets import counterparts, larger_table
from bimodal.experiments.paper_table.plan import Cell, cells, cells_on_disk, jobs, write_views
from bimodal.experiments.paper_table.protocol import Fold, divide_by
from bimodal.experiments.paper_table.recipes import QUICK_LARGER, QUICK_LARGER_VAL
from bimodal.experiments.paper_table.results import Study
from bimodal.experiments.paper_table.study_page import write_page
from bimodal.files import write_atomically
from bimodal.model_files.packaged import FACE
from bimodal.progress import inform
from bimodal.training.evaluate import count_unreadable
from bimodal.training.record import environment_of


@dataclass(frozen=True, eq=False)
class Reproduced:
    """What a study found, what may be concluded, and where the page lies."""

    study: Study
    comparisons: Comparisons
    page: Path


def reproduce(
    data: Path | str,
    out: Path | str,
    options: StudyOptions | None = None,
    command: str = "",
) -> Reproduced:
    """Run methods on a data folder, each with several seeds, and write the table, the figure and the page.

    What has ended well stays, and is in the table: an interrupted study goes on where it stopped, deep runs from their
    last epoch, and more methods, seeds or shares of wrong labels may be asked for. What failed is tried again.

    Args:
        data: a folder written by `bimodal prepare`, or what `prepare` takes (SFEW as it is distributed, folders of
            emotions, FER2013): then it is prepared with the usual options, inside the study's folder.
        out: the study's folder, new or of the same study.
        options: which methods, how often, on what.
        command: how the page says that it can be repeated.

    Raises:
        InputError: the data or an option cannot be used, or `out` holds something else.
    """
    options = options or StudyOptions()
    data, out = Path(data), Path(out).absolute()
    with alone(out):
        manifest = read_or_prepare(data, out / PREPARED["data"])
        division = divide_by(options.protocol, manifest, str(origin_of(manifest.root).get("kind", "")))
        for file in options.features.values():
            read_features(file, manifest)  # what does not fit is said now, not after the other runs
        larger = unaligned = before = None
        if options.larger:
            larger = read_or_prepare(options.larger, out / PREPARED["larger"])
        if options.unaligned:
            unaligned = read_or_prepare(options.unaligned, out / PREPARED["unaligned"])
            before = (unaligned, counterparts(manifest, unaligned))
        left_out = options.left_out
        options, known = _without_known(options, [manifest, *([unaligned] if unaligned else [])])
        begin(out, manifest, options, larger, unaligned)
        plan = cells(options, division)
        notes = [*division.notes, *left_out, *known]
        write_views(out, manifest, division, plan, before)
        if larger is not None and options.larger is not None:
            own = [manifest, unaligned] if unaligned else [manifest]
            notes.append(_write_larger(out, larger, options.larger.absolute().name, own, options.quick))
        blank = np.concatenate([_tested(fold, "flag") == "blank" for fold in division.folds])
        notes += _doubtful(manifest, division.folds, blank)
        failures = _run(out, plan, options)
        study = Study(
            folder=out,
            data=data.absolute().name,
            protocol=options.protocol,
            quick=options.quick,
            counts=tuple(_counts(fold) for fold in division.folds),
            notes=tuple(notes),
            rows=load_rows(out, sorted({*plan, *cells_on_disk(out, division)}, key=str), failures),
            environment=_environment(manifest, command),
            blank=blank if blank.any() else None,
        )
        comparisons = compare_rows(study)
        return Reproduced(study, comparisons, write_page(study, comparisons, out))


def _without_known(options: StudyOptions, own: Sequence[Manifest]) -> tuple[StudyOptions, list[str]]:
    """Leave out the methods whose network has seen these faces in advance; say which, and why.

    Raises:
        InputError: one of them was asked for by name.
    """
    barred = [method.name for method in options.chosen if method.in_advance]
    if not barred:
        return options, []
    inform(f"looking for pictures that {FACE} has learnt from")
    why = next(filter(None, map(pretraining_overlap, own)), "")
    if not why:
        return options, []
    if options.methods is not None:
        raise InputError(f"{why}, so it says nothing of new faces; leave out of --methods: {', '.join(barred)}")
    rest = tuple(method.name for method in options.chosen if not method.in_advance)
    return replace(options, methods=rest), [f"{name} was left out: {why}." for name in barred]


def _run(out: Path, plan: Sequence[Cell], options: StudyOptions) -> dict[str, str]:
    """Run what has not ended well yet; return why runs failed, by their names."""
    todo = jobs(out, plan, options)
    views = {
        (job.arguments["settings"].image_size, (job.arguments["data"] / ".cache").resolve()): job.arguments["data"]
        for job in todo
        if job.deep
    }
    for (size, _), view in views.items():
        decoded(Manifest.read(view), size)  # here, rather than at the same time in several runs
    return run_all(todo, options.address, len(plan))


def _write_larger(out: Path, larger: Manifest, name: str, own: Sequence[Manifest], quick: bool) -> str:
    """Write the view of the larger set without this study's faces; return what is to be said of it."""
    view, file = out / "data" / "larger", out / "data" / "larger.txt"
    table = larger.table
    if not (view / FILE).is_file() or not file.is_file():
        inform(f"looking for this study's pictures in {name}")
        limits = (QUICK_LARGER, QUICK_LARGER_VAL) if quick else (None, None)
        table, note = larger_table(larger, name, own, *limits)
        write_atomically(file, lambda part: part.write_text(note, encoding="utf-8"))
    write_view(larger, table, view)
    return file.read_text(encoding="utf-8")


def _tested(fold: Fold, column: str) -> NDArray[np.object_]:
    return np.asarray(fold.table.loc[fold.table["split"] == "test", column], dtype=object)


def _doubtful(manifest: Manifest, folds: Sequence[Fold], blank: NDArray[np.bool_]) -> list[str]:
    """Say which test faces may be none, and how many pictures could not be read at all."""
    missed = sum(int((_tested(fold, "flag") == "no-face").sum()) for fold in folds)
    notes = []
    if blank.any():
        notes.append(
            f"{int(blank.sum())} of the {blank.size} test faces are of a single colour. They count; a column of its own says "
            "how accurate the methods are without them."
        )
    if missed:
        notes.append(f"On {missed} of the {blank.size} test pictures no face was found. They count like the others.")
    unreadable = sum(count_unreadable(manifest.root, split) for split in SPLITS)
    if unreadable:
        notes.append(f"Pictures of the source that could not be read, and are in no split: {unreadable}.")
    return notes


def _counts(fold: Fold) -> tuple[int, int, int]:
    train, val, test = (int((fold.table["split"] == split).sum()) for split in SPLITS)
    return train, val, test


def _environment(manifest: Manifest, command: str) -> dict[str, str]:
    known = environment_of(manifest, 0)
    packages = ", ".join(f"{name} {version}" for name, version in known["packages"].items())
    return {
        "bimodal": str(known["bimodal"]),
        "commit": str(known["commit"] or "unknown"),
        "packages": packages,
        "processor": str(known["processor"]),
        "gpu": str(known["gpu"] or "none"),
        "data fingerprint": manifest.fingerprint,
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": command,
    }
