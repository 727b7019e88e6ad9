"""From run folders to the rows of the table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.evaluate.metrics import measure
from bimodal.study.plan import Cell
from bimodal.study.results import Row
from bimodal.study.running import RESULT, has_ended
from bimodal.train.run import PROBABILITIES

Predicted = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Labels (n,) and probabilities (n,7)."""


def load_rows(study: Path, plan: Sequence[Cell], failures: Mapping[str, str]) -> tuple[Row, ...]:
    """Read the runs of a study; a seed counts if it has ended well in every fold.

    Args:
        study: the study's folder.
        plan: its runs.
        failures: why a run failed, by its name.

    Raises:
        InputError: a run's files are damaged.
    """
    grouped: dict[tuple[float, str], list[Cell]] = {}
    for cell in plan:
        grouped.setdefault((cell.noise, cell.method.name), []).append(cell)
    return tuple(_row(study, own, failures) for own in grouped.values())


def _row(study: Path, cells: Sequence[Cell], failures: Mapping[str, str]) -> Row:
    by_seed: dict[int, list[Cell]] = {}
    for cell in cells:
        by_seed.setdefault(cell.seed, []).append(cell)
    complete = {seed: own for seed, own in by_seed.items() if all(has_ended(cell.folder(study)) for cell in own)}
    results = [[_result(cell.folder(study)) for cell in own] for own in complete.values()]
    tests = [_pooled([cell.folder(study) for cell in own], "test") for own in complete.values()]
    vals = [_pooled([cell.folder(study) for cell in own], "val") for own in complete.values()]
    measures = [measure(*test) for test in tests]
    wrong = [[result["removed_wrong"] for result in own] for own in results]
    return Row(
        method=cells[0].method,
        noise=cells[0].noise,
        network=str(results[0][0]["network"]) if results else "",
        seeds=tuple(complete),
        labels=tests[0][0] if tests else np.empty(0, np.int64),
        predicted=np.array([probabilities.argmax(axis=1) for _, probabilities in tests], np.int64),
        validation=tuple(float((p.argmax(axis=1) == labels).mean()) for labels, p in vals),
        balanced=tuple(one.balanced_accuracy.value for one in measures),
        macro_f1=tuple(one.macro_f1.value for one in measures),
        removed=tuple(sum(int(result["removed"]) for result in own) for own in results),
        removed_wrong=None if any(None in own for own in wrong) or not wrong else tuple(sum(own) for own in wrong),
        seconds=tuple(sum(float(result["seconds"]) for result in own) for own in results),
        runs=tuple(tuple(cell.folder(study) for cell in own) for own in complete.values()),
        failures=tuple(f"{cell.name}: {failures[cell.name]}" for cell in cells if cell.name in failures),
    )


def _result(run: Path) -> dict[str, Any]:
    try:
        content = json.loads((run / RESULT).read_text(encoding="utf-8"))
        return {key: content[key] for key in ("network", "seconds", "removed", "removed_wrong")}
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{run / RESULT} is damaged ({error}); delete {run}, and the study makes it anew") from error


def _pooled(runs: Sequence[Path], split: str) -> Predicted:
    labels, probabilities = [], []
    for run in runs:
        file = run / f"predictions_{split}.csv"
        try:
            table = pd.read_csv(file, keep_default_na=False)
            labels.append(table["label"].map(CODES).to_numpy(np.int64))
            probabilities.append(table[PROBABILITIES].to_numpy(np.float64))
        except (ValueError, KeyError, OSError, pd.errors.ParserError) as error:
            raise InputError(f"{file} is damaged ({error}); delete {run}, and the study makes it anew") from error
    return np.concatenate(labels), np.concatenate(probabilities)
