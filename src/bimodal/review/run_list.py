"""The runs of a folder by number: what each learned, measured once for each state of its files."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.evaluation.comparison import Comparison
from bimodal.evaluation.metrics import Measures, measure
from bimodal.model_files.info import INFO_FILE
from bimodal.report.comparison import common_split, evaluate
from bimodal.report.conditions import Condition, seed_of, settings_of
from bimodal.review.retrain import TRAINED
from bimodal.runs.folds import is_cross_validation
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES

MAX_RUNS = 200
CURVES = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "loss_variance")
_MAX_PAGE = 64 * 2**20
_FILES = (
    "config.yaml",
    "metrics.csv",
    "removed.csv",
    "model.safetensors",
    "predictions_val.csv",
    "predictions_test.csv",
)


@dataclass(frozen=True, eq=False)
class RunSummary:
    """What a run learned.

    Attributes:
        preset, backbone, removal: settings; empty if unknown.
        metrics: a row for each finished epoch.
        removed: number of removed examples, and the epochs after which they were removed.
        is_aligned: whether the network was trained on aligned faces; unknown, and True, for an unfinished run.
        split: of the predictions: `test`, or else `val`; empty if there are none.
        measures: of these predictions; None if there are none.
        problem: why the run cannot be shown; empty if it can.
    """

    name: str
    problem: str = ""
    preset: str = ""
    backbone: str = ""
    removal: str = ""
    seed: int = 0
    is_finished: bool = False
    is_aligned: bool = True
    metrics: pd.DataFrame | None = None
    removed: int = 0
    removal_epochs: tuple[int, ...] = ()
    split: str = ""
    measures: Measures | None = None


class RunList:
    """The runs in some folders. A run keeps its number while the server runs; threads may share the list."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Name the folders: each may hold runs, and cross-validations with their folds."""
        self._folders = folders
        self._paths: list[Path] = []
        self._names: dict[Path, str] = {}
        self._summaries: dict[int, tuple[object, RunSummary]] = {}
        self._pages: dict[int, tuple[object, str]] = {}
        self._lock = threading.Lock()
        self._figures = threading.Lock()  # the style of matplotlib's figures is that of the whole process

    @classmethod
    def of(cls, folder: Path) -> "RunList":
        """Return the runs in a folder.

        Raises:
            InputError: there is no such folder.
        """
        if not folder.is_dir():
            raise InputError(f"--runs must be a folder that holds run folders, got {folder}")
        return cls((folder,))

    @classmethod
    def beside(cls, audit: Path) -> "RunList":
        """Return the runs beside an audit folder, and those that a review has trained."""
        return cls((audit / TRAINED, audit.absolute().parent))

    def numbers(self) -> list[int]:
        """Return the numbers of the runs that are there now, at most `MAX_RUNS`, in the order of their folders and names."""
        found = self.paths()
        with self._lock:
            self._paths += [path for path in found if path not in set(self._paths)]
            return [self._paths.index(path) for path in found]

    def paths(self) -> list[Path]:
        """Return the folders of these runs."""
        return list(dict.fromkeys(path for folder in self._folders for path in self._found(folder)))[:MAX_RUNS]

    def summary(self, number: int) -> RunSummary:
        """Return what a run learned.

        Raises:
            KeyError: there is no such run.
        """
        path = self.path(number)
        stamp = _stamp(path)
        kept = self._summaries.get(number)
        if kept is None or kept[0] != stamp:
            kept = self._summaries[number] = stamp, _summarise(path, self._names.get(path, path.name))
        return kept[1]

    def compare(self, baseline: int, other: int) -> tuple[str, Comparison, tuple[str, ...]]:
        """Compare two runs on the same examples: the split, the paired comparison, and notes on what limits it.

        Raises:
            KeyError: there is no such run.
            InputError: the runs have no predictions on a common split, or not on the same examples.
        """
        if baseline == other:
            raise InputError("expected two different runs to compare, got the same twice")
        runs = [Run.open(self.path(number)) for number in (baseline, other)]
        split = common_split(runs)
        if split is None:
            raise InputError("the two runs have no predictions on the same split; make them: bimodal evaluate RUN")
        names = [self._names.get(run.path, run.name) for run in runs]
        if names[0] == names[1]:
            names = [str(run.path) for run in runs]
        evaluation = evaluate([Condition(name, (run,)) for name, run in zip(names, runs, strict=True)], split)
        return split, evaluation.comparisons[0], evaluation.notes

    def report(self, number: int) -> str:
        """Return the report of a run as a page: the written one if it is not older than the results, else a new one.

        Raises:
            KeyError: there is no such run.
            InputError: the run is unfinished or damaged.
        """
        path = self.path(number)
        stamp = _stamp(path)
        written = _written_report(path)
        if written is not None:
            return written
        from bimodal.report.conditions import group
        from bimodal.report.report_page import build  # loads matplotlib

        with self._figures:
            kept = self._pages.get(number)
            if kept is None or kept[0] != stamp:
                kept = stamp, build(group([Run.open(path)])).html
                self._pages = {number: kept}
        return kept[1]

    def path(self, number: int) -> Path:
        """Return the folder of a run.

        Raises:
            KeyError: there is no such run.
        """
        with self._lock:
            if not 0 <= number < len(self._paths):
                raise KeyError(number)
            return self._paths[number]

    def _found(self, folder: Path) -> list[Path]:
        runs: list[Path] = []
        for child in chain([folder], _children(folder)):
            inner = _children(child) if is_cross_validation(child) else [child]
            runs += [path for path in inner if _is_run(path)]
        for path in runs:
            near = path.parent == folder and path.parent.name != TRAINED
            self._names[path] = path.name if near or path == folder else f"{path.parent.name}/{path.name}"
        return list(dict.fromkeys(runs))


