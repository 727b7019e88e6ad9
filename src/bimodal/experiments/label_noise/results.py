"""The results of the study: each method's measures over the seeds, with intervals, differences and costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.evaluation.comparison import Comparison, compare
from bimodal.evaluation.statistics import Estimate, percentile_interval
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.label_noise.detectors import DETECTORS, NEEDED_JOBS, Detection
from bimodal.experiments.label_noise.evidence import FEATURES, FOLD_FILES, PLAIN, THOROUGH, read_arrays, read_evidence
from bimodal.experiments.label_noise.measures import draw_weights, measure
from bimodal.experiments.label_noise.samples import TRUTH

CLEANLAB = ("cleanlab", "cleanlab-both")
FEATURES_CLEANLAB = ("features-cleanlab", "features-cleanlab-both", "features-cleanlab-confident")
"""cleanlab's filters, on trainings and on the probabilities of the audit by features."""
_BASELINES = ("plain", "probe")


@dataclass(frozen=True, eq=False)
class CellResult:
    """The results of one cell.

    Attributes:
        cell: the cell.
        labels, truth: (n,), of the training faces.
        detections: by method.
        measures: by method and measure, see `measure`.
        correct: by training (`plain`, `rule-two-modes`, `without-cleanlab`, ...), (m,) bool: which test faces it classifies
            correctly, by their clean labels. `probe` is the preset of that name; `probe-without-features` is the same without
            the faces that the audit by features would remove without review.
        seen: by training, the number of faces trained on, over all epochs.
        seconds: by training, its duration; other trainings may have run at the same time.
    """

    cell: Cell
    labels: NDArray[np.int64]
    truth: NDArray[np.int8]
    detections: dict[str, Detection]
    measures: dict[str, dict[str, NDArray[np.float64]]]
    correct: dict[str, NDArray[np.bool_]]
    seen: dict[str, int]
    seconds: dict[str, float]

    def cost(self, method: str) -> tuple[float, float]:
        """Return the faces that a method trains on, as a multiple of the plain training's, and the seconds.

        The multiple is NaN if the plain training has not finished.
        """
        needed = NEEDED_JOBS[method]
        faces = sum(self.seen[name] for name in needed) / self.seen.get("plain", np.nan)
        return faces, sum(self.seconds[name] for name in needed)


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
        return [method for method in DETECTORS if self.results_of(method)]

    @property
    def trainings(self) -> list[str]:
        """The names of all tested trainings, the plain one first."""
        names = {name for result in self.results for name in result.correct}
        return sorted(names, key=lambda name: (name not in _BASELINES, not name.startswith("rule"), name))

    def results_of(self, method: str) -> list[CellResult]:
        """Return the cells in which a method has results."""
        return [result for result in self.results if method in result.measures]

    def estimate(self, method: str, name: str) -> Estimate | None:
        """Return the mean of a measure over the seeds, with its interval over faces and seeds; None if undefined."""
        return _mean([result.measures[method][name] for result in self.results_of(method)])

    def difference(self, method: str, other: str, name: str) -> Estimate | None:
        """Return a measure of one method minus that of another, on the same faces and seeds; None if undefined."""
        both = [result.measures for result in self.results_of(method) if other in result.measures]
        return _mean([measures[method][name] - measures[other][name] for measures in both])

    def accuracy(self, training: str) -> Estimate | None:
        """Return the test accuracy of a training, with its interval over test faces and seeds."""
        runs = [result.correct[training] for result in self.results if training in result.correct]
        return _mean([draw_weights(len(run), 0) @ run / len(run) for run in runs])  # the seeds have the same test faces

    def compare_with_baseline(self, training: str) -> Comparison:
        """Compare the test accuracy of a training with that of the same training on all faces, paired by face and seed."""
        baseline = "probe" if training.startswith("probe") else "plain"
        both = [result.correct for result in self.results if training in result.correct]
        return compare([correct[baseline] for correct in both], [correct[training] for correct in both])


def load(study: Path, cells: Sequence[Cell]) -> list[Condition]:
    """Measure all cells with results of a training or of an audit, and group them by condition."""
    by_condition: dict[str, list[CellResult]] = {}
    for cell in cells:
        if any((study / "cells" / cell.name / file).is_file() for file in (PLAIN, FEATURES)):
            by_condition.setdefault(cell.condition, []).append(_load_cell(study, cell))
    return [Condition(name, tuple(results)) for name, results in by_condition.items()]


def _load_cell(study: Path, cell: Cell) -> CellResult:
    folder, faces = study / "cells" / cell.name, study / "faces" / cell.name
    manifest = Manifest.read(faces)
    rows = manifest.rows("train")
    truth = np.load(faces / TRUTH, allow_pickle=False)[rows]
    evidence = read_evidence(folder, manifest, cell.seed)
    same_faces = cell.allows_features  # in all seeds
    weights = draw_weights(len(rows), 0 if same_faces else cell.seed)
    finished = {file.stem for file in folder.glob("*.npz")}
    detections = {
        method: detect(evidence) for method, detect in DETECTORS.items() if finished >= set(NEEDED_JOBS[method])
    }
    measures = {method: measure(detection, truth, weights) for method, detection in detections.items()}
    test_labels = manifest.labels[manifest.rows("test")]
    correct, seen, seconds = {}, {}, {}
    for file in sorted(folder.glob("*.npz")):
        arrays = read_arrays(file)
        seen[file.stem], seconds[file.stem] = int(arrays["seen"]), float(arrays["seconds"])
        if "probabilities" in arrays and file.name not in FOLD_FILES:
            correct[file.stem] = arrays["probabilities"].argmax(axis=1) == test_labels
        elif file.name in (FEATURES, THOROUGH):
            correct["probe"] = arrays["test_as_labelled"].argmax(axis=1) == test_labels
            correct[f"probe-without-{file.stem}"] = arrays["test_cleaned"].argmax(axis=1) == test_labels
    return CellResult(cell, manifest.labels[rows], truth, detections, measures, correct, seen, seconds)


def _mean(parts: Sequence[NDArray[np.float64]]) -> Estimate | None:
    """Return the mean over the seeds of values under `draw_weights`; faces and seeds are resampled for its interval."""
    defined = [part for part in parts if np.isfinite(part[0])]
    if not defined:
        return None
    values = np.stack(defined)
    draws = values[:, 1:]
    chosen = np.random.default_rng(0).integers(0, len(draws), draws.shape)
    resampled = np.take_along_axis(draws, chosen, axis=0)
    is_defined = np.isfinite(resampled)
    counts = is_defined.sum(axis=0)
    means = np.where(is_defined, resampled, 0).sum(axis=0)[counts > 0] / counts[counts > 0]
    return percentile_interval(float(values[:, 0].mean()), means)
