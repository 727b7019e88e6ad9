"""The results of a study in memory: a row for each method and share of wrong labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.evaluation.statistics import Estimate, mean_accuracy
from bimodal.experiments.paper_table.methods import Method

NUMBERS = ("balanced_accuracy", "macro_f1", "validation_accuracy", "removed", "removed_known_wrong", "seconds_a_run")
"""Mean recall and mean F1 over the emotions on test, accuracy on validation, number of removed training faces, how many of
these have a label known to be wrong (NaN if that is unknown), and training time without descriptors and first stages. The
last three are sums over the folds."""


@dataclass(frozen=True, eq=False)
class Row:
    """One method at one share of wrong labels, over the S seeds whose runs all succeeded.

    With several folds, the test faces of a seed are those of all folds; each face is tested once.

    Attributes:
        method: the method.
        noise: share of the training labels that were made wrong for the study, 0 to 1.
        network: description of the network: `test_resnet, 64 px, from random weights`.
        labels: (N,), codes of the labels of the test faces.
        predicted: (S,N), codes of the predictions.
        numbers: a line for each seed, in ascending order, with the columns `NUMBERS`; none if every run failed.
        runs: (S, folds), run folders, for their learning curves.
        failures: one line for each failed run: its name and the reason.
    """

    method: Method
    noise: float
    network: str
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    numbers: pd.DataFrame
    runs: tuple[tuple[Path, ...], ...]
    failures: tuple[str, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds whose runs all succeeded, (S,)."""
        return tuple(self.numbers.index)

    @property
    def name(self) -> str:
        """The name of the method, with the share of wrong labels unless it is 0."""
        return f"{self.method.name}, {100 * self.noise:g} % wrong labels" if self.noise else self.method.name

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(S,N), whether each prediction is right."""
        return np.asarray(self.predicted == self.labels)

    def accuracy_without(self, faces: NDArray[np.bool_]) -> float | None:
        """Return the mean accuracy over the seeds without some faces, (N,); None if no face is left."""
        if not self.seeds or faces.all():
            return None
        return float(self.correct[:, ~faces].mean())

    @property
    def accuracies(self) -> tuple[float, ...]:
        """(S,), accuracy on test."""
        return tuple(float(value) for value in self.correct.mean(axis=1)) if self.seeds else ()

    @property
    def accuracy(self) -> Estimate | None:
        """Mean over the seeds with its t interval, or of one seed with Wilson's interval; None if every run failed."""
        return mean_accuracy(self.correct) if self.seeds else None


@dataclass(frozen=True, eq=False)
class Study:
    """The results of a study.

    Attributes:
        folder: the study's folder.
        data: name of the data folder.
        protocol: `group-disjoint`, `paper` or `person-independent`.
        quick: whether small networks were trained on small pictures.
        counts: number of faces in each fold: (train, val, test).
        notes: sentences on the splits, on leakage and on what was left out.
        rows: sorted by share of wrong labels, then by method.
        environment: version, commit, packages, processor, command.
        blank: (N,), whether a test face has a single colour; a column gives the accuracy without these.
    """

    folder: Path
    data: str
    protocol: str
    quick: bool
    counts: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    environment: dict[str, str]
    blank: NDArray[np.bool_] | None = None
