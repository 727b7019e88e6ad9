"""What the cells say together: every method's measures over the seeds, with intervals, and the differences that count."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.evaluation.comparison import Comparison, compare
from bimodal.evaluation.statistics import Estimate, percentile_interval
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.label_noise.detectors import DETECTORS, Found
from bimodal.experiments.label_noise.evidence import FOLDS, PLAIN, Evidence, read, read_evidence
from bimodal.experiments.label_noise.measures import MEASURES, Resampled, draw_weights, kept_by_class, measure
from bimodal.experiments.label_noise.samples import TRUTH

CLEANLAB = ("cleanlab", "cleanlab-both")
_RULES = ("wang-repeated", "slade-gedeon")


@dataclass(frozen=True, eq=False)
class CellResult:
    """One cell, measured.

    Attributes:
        cell: which.
        labels, truth: (n,), of the training faces.
        found: by method, what it says.
        measures: by method and measure.
        correct: by training (`plain`, `rule-two-modes`, `without-cleanlab`, ...), (m,) bool: which test faces it gets
            right, under their clean labels.
        seen, seconds: by training, how many faces it was trained on, over all epochs, and how long it took.
    """

    cell: Cell
    labels: NDArray[np.int64]
    truth: NDArray[np.int8]
    found: dict[str, Found]
    measures: dict[str, dict[str, Resampled]]
    correct: dict[str, NDArray[np.bool_]]
    seen: dict[str, int]
    seconds: dict[str, float]

    def kept(self, method: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many of each emotion's right labels a method keeps, and how many there are, (7,) each."""
        return kept_by_class(self.found[method], self.truth, self.labels, len(NAMES))

    def cost(self, method: str) -> float | None:
        """How many times the plain training's faces a method is trained on; None where that is not known yet."""
        own = self._trainings_of(method)
        return None if own is None else sum(self.seen[training] for training in own) / self.seen["plain"]

    def seconds_of(self, method: str) -> float | None:
        """How long its trainings took, beside whatever else ran; None where that is not known yet."""
        own = self._trainings_of(method)
        return None if own is None else sum(self.seconds[training] for training in own)

    def _trainings_of(self, method: str) -> list[str] | None:
        several = {"margins": ["plain", "threshold"]} | {key: [f"fold-{k}" for k in range(FOLDS)] for key in CLEANLAB}
        own = several.get(method, [f"rule-{method}" if method in _RULES else "plain"])
        return own if all(training in self.seen for training in own) else None


@dataclass(frozen=True, eq=False)
class Condition:
    """The cells of one condition, a seed each."""

    name: str
    results: tuple[CellResult, ...]

    @property
    def cell(self) -> Cell:
        """Any of its cells: all but the seed is the same."""
        return self.results[0].cell

    @property
    def methods(self) -> list[str]:
        """The methods that have ended in at least one cell, in the order of the table."""
        return [method for method in DETECTORS if any(method in result.measures for result in self.results)]

    def seeds_of(self, method: str) -> list[int]:
        """The seeds in which a method has ended."""
        return [result.cell.seed for result in self.results if method in result.measures]

    def estimate(self, method: str, name: str) -> Estimate | None:
        """Return the mean of a measure over the seeds, with the interval over faces and seeds; None without meaning."""
        return _mean([result.measures[method][name] for result in self.results if method in result.measures])

    def difference(self, method: str, other: str, name: str) -> Estimate | None:
        """Return how much higher a measure is for one method than for another, on the same faces and seeds."""
        both = [result.measures for result in self.results if method in result.measures and other in result.measures]
        pairs = [(measures[method][name], measures[other][name]) for measures in both]
        return _mean([Resampled(a.value - b.value, a.draws - b.draws) for a, b in pairs])

    def accuracy(self, training: str) -> Estimate | None:
        """Return the test accuracy of a training, with the interval over test faces and seeds."""
        runs = [result.correct[training] for result in self.results if training in result.correct]
        return _mean([_resampled_share(run) for run in runs]) if runs else None

    def against_plain(self, training: str) -> Comparison | None:
        """Compare the test accuracy of a training with that of the plain one, face by face and seed by seed."""
        both = [result.correct for result in self.results if training in result.correct]
        if not both:
            return None
        return compare([correct["plain"] for correct in both], [correct[training] for correct in both])

    @cached_property
    def trainings(self) -> list[str]:
        """The names of all trainings that were tested, the plain one first."""
        names = {name for result in self.results for name in result.correct}
        return sorted(names, key=lambda name: (name != "plain", not name.startswith("rule"), name))


