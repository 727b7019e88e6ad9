"""From the run folders of a study to the rows of its table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.evaluation.metrics import measure
from bimodal.experiments.paper_table.methods import METHODS
from bimodal.experiments.paper_table.plan import Cell
from bimodal.experiments.paper_table.results import NUMBERS, Row
from bimodal.experiments.paper_table.runner import RESULT
from bimodal.runs.tables import PROBABILITIES, read_predictions
from bimodal.untrusted import read_small_json


@dataclass(frozen=True, eq=False)
class _Seed:
    """The results of one seed, over the runs of all folds; `faces` are rows and labels of the test faces, (2,N)."""

    faces: NDArray[np.int64]
    predicted: NDArray[np.int64]
    network: str
    numbers: tuple[float, ...]
    runs: tuple[Path, ...]


def load_rows(study: Path, cells: Sequence[Cell], failures: Mapping[str, str]) -> tuple[Row, ...]:
    """Read the runs of a study, and return a row for each method and share of wrong labels, in the table's order.

    A seed counts if its runs have finished in every fold and were tested on the same faces as all others. A damaged run is
    a failure in its row.

    Args:
        study: the study's folder.
        cells: the runs, including failed ones.
        failures: the error of each failed run, by its name.
    """
    order = list(METHODS)
    cells = sorted(cells, key=lambda cell: (cell.noise, order.index(cell.method.name), cell.seed, cell.fold))
    tested: list[NDArray[np.int64]] = []
    groups = groupby(cells, key=lambda cell: (cell.noise, cell.method.name))
    return tuple(_load_row(study, list(group), failures, tested) for _, group in groups)


def _load_row(study: Path, cells: Sequence[Cell], failures: Mapping[str, str], tested: list[NDArray[np.int64]]) -> Row:
    """Load one row; `tested` gets the test faces of the first run."""
    errors = [f"{cell.name}: {failures[cell.name]}" for cell in cells if cell.name in failures]
    seeds: dict[int, _Seed] = {}
    for number, group in groupby(cells, key=lambda cell: cell.seed):
        runs = list(group)
        if not all(cell.is_finished(study) for cell in runs):
            continue
        try:
            seed = _load_seed(tuple(cell.folder(study) for cell in runs))
        except InputError as error:
            errors.append(f"{runs[0].name}: {error}")
            continue
        if not tested:
            tested.append(seed.faces)
        if np.array_equal(tested[0], seed.faces):
            seeds[number] = seed
        else:
            why = "was not tested on the same faces as the others; delete its folder to repeat it"
            errors.append(f"{runs[0].name}: {why}")
    loaded = list(seeds.values())
    return Row(
        method=cells[0].method,
        noise=cells[0].noise,
        network=loaded[0].network if loaded else "",
        labels=loaded[0].faces[1] if loaded else np.empty(0, np.int64),
        predicted=np.array([seed.predicted for seed in loaded], np.int64),
        numbers=pd.DataFrame([seed.numbers for seed in loaded], list(seeds), NUMBERS, dtype=np.float64),
        runs=tuple(seed.runs for seed in loaded),
        failures=tuple(errors),
    )


def _load_seed(runs: tuple[Path, ...]) -> _Seed:
    networks, sums = zip(*map(_read_result, runs), strict=True)
    faces, probabilities = _read_all_folds(runs, "test")
    (_, val_labels), val_probabilities = _read_all_folds(runs, "val")
    measures = measure(faces[1], probabilities)
    validation = float((val_probabilities.argmax(axis=1) == val_labels).mean())
    numbers = (measures.balanced_accuracy.value, measures.macro_f1.value, validation, *np.sum(sums, axis=0).tolist())
    return _Seed(faces, probabilities.argmax(axis=1), networks[0], numbers, runs)


def _read_result(run: Path) -> tuple[str, tuple[float, float, float]]:
    """Return the network of a run, and the last three of `NUMBERS`."""
    try:
        content = read_small_json(run / RESULT)
        wrong = content["removed_wrong"]
        numbers = int(content["removed"]), np.nan if wrong is None else int(wrong), float(content["seconds"])
        return str(content["network"]), numbers
    except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(f"{run / RESULT} is damaged ({error}); delete {run} to repeat the run") from error


def _read_all_folds(runs: Sequence[Path], split: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return rows and labels (2,n) and predicted probabilities (n,7) of a split, over all folds."""
    try:
        table = pd.concat([read_predictions(run / f"predictions_{split}.csv") for run in runs], ignore_index=True)
    except InputError as error:
        raise InputError(f"{error}; delete {runs[0]} to repeat the run") from error
    faces = np.array([table["row"], table["label"].map(CODES)], dtype=np.int64)
    return faces, table[PROBABILITIES].to_numpy(np.float64)
