"""The results of the study: each method's measures over the seeds, with intervals, differences and costs."""

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
from bimodal.experiments.label_noise.detectors import DETECTORS, Detection
from bimodal.experiments.label_noise.evidence import FOLDS, PLAIN, Evidence, read_arrays, read_evidence
from bimodal.experiments.label_noise.measures import MEASURES, Resampled, draw_weights, kept_by_class, measure
from bimodal.experiments.label_noise.samples import TRUTH

CLEANLAB = ("cleanlab", "cleanlab-both")
_RULES = ("wang-repeated", "slade-gedeon")


@dataclass(frozen=True, eq=False)
class CellResult:
    """The results of one cell.

    Attributes:
        cell: the cell.
        labels, truth: (n,), of the training faces.
        detections: by method.
        measures: by method and measure.
        correct: by training (`plain`, `rule-two-modes`, `without-cleanlab`, ...), (m,) bool: which test faces it classifies
            correctly, by their clean labels.
        seen: by training, the number of faces trained on, over all epochs.
        seconds: by training, its duration.
    """

    cell: Cell
    labels: NDArray[np.int64]
    truth: NDArray[np.int8]
    detections: dict[str, Detection]
    measures: dict[str, dict[str, Resampled]]
    correct: dict[str, NDArray[np.bool_]]
    seen: dict[str, int]
    seconds: dict[str, float]

    def kept(self, method: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the number of right labels that a method keeps, and of all right labels, by emotion, (7,) each."""
        return kept_by_class(self.detections[method], self.truth, self.labels, len(NAMES))

    def cost(self, method: str) -> float | None:
        """Return the faces that a method trains on, as a multiple of the plain training's; None if not known yet."""
        trainings = self._trainings_of(method)
        return None if trainings is None else sum(self.seen[name] for name in trainings) / self.seen["plain"]

    def seconds_of(self, method: str) -> float | None:
        """Return the duration of a method's trainings, whatever else ran beside them; None if not known yet."""
        trainings = self._trainings_of(method)
        return None if trainings is None else sum(self.seconds[name] for name in trainings)

    def _trainings_of(self, method: str) -> list[str] | None:
        several = {"margins": ["plain", "threshold"]} | {key: [f"fold-{k}" for k in range(FOLDS)] for key in CLEANLAB}
        trainings = several.get(method, [f"rule-{method}" if method in _RULES else "plain"])
        return trainings if all(name in self.seen for name in trainings) else None


@dataclass(frozen=True, eq=False)
class Condition:
    """The cells of one condition, one for each seed."""

    name: str
    results: tuple[CellResult, ...]

    @property
    def cell(self) -> Cell:
        """One of its cells; they differ in the seed only."""
        return self.results[0].cell

    @property
    def methods(self) -> list[str]:
        """The methods with results in at least one cell, in the order of the table."""
        return [method for method in DETECTORS if any(method in result.measures for result in self.results)]

    def results_of(self, method: str) -> list[CellResult]:
        """Return the cells in which a method has results."""
        return [result for result in self.results if method in result.measures]

    def estimate(self, method: str, name: str) -> Estimate | None:
        """Return the mean of a measure over the seeds, with its interval over faces and seeds; None if undefined."""
        return _mean([result.measures[method][name] for result in self.results_of(method)])

    def difference(self, method: str, other: str, name: str) -> Estimate | None:
        """Return a measure of one method minus that of another, on the same faces and seeds; None if undefined."""
        both = [result.measures for result in self.results_of(method) if other in result.measures]
        pairs = [(measures[method][name], measures[other][name]) for measures in both]
        return _mean([Resampled(a.value - b.value, a.draws - b.draws) for a, b in pairs])

    def accuracy(self, training: str) -> Estimate | None:
        """Return the test accuracy of a training, with its interval over test faces and seeds."""
        runs = [result.correct[training] for result in self.results if training in result.correct]
        return _mean([_resampled_accuracy(run) for run in runs]) if runs else None

    def compare_with_plain(self, training: str) -> Comparison | None:
        """Compare the test accuracy of a training with the plain training's, paired by face and seed."""
        both = [result.correct for result in self.results if training in result.correct]
        if not both:
            return None
        return compare([correct["plain"] for correct in both], [correct[training] for correct in both])

    @cached_property
    def trainings(self) -> list[str]:
        """The names of all tested trainings, the plain one first."""
        names = {name for result in self.results for name in result.correct}
        return sorted(names, key=lambda name: (name != "plain", not name.startswith("rule"), name))


def load(study: Path, cells: Sequence[Cell]) -> list[Condition]:
    """Measure all cells whose plain training has finished, and group them by condition."""
    by_condition: dict[str, list[CellResult]] = {}
    for cell in cells:
        if (study / "cells" / cell.name / PLAIN).is_file():
            by_condition.setdefault(cell.condition, []).append(load_cell(study, cell))
    return [Condition(name, tuple(results)) for name, results in by_condition.items()]


def load_cell(study: Path, cell: Cell) -> CellResult:
    """Measure one cell whose plain training has finished."""
    folder, faces = study / "cells" / cell.name, study / "faces" / cell.name
    manifest = Manifest.read(faces)
    rows = manifest.rows("train")
    truth = np.load(faces / TRUTH, allow_pickle=False)[rows]
    evidence = read_evidence(folder, manifest, cell.seed)
    same_faces = cell.faces in ("drawn", "photographs")  # in all seeds
    weights = draw_weights(len(rows), 0 if same_faces else cell.seed)
    detections = {method: detect(evidence) for method, detect in DETECTORS.items() if _is_ready(method, evidence)}
    test_labels = manifest.labels[manifest.rows("test")]
    correct, seen, seconds = {}, {}, {}
    for file in sorted(folder.glob("*.npz")):
        arrays = read_arrays(file)
        seen[file.stem], seconds[file.stem] = int(arrays["seen"]), float(arrays["seconds"])
        if "probabilities" in arrays and not re.fullmatch(r"fold-\d", file.stem):
            correct[file.stem] = arrays["probabilities"].argmax(axis=1) == test_labels
    measures = {method: measure(detection, truth, weights) for method, detection in detections.items()}
    return CellResult(cell, manifest.labels[rows], truth, detections, measures, correct, seen, seconds)


def all_estimates(conditions: Sequence[Condition]) -> Iterator[tuple[Condition, str, str, Estimate]]:
    """Yield each defined measure: condition, method, measure, estimate."""
    for condition in conditions:
        for method in condition.methods:
            for name in MEASURES:
                estimate = condition.estimate(method, name)
                if estimate is not None:
                    yield condition, method, name, estimate


def _is_ready(method: str, evidence: Evidence) -> bool:
    """Whether the trainings that a method needs have finished."""
    if method in CLEANLAB:
        return evidence.out_of_fold is not None
    if method in _RULES:
        return method in evidence.removed
    return method != "margins" or evidence.threshold is not None


def _mean(parts: Sequence[Resampled]) -> Estimate | None:
    """Return the mean over the seeds; faces and seeds are resampled for its interval."""
    defined = [part for part in parts if np.isfinite(part.value)]
    if not defined:
        return None
    value = float(np.mean([part.value for part in defined]))
    draws = np.stack([part.draws for part in defined])
    chosen = np.random.default_rng(0).integers(0, len(defined), (len(defined), draws.shape[1]))
    resampled = np.take_along_axis(draws, chosen, axis=0)
    is_defined = np.isfinite(resampled)
    counts = is_defined.sum(axis=0)
    means = np.where(is_defined, resampled, 0).sum(axis=0)[counts > 0] / counts[counts > 0]
    return percentile_interval(value, means)


def _resampled_accuracy(correct: NDArray[np.bool_]) -> Resampled:
    draws = draw_weights(len(correct), 0) @ correct / len(correct)  # all seeds have the same test faces
    return Resampled(float(correct.mean()), draws)
