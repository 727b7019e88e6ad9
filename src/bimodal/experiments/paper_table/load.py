"""From the run folders of a study to the rows of its table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.evaluation.metrics import Measures, measure
from bimodal.experiments.paper_table.methods import METHODS
from bimodal.experiments.paper_table.plan import Cell
from bimodal.experiments.paper_table.results import Row
from bimodal.experiments.paper_table.runner import RESULT
from bimodal.runs.tables import PROBABILITIES, read_predictions


@dataclass(frozen=True)
class _Result:
    """The content of a run's `result.json`."""

    network: str
    seconds: float
    removed: int
    removed_wrong: int | None


@dataclass(frozen=True, eq=False)
class _Seed:
    """The results of one seed, over the runs of all folds."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    measures: Measures
    validation: float
    results: list[_Result]

    @property
    def removed_wrong(self) -> int | None:
        wrong = [result.removed_wrong for result in self.results]
        return None if None in wrong else sum(count for count in wrong if count is not None)


def load_rows(study: Path, cells: Sequence[Cell], failures: Mapping[str, str]) -> tuple[Row, ...]:
    """Read the runs of a study, and return a row for each method and share of wrong labels, in the table's order.

    A seed counts if its runs have finished in every fold and were tested on the same faces as all others. A damaged run is
    a failure in its row.

    Args:
        study: the study's folder.
        cells: the runs, including failed ones.
        failures: the error of each failed run, by its name.
    """
    order = {name: number for number, name in enumerate(METHODS)}
    grouped: dict[tuple[float, int], list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.seed, cell.fold)):
        grouped.setdefault((cell.noise, order[cell.method.name]), []).append(cell)
    tested: list[NDArray[np.int64]] = []
    return tuple(_load_row(study, grouped[key], failures, tested) for key in sorted(grouped))


def _load_row(study: Path, cells: Sequence[Cell], failures: Mapping[str, str], tested: list[NDArray[np.int64]]) -> Row:
    """Load one row; `tested` holds rows and labels of the test faces, once any run was loaded."""
    by_seed: dict[int, list[Cell]] = {}
    for cell in cells:
        by_seed.setdefault(cell.seed, []).append(cell)
    errors = [f"{cell.name}: {failures[cell.name]}" for cell in cells if cell.name in failures]
    seeds: dict[int, _Seed] = {}
    for number, runs in by_seed.items():
        if not all(cell.is_finished(study) for cell in runs):
            continue
        try:
            seed = _load_seed([cell.folder(study) for cell in runs])
        except InputError as error:
            errors.append(f"{runs[0].name}: {error}")
            continue
        tested[:] = tested or [seed.rows, seed.labels]
        if np.array_equal(tested, [seed.rows, seed.labels]):
            seeds[number] = seed
        else:
            errors.append(
                f"{runs[0].name}: was not tested on the same faces as the others; delete its folder to repeat it"
            )
    loaded = list(seeds.values())
    wrong = [seed.removed_wrong for seed in loaded if seed.removed_wrong is not None]
    return Row(
        method=cells[0].method,
        noise=cells[0].noise,
        network=loaded[0].results[0].network if loaded else "",
        seeds=tuple(seeds),
        labels=loaded[0].labels if loaded else np.empty(0, np.int64),
        predicted=np.array([seed.predicted for seed in loaded], np.int64),
        validation=tuple(seed.validation for seed in loaded),
        balanced=tuple(seed.measures.balanced_accuracy.value for seed in loaded),
        macro_f1=tuple(seed.measures.macro_f1.value for seed in loaded),
        removed=tuple(sum(result.removed for result in seed.results) for seed in loaded),
        removed_wrong=tuple(wrong) if loaded and len(wrong) == len(loaded) else None,
        seconds=tuple(sum(result.seconds for result in seed.results) for seed in loaded),
        runs=tuple(tuple(cell.folder(study) for cell in by_seed[number]) for number in seeds),
        failures=tuple(errors),
    )


def _load_seed(runs: Sequence[Path]) -> _Seed:
    results = [_read_result(run) for run in runs]
    rows, labels, probabilities = _read_all_folds(runs, "test")
    _, val_labels, val_probabilities = _read_all_folds(runs, "val")
    return _Seed(
        rows=rows,
        labels=labels,
        predicted=probabilities.argmax(axis=1),
        measures=measure(labels, probabilities),
        validation=float((val_probabilities.argmax(axis=1) == val_labels).mean()),
        results=results,
    )


def _read_result(run: Path) -> _Result:
    try:
        content = json.loads((run / RESULT).read_text(encoding="utf-8"))
        wrong = content["removed_wrong"]
        return _Result(
            str(content["network"]),
            float(content["seconds"]),
            int(content["removed"]),
            None if wrong is None else int(wrong),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{run / RESULT} is damaged ({error}); delete {run} to repeat the run") from error


def _read_all_folds(
    runs: Sequence[Path], split: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return rows, labels and predicted probabilities (n,7) of a split, over all folds."""
    try:
        table = pd.concat([read_predictions(run / f"predictions_{split}.csv") for run in runs], ignore_index=True)
    except InputError as error:
        raise InputError(f"{error}; delete {runs[0]} to repeat the run") from error
    rows, labels = (np.asarray(column, dtype=np.int64) for column in (table["row"], table["label"].map(CODES)))
    return rows, labels, np.asarray(table[PROBABILITIES], dtype=np.float64)
