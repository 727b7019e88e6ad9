"""The runs of several conditions on the same examples: measured, and compared with the first condition."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.splits import linked_groups
from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.evaluation.comparison import Comparison, adjusted, compare
from bimodal.evaluation.grouped import measure_groups
from bimodal.evaluation.metrics import Measures, measure
from bimodal.evaluation.statistics import Estimate, mean_accuracy
from bimodal.report.conditions import Condition
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES


@dataclass(frozen=True, eq=False)
class Result:
    """The measures of a condition on a split.

    Attributes:
        measures: of each seed; of a cross-validation, those of the predictions of all folds together.
        run_measures: of each run.
        correct: whether each prediction is right, (seeds, N).
    """

    condition: Condition
    measures: tuple[Measures, ...]
    run_measures: tuple[Measures, ...]
    correct: NDArray[np.bool_]

    @property
    def accuracies(self) -> list[float]:
        """The accuracy of each seed."""
        return [measures.accuracy.value for measures in self.measures]

    @property
    def accuracy(self) -> Estimate:
        """The mean over the seeds with its t interval, or that of one run or of all folds with its interval over examples."""
        return self.measures[0].accuracy if self.condition.are_folds else mean_accuracy(self.correct)

    def correct_of(self, seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Return the rows of `correct` of these seeds, (len(seeds), N)."""
        rows: NDArray[np.bool_] = self.correct[[self.condition.seeds.index(seed) for seed in seeds]]
        return rows


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Conditions on the n examples of one split.

    Attributes:
        results: of each condition; the first is the baseline.
        comparisons: of each other condition with the baseline, where they have a seed in common.
        notes: sentences on what limits the comparisons.
    """

    split: str
    n: int
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]


def evaluate(conditions: Sequence[Condition], split: str) -> Evaluation:
    """Measure every run on a split, and compare each condition with the first in pairs of runs with the same seed.

    Raises:
        InputError: predictions are missing, or the runs were not evaluated on the same examples with the same labels.
    """
    runs = [run for condition in conditions for run in condition.runs]
    together = [condition for condition in conditions if condition.are_folds]
    tables = {run.path: _examples([run], split) for run in runs}
    in_folds = {run.path for condition in together for run in condition.runs}
    all_folds = {condition.runs[0].path: _examples(condition.runs, split) for condition in together}
    _check_same({path: table for path, table in tables.items() if path not in in_folds} | all_folds, split)
    baseline, *others = [_result(condition, tables, split) for condition in conditions]
    varied = [condition for condition in conditions if condition.varying]
    notes = [f"The runs of {one.name} also differ in {', '.join(one.varying)}." for one in varied]
    if together:
        notes.append(
            "In a cross-validation, each face is predicted by the network of its fold, which was not trained on it. The measures "
            "are of all folds together, and their intervals are for other groups (persons, films) where groups are known."
        )
    if len({str(run.environment.get("data_fingerprint")) for run in runs if run.path not in in_folds}) > 1:
        same = "the evaluated examples have the same names and labels"
        notes.append(f"The data folders differ: {same}, but the training examples or the pictures differ.")
    comparisons = []
    for result in others:
        name, seeds = result.condition.name, _paired_seeds(baseline.condition, result.condition)
        if not seeds:
            notes.append(f"{name} and {baseline.condition.name} are not compared: they have no seed in common.")
            continue
        right = baseline.correct_of([a for a, _ in seeds]), result.correct_of([b for _, b in seeds])
        comparisons.append(compare(*right, baseline.condition.name, name, seeds))
    n = baseline.correct.shape[1]
    return Evaluation(split, n, (baseline, *others), tuple(adjusted(comparisons)), tuple(notes))


def common_split(runs: Sequence[Run]) -> str | None:
    """Return `test` if every run has predictions on it, else `val` likewise, else None."""
    for split in ("test", "val"):
        if all((run.path / f"predictions_{split}.csv").is_file() for run in runs):
            return split
    return None


def images_of(condition: Condition, split: str) -> list[str]:
    """Return the evaluated images of a condition, in the order of the columns of `Result.correct`."""
    runs = condition.runs if condition.are_folds else condition.runs[:1]
    return list(_examples(runs, split)["image"])


def _examples(runs: Sequence[Run], split: str) -> pd.DataFrame:
    """Return the predictions of one run, or of several folds together, in the order of the rows of the data."""
    return pd.concat([run.predictions(split) for run in runs]).sort_values("row", kind="stable", ignore_index=True)


def _check_same(tables: dict[Path, pd.DataFrame], split: str) -> None:
    for path, table in tables.items():
        if table.empty:
            raise InputError(f"{path}/predictions_{split}.csv has no example; is the split empty?")
    (first_path, first), *others = tables.items()
    for path, table in others:
        trouble = f"{first_path} and {path} were not evaluated on the same {split} examples"
        if len(table) != len(first):
            raise InputError(f"{trouble}: {len(first)} and {len(table)}")
        for column in ("image", "label"):  # rows differ where training faces were removed from the data
            other = np.flatnonzero((table[column] != first[column]).to_numpy())
            if other.size:
                one, two = first[column].iloc[other[0]], table[column].iloc[other[0]]
                raise InputError(f"{trouble}: {column} is {one} in one and {two} in the other")


def _result(condition: Condition, tables: dict[Path, pd.DataFrame], split: str) -> Result:
    measured = [_measured(tables[run.path]) for run in condition.runs]
    by_run = tuple(measures for measures, _ in measured)
    if not condition.are_folds:
        return Result(condition, by_run, by_run, np.array([correct for _, correct in measured]))
    table = _examples(condition.runs, split)
    measures, correct = _measured(table)
    manifest = condition.runs[0].manifest
    groups = linked_groups(*([cell or None for cell in manifest[name]] for name in ("group", "digest")))
    labels, probabilities = _arrays(table)
    grouped = measure_groups(labels, probabilities, groups[table["row"].to_numpy()])
    intervals = {name: getattr(grouped, name) for name in ("accuracy", "balanced_accuracy", "macro_f1")}
    return Result(condition, (replace(measures, **intervals),), by_run, correct[None])


def _measured(table: pd.DataFrame) -> tuple[Measures, NDArray[np.bool_]]:
    """Return the measures of predictions, and whether each is right."""
    labels, probabilities = _arrays(table)
    return measure(labels, probabilities), probabilities.argmax(axis=1) == labels


def _arrays(table: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    labels = np.asarray(table["label"].map(CODES), dtype=np.int64)
    return labels, np.asarray(table[PROBABILITIES], dtype=np.float64)


def _paired_seeds(baseline: Condition, condition: Condition) -> tuple[tuple[int, int], ...]:
    """Return the seeds in common; two single runs, or cross-validations, form a pair even if their seeds differ."""
    if len(baseline.seeds) == len(condition.seeds) == 1:
        return ((baseline.seeds[0], condition.seeds[0]),)
    return tuple((seed, seed) for seed in baseline.seeds if seed in condition.seeds)