def _is_run(folder: Path) -> bool:
    """Return whether this is a run folder; other programs have a `config.yaml`, too."""
    return (folder / "config.yaml").is_file() and any(
        (folder / name).is_file() for name in ("metrics.csv", "environment.json")
    )


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())
    except OSError:
        return []


def _stamp(path: Path) -> object:
    """Return what changes with the files of a run."""
    result: list[Any] = []
    for name in _FILES:
        try:
            state = (path / name).stat()
            result.append((state.st_mtime_ns, state.st_size))
        except OSError:
            result.append(None)
    return tuple(result)


def _summarise(path: Path, name: str) -> RunSummary:
    try:
        run = Run.open(path)
        settings = settings_of(run)
        metrics = run.metrics if (path / "metrics.csv").is_file() else None
        removed = run.removed if (path / "removed.csv").is_file() else None
        split = common_split([run]) or ""
        measures = _measured(run.predictions(split)) if split else None
        return RunSummary(
            name,
            preset=str(run.config.get("preset", "")),
            backbone=settings.get("backbone", ""),
            removal=settings.get("removal.rule", "none"),
            seed=seed_of(run),
            is_finished=run.is_finished,
            is_aligned=not (path / INFO_FILE).is_file() or run.info.aligned,
            metrics=metrics,
            removed=0 if removed is None else len(removed),
            removal_epochs=() if removed is None else tuple(sorted({int(epoch) for epoch in removed["epoch"]})),
            split=split,
            measures=measures,
        )
    except (InputError, OSError) as error:
        return RunSummary(name, problem=str(error))


def _measured(table: pd.DataFrame) -> Measures | None:
    if table.empty:
        return None
    labels = np.asarray(table["label"].map(CODES), dtype=np.int64)
    return measure(labels, np.asarray(table[PROBABILITIES], dtype=np.float64))


def _written_report(path: Path) -> str | None:
    """Return the page in a run folder; None if there is none, it is a link out of it, or older than the results."""
    file = path / "report.html"
    try:
        if file.resolve().parent != path.resolve() or not file.is_file() or file.stat().st_size > _MAX_PAGE:
            return None
        results = [(path / name).stat().st_mtime_ns for name in _FILES if (path / name).is_file()]
        if file.stat().st_mtime_ns < max(results, default=0):
            return None
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
