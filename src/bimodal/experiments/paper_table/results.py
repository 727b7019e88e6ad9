"""What a study found, in memory: a row for each method and share of wrong labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.evaluation.statistics import Estimate, over_seeds, wilson
from bimodal.experiments.paper_table.methods import Method


@dataclass(frozen=True, eq=False)
class Row:
    """One method at one share of wrong labels, over its seeds (only those whose runs all ended well).

    With several folds a seed's faces are those of all folds, each tested once by the fold that did not train on it.

    Attributes:
        method: which.
        noise: share of the training labels that were made wrong for the study, 0 to 1.
        network: what was trained, in words: `test_resnet, 64 px, from random weights`.
        seeds: S of them, rising; empty if every run failed.
        labels: (N,) codes of the test faces.
        predicted: (S,N) codes.
        validation: (S,) accuracy on validation.
        balanced: (S,) mean recall over the emotions, on test.
        macro_f1: (S,) on test.
        removed: (S,) training faces removed, over all folds.
        removed_wrong: (S,) of these, labels known to be wrong; None where that is not known.
        seconds: (S,) of training, over all folds; descriptors and first stages are not counted.
        runs: run folders by seed and fold, (S, folds); for the course of training.
        failures: one line for each run that failed: which, and why.
    """

    method: Method
    noise: float
    network: str
    seeds: tuple[int, ...]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    validation: tuple[float, ...]
    balanced: tuple[float, ...]
    macro_f1: tuple[float, ...]
    removed: tuple[int, ...]
    removed_wrong: tuple[int, ...] | None
    seconds: tuple[float, ...]
    runs: tuple[tuple[Path, ...], ...]
    failures: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The method's name, with the share of wrong labels where there is one."""
        return f"{self.method.name}, {100 * self.noise:g} % wrong labels" if self.noise else self.method.name

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(S,N): which faces were classified rightly."""
        return np.asarray(self.predicted == self.labels)

    def accuracy_without(self, faces: NDArray[np.bool_]) -> float | None:
        """Mean accuracy over the seeds without some faces, (N,); None if nothing is left."""
        if not self.seeds or faces.all():
            return None
        return float(self.correct[:, ~faces].mean())

    @property
    def accuracies(self) -> tuple[float, ...]:
        """(S,) accuracy on test."""
        return tuple(float(value) for value in self.correct.mean(axis=1)) if self.seeds else ()

    @property
    def accuracy(self) -> Estimate | None:
        """Mean over the seeds with its t interval; of one seed Wilson's interval; None if every run failed."""
        if not self.seeds:
            return None
        if len(self.seeds) > 1:
            return over_seeds(self.accuracies)
        return wilson(int(self.correct[0].sum()), len(self.labels))


@dataclass(frozen=True, eq=False)
class Study:
    """A whole study.

    Attributes:
        folder: where it lies.
        data: name of the data folder.
        protocol: `group-disjoint`, `paper` or `person-independent`.
        quick: whether the small sizes were taken; every table says so.
        counts: faces by fold: (train, val, test).
        notes: what a reader must know, a sentence each: how it was divided, what leaks, what was left out.
        rows: in the order of the table; by share of wrong labels, then by method.
        environment: version, commit, packages, processor, command.
        blank: (N,) which test faces are of a single colour; they count, and are left out in a column of their own.
    """

    folder: Path
    data: str
    protocol: str
    quick: bool
    counts: tuple[tuple[int, int, int], ...]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    environment: dict[str, str]
    blank: NDArray[np.bool_] | None = None
