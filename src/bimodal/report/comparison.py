"""Predictions of several runs on the same examples, measured and compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.evaluation.conclusion import Comparison, adjusted, compare, conclude
from bimodal.evaluation.metrics import Measures, measure
from bimodal.evaluation.statistics import Estimate, over_seeds, wilson
from bimodal.report.conditions import Condition
from bimodal.runs.run import PROBABILITIES, Run


@dataclass(frozen=True, eq=False)
class Result:
    """How the runs of one condition did on a split."""

    condition: Condition
    measures: tuple[Measures, ...]
    """One a run, in the order of the condition's runs."""
    correct: NDArray[np.bool_]
    """(runs, N)"""

    @property
    def accuracies(self) -> list[float]:
        """Accuracy by run."""
        return [measures.accuracy.value for measures in self.measures]

    @property
    def accuracy(self) -> Estimate:
        """Several runs: the mean over seeds with its t interval; one run: Wilson's interval over the examples."""
        if len(self.measures) > 1:
            return over_seeds(self.accuracies)
        return wilson(int(self.correct[0].sum()), self.correct.shape[1])

    def of_seeds(self, seeds: Sequence[int]) -> NDArray[np.bool_]:
        """The rows of `correct` of these seeds, (len(seeds), N)."""
        rows: NDArray[np.bool_] = self.correct[[self.condition.seeds.index(seed) for seed in seeds]]
        return rows


@dataclass(frozen=True, eq=False)
class Pair:
    """A condition against the baseline, and what may be concluded."""

    baseline: Condition
    condition: Condition
    seeds: tuple[tuple[int, int], ...]
    """Which seed of the baseline was held against which of the condition."""
    comparison: Comparison

    @property
    def conclusion(self) -> str:
        """One or two sentences in plain words."""
        return conclude(self.comparison, self.baseline.name, self.condition.name)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Conditions on one split; the first is the baseline."""

    split: str
    n: int
    results: tuple[Result, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


def evaluate(conditions: Sequence[Condition], split: str) -> Evaluation:
    """Measure every run on a split, and compare each condition with the first, in pairs of one seed.

    Raises:
        InputError: if predictions are missing, or were not made on the same examples with the same labels.
    """
    runs = [run for condition in conditions for run in condition.runs]
    tables = {run.path: _examples(run, split) for run in runs}
    _same(tables, split)
    baseline, *others = [_result(condition, tables) for condition in conditions]
    notes = [
        f"The runs of {condition.name} also differ in {', '.join(condition.varying)}."
        for condition in conditions
        if condition.varying
    ]
    if len({str(run.environment.get("data_fingerprint")) for run in runs}) > 1:
        notes.append(
            "The data folders are not identical: the evaluated examples have the same names and labels, but pictures"
            " or other splits differ."
        )
    pairs = []
    for result in others:
        seeds = _paired_seeds(baseline.condition, result.condition)
        if not seeds:
            notes.append(f"{result.condition.name} and {baseline.condition.name} have no seed in common: not compared.")
            continue
        comparison = compare(
            baseline.of_seeds([seed for seed, _ in seeds]), result.of_seeds([seed for _, seed in seeds])
        )
        pairs.append(Pair(baseline.condition, result.condition, seeds, comparison))
    comparisons = adjusted([pair.comparison for pair in pairs])
    return Evaluation(
        split=split,
        n=baseline.correct.shape[1],
        results=(baseline, *others),
        pairs=tuple(replace(pair, comparison=new) for pair, new in zip(pairs, comparisons, strict=True)),
        notes=tuple(notes),
    )


def common_split(runs: Sequence[Run]) -> str | None:
    """Return `test` if every run has predictions on it, else `val`, else `None`."""
    for split in ("test", "val"):
        if all((run.path / f"predictions_{split}.csv").is_file() for run in runs):
            return split
    return None


def _examples(run: Run, split: str) -> pd.DataFrame:
    table = run.predictions(split)
    if table.empty:
        raise InputError(f"{run.path}/predictions_{split}.csv holds no example; is the split empty?")
    return table.sort_values("row", kind="stable", ignore_index=True)


def _same(tables: dict[Path, pd.DataFrame], split: str) -> None:
    (first_path, first), *others = tables.items()
    for path, table in others:
        trouble = f"{first_path} and {path} were not evaluated on the same {split} examples"
        if len(table) != len(first):
            raise InputError(f"{trouble}: {len(first)} and {len(table)}")
        for column in ("row", "image", "label"):
            other = np.flatnonzero((table[column] != first[column]).to_numpy())
            if other.size:
                one, two = first[column].iloc[other[0]], table[column].iloc[other[0]]
                raise InputError(f"{trouble}: {column} is {one} in one and {two} in the other")


def _result(condition: Condition, tables: dict[Path, pd.DataFrame]) -> Result:
    measures, correct = [], []
    for run in condition.runs:
        labels = tables[run.path]["label"].map(CODES).to_numpy(np.int64)
        probabilities = tables[run.path][PROBABILITIES].to_numpy(np.float64)
        measures.append(measure(labels, probabilities))
        correct.append(probabilities.argmax(axis=1) == labels)
    return Result(condition, tuple(measures), np.array(correct))


def _paired_seeds(baseline: Condition, condition: Condition) -> tuple[tuple[int, int], ...]:
    """Seeds in common; two single runs are a pair whatever their seeds."""
    if len(baseline.runs) == len(condition.runs) == 1:
        return ((baseline.seeds[0], condition.seeds[0]),)
    return tuple((seed, seed) for seed in baseline.seeds if seed in condition.seeds)
