"""From run folders to the rows of the table."""

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
from bimodal.experiments.paper_table.run_methods import RESULT
from bimodal.runs.run import PROBABILITIES


@dataclass(frozen=True, eq=False)
class _Seed:
    """What the runs of one seed, one a fold, say together."""

    network: str
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    measures: Measures
    validation: float
    removed: int
    removed_wrong: int | None
    seconds: float


def load_rows(study: Path, cells: Sequence[Cell], failures: Mapping[str, str]) -> tuple[Row, ...]:
    """Read the runs of a study into rows, by share of wrong labels and then in the order of the table.

    A seed counts if it has ended well in every fold, and was tested on the same faces as the others. What is damaged
    is a failure of its row, and says so.

    Args:
        study: the study's folder.
        cells: its runs, those that failed among them.
        failures: why a run failed, by its name.
    """
    order = {name: number for number, name in enumerate(METHODS)}
    grouped: dict[tuple[float, int], list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.seed, cell.fold)):
        grouped.setdefault((cell.noise, order[cell.method.name]), []).append(cell)
    tested: list[NDArray[np.int64]] = []
    return tuple(_row(study, grouped[key], failures, tested) for key in sorted(grouped))


def _row(study: Path, cells: Sequence[Cell], failures: Mapping[str, str], tested: list[NDArray[np.int64]]) -> Row:
    by_seed: dict[int, list[Cell]] = {}
    for cell in cells:
        by_seed.setdefault(cell.seed, []).append(cell)
    why = [f"{cell.name}: {failures[cell.name]}" for cell in cells if cell.name in failures]
    seeds: dict[int, _Seed] = {}
    for number, own in by_seed.items():
        if not all(cell.has_ended(study) for cell in own):
            continue
        try:
            seed = _seed([cell.folder(study) for cell in own])
        except InputError as error:
            why.append(f"{own[0].name}: {error}")
            continue
        tested[:] = tested or [seed.rows, seed.labels]
        if np.array_equal(tested, [seed.rows, seed.labels]):
            seeds[number] = seed
        else:
            why.append(
                f"{own[0].name}: was not tested on the same faces as the others; delete its folder to run it anew"
            )
    found = list(seeds.values())
    wrong = [seed.removed_wrong for seed in found if seed.removed_wrong is not None]
    return Row(
        method=cells[0].method,
        noise=cells[0].noise,
        network=found[0].network if found else "",
        seeds=tuple(seeds),
        labels=found[0].labels if found else np.empty(0, np.int64),
        predicted=np.array([seed.predicted for seed in found], np.int64),
        validation=tuple(seed.validation for seed in found),
        balanced=tuple(seed.measures.balanced_accuracy.value for seed in found),
        macro_f1=tuple(seed.measures.macro_f1.value for seed in found),
        removed=tuple(seed.removed for seed in found),
        removed_wrong=tuple(wrong) if found and len(wrong) == len(found) else None,
        seconds=tuple(seed.seconds for seed in found),
        runs=tuple(tuple(cell.folder(study) for cell in by_seed[number]) for number in seeds),
        failures=tuple(why),
    )


def _seed(runs: Sequence[Path]) -> _Seed:
    results = [_result(run) for run in runs]
    rows, labels, probabilities = _pooled(runs, "test")
    _, val_labels, val_probabilities = _pooled(runs, "val")
    wrong = [own for _, _, _, own in results if own is not None]
    return _Seed(
        network=results[0][0],
        rows=rows,
        labels=labels,
        predicted=probabilities.argmax(axis=1),
        measures=measure(labels, probabilities),
        validation=float((val_probabilities.argmax(axis=1) == val_labels).mean()),
        removed=sum(removed for _, _, removed, _ in results),
        removed_wrong=sum(wrong) if len(wrong) == len(results) else None,
        seconds=sum(seconds for _, seconds, _, _ in results),
    )


def _result(run: Path) -> tuple[str, float, int, int | None]:
    """Return network, seconds, removed faces, and how many of these had a label known to be wrong."""
    file = run / RESULT
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        wrong = content["removed_wrong"]
        return (
            str(content["network"]),
            float(content["seconds"]),
            int(content["removed"]),
            None if wrong is None else int(wrong),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file} is damaged ({error}); delete {run}, and the study makes it anew") from error


def _pooled(runs: Sequence[Path], split: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return rows, labels and probabilities (n,7) of the faces of all folds."""
    tables = []
    for run in runs:
        file = run / f"predictions_{split}.csv"
        try:
            table = pd.read_csv(file, keep_default_na=False)
            table[PROBABILITIES] = table[PROBABILITIES].astype(np.float64)
            table["code"] = table["label"].map(CODES).astype(np.int64)
            tables.append(table[["row", "code", *PROBABILITIES]].astype({"row": np.int64}))
        except (OSError, ValueError, TypeError, KeyError, pd.errors.ParserError) as error:
            raise InputError(f"{file} is damaged ({error}); delete {run}, and the study makes it anew") from error
    together = pd.concat(tables, ignore_index=True)
    return together["row"].to_numpy(), together["code"].to_numpy(), together[PROBABILITIES].to_numpy()