def load(study: Path, cells: Sequence[Cell]) -> list[Condition]:
    """Measure all cells whose plain training has ended."""
    by_condition: dict[str, list[CellResult]] = {}
    for cell in cells:
        if (study / "cells" / cell.name / PLAIN).is_file():
            by_condition.setdefault(cell.condition, []).append(load_cell(study, cell))
    return [Condition(name, tuple(results)) for name, results in by_condition.items()]


def load_cell(study: Path, cell: Cell) -> CellResult:
    """Measure one cell whose plain training has ended."""
    folder, faces = study / "cells" / cell.name, study / "faces" / cell.name
    manifest = Manifest.read(faces)
    rows = manifest.rows("train")
    truth = np.load(faces / TRUTH, allow_pickle=False)[rows]
    evidence = read_evidence(folder, manifest, cell.seed)
    same_faces = cell.faces in ("drawn", "photographs")  # whatever the seed
    weights = draw_weights(len(rows), 0 if same_faces else cell.seed)
    found = {method: detect(evidence) for method, detect in DETECTORS.items() if _can(method, evidence)}
    tested = manifest.labels[manifest.rows("test")]
    correct, seen, seconds = {}, {}, {}
    for file in sorted(folder.glob("*.npz")):
        arrays = read(file)
        seen[file.stem], seconds[file.stem] = int(arrays["seen"]), float(arrays["seconds"])
        if "probabilities" in arrays and not re.fullmatch(r"fold-\d", file.stem):
            correct[file.stem] = arrays["probabilities"].argmax(axis=1) == tested
    measures = {method: measure(what, truth, weights) for method, what in found.items()}
    return CellResult(cell, manifest.labels[rows], truth, found, measures, correct, seen, seconds)


def _can(method: str, evidence: Evidence) -> bool:
    """Whether all that a method needs has ended."""
    if method in CLEANLAB:
        return evidence.out_of_fold is not None
    if method in _RULES:
        return method in evidence.removed
    return method != "margins" or evidence.threshold is not None


def _mean(parts: Sequence[Resampled]) -> Estimate | None:
    """Return the mean over the seeds; both faces and seeds are resampled for its interval."""
    known = [part for part in parts if np.isfinite(part.value)]
    if not known:
        return None
    value = float(np.mean([part.value for part in known]))
    draws = np.stack([part.draws for part in known])
    chosen = np.random.default_rng(0).integers(0, len(known), (len(known), draws.shape[1]))
    taken = np.take_along_axis(draws, chosen, axis=0)
    has_meaning = np.isfinite(taken)
    counts = has_meaning.sum(axis=0)
    means = np.where(has_meaning, taken, 0).sum(axis=0)[counts > 0] / counts[counts > 0]
    return percentile_interval(value, means)


def _resampled_share(correct: NDArray[np.bool_]) -> Resampled:
    draws = draw_weights(len(correct), 0) @ correct / len(correct)  # all seeds are tested on the same faces
    return Resampled(float(correct.mean()), draws)


def measured(conditions: Sequence[Condition]) -> Iterator[tuple[Condition, str, str, Estimate]]:
    """Yield every measure that has a value: condition, method, measure, estimate."""
    for condition in conditions:
        for method in condition.methods:
            for name in MEASURES:
                estimate = condition.estimate(method, name)
                if estimate is not None:
                    yield condition, method, name, estimate
