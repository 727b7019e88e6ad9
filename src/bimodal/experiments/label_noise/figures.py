"""The figures of the study: precision against recall, score distributions, noise levels, calibration, and examples."""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.experiments.label_noise.results import CellResult, Condition
from bimodal.experiments.label_noise.samples import RIGHT, UNDECIDED, WRONG
from bimodal.files import write_atomically
from bimodal.rendering.plot import COLOURS, INK, KEPT, REMOVED, SOFT, canvas, legend, png
from bimodal.vision.pictures import decode

_METHODS = {
    "two-modes": ("two-modes", COLOURS[0], "-"),
    "cleanlab": ("cleanlab, 5 folds", COLOURS[1], "-"),
    "mean-loss": ("mean loss", COLOURS[2], "-"),
    "margins": ("margins (AUM)", COLOURS[3], "-"),
    "mixture": ("mixture of Gaussians", COLOURS[4], "--"),
    "scn": ("relabelling (SCN)", COLOURS[5], "--"),
    "wang": ("the paper's rule", SOFT, "--"),
    "random": ("random", SOFT, ":"),
}
_BINS = 60
_MIN_FACES = 20
"""Fewest faces of a point in the calibration figure."""
_COLUMNS, _ROWS, _TILE, _CAPTION = 8, 4, 112, 30


def write_figures(conditions: Sequence[Condition], out: Path, faces: Path) -> list[Path]:
    """Write the figures as PNG files, and return their paths.

    Args:
        conditions: the results.
        out: the folder to write into.
        faces: the folder of the cells' data folders; only synthetic faces are shown.
    """
    out.mkdir(exist_ok=True)
    pictures: dict[str, bytes] = {}
    shown = [condition for condition in conditions if not condition.cell.rare]
    for condition in shown:
        first = condition.results[0]
        if condition.cell.has_wrong_labels:
            pictures[f"curves-{condition.name}"] = png(precision_recall(condition))
        pictures[f"scores-{condition.name}"] = png(score_histogram(first, condition))
        if condition.cell.faces == "drawn" and condition.cell.noise:
            pictures[f"found-{condition.name}"] = example_sheet(first, Manifest.read(faces / first.cell.name))
    families: dict[str, list[Condition]] = {}
    for condition in shown:
        families.setdefault(_family(condition), []).append(condition)
    for name, family in families.items():
        for measure in ("average_precision", "f1"):
            if len({condition.cell.noise for condition in family}) > 1:
                pictures[f"levels-{name}-{measure.replace('_', '-')}"] = png(by_noise_level(family, measure))
        pictures[f"calibration-{name}"] = png(calibration(family))
    files = []
    for name, content in pictures.items():
        file = out / f"{name}.png"
        write_atomically(file, partial(Path.write_bytes, data=content))
        files.append(file)
    return files


def precision_recall(condition: Condition) -> Figure:
    """Draw precision against recall of each ranking in the first seed, with a dot at each method's threshold."""
    result = condition.results[0]
    decided = result.truth != UNDECIDED
    wrong = result.truth[decided] == WRONG
    with canvas(5.2, 3.9) as (figure, axes):
        for method, (name, colour, style) in _METHODS.items():
            detection = result.detections.get(method)
            if detection is None:
                continue
            if detection.score is not None:
                order = np.argsort(-detection.score[decided], kind="stable")
                hits = np.cumsum(wrong[order])
                recall, precision = hits / hits[-1], hits / np.arange(1, len(hits) + 1)
                start = max(5, len(hits) // 200)  # the precision of the first few faces is noise
                axes.plot(recall[start:], precision[start:], style, color=colour, label=name, linewidth=1.4)
            if detection.remove is not None and detection.remove[decided].any() and method != "random":
                flagged = detection.remove[decided]
                axes.plot(wrong[flagged].sum() / wrong.sum(), wrong[flagged].mean(), "o", color=colour, markersize=6)
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=_title(condition))
        legend(figure, 3)
    return figure


def score_histogram(result: CellResult, condition: Condition) -> Figure:
    """Draw the log-odds against the label, right and wrong labels in two colours, with the threshold."""
    score, flagged, _ = _two_modes(result)
    with canvas(5.2, 3.3) as (figure, axes):
        low, high = np.quantile(score, [0.001, 0.999])
        edges = np.linspace(float(low), float(high), _BINS + 1)
        groups = [(RIGHT, "right label", KEPT), (WRONG, "wrong label", REMOVED), (UNDECIDED, "undecided", SOFT)]
        present = [group for group in groups if (result.truth == group[0]).any()]
        axes.hist(
            [score[result.truth == kind] for kind, _, _ in present],
            edges.tolist(),
            stacked=True,
            color=[colour for _, _, colour in present],
            label=[name for _, name, _ in present],
        )
        threshold = float(score[flagged].min()) if flagged.any() else None
        if threshold is not None:
            axes.axvline(threshold, color=INK, linewidth=1.2)
        axes.annotate(
            "no wrong labels found" if threshold is None else f"threshold {threshold:.2f}",
            (1, 1) if threshold is None else (threshold, 1),
            xycoords="axes fraction" if threshold is None else ("data", "axes fraction"),
            xytext=(-4 if threshold is None else 4, -4),
            textcoords="offset points",
            va="top",
            ha="right" if threshold is None else "left",
            fontsize=8,
        )
        axes.set(xlabel="log-odds of the best other emotion against the label", ylabel="faces", title=_title(condition))
        legend(figure)
    return figure


def by_noise_level(family: Sequence[Condition], measure: str) -> Figure:
    """Draw a measure against the share of wrong labels, with 95 % intervals."""
    noisy = sorted((condition for condition in family if condition.cell.noise), key=lambda c: c.cell.noise)
    with canvas(5.2, 3.6) as (figure, axes):
        for method, (name, colour, style) in _METHODS.items():
            estimates = [(c.cell.noise, c.estimate(method, measure)) for c in noisy if method in c.methods]
            points = [(100 * noise, estimate) for noise, estimate in estimates if estimate is not None]
            if not points:
                continue
            places = [percent for percent, _ in points]
            axes.plot(places, [e.value for _, e in points], style, color=colour, label=name, marker=".")
            axes.fill_between(
                places, [e.low for _, e in points], [e.high for _, e in points], color=colour, alpha=0.12, linewidth=0
            )
        words = {"average_precision": "average precision", "f1": "F1 of the labels to review or to remove"}[measure]
        axes.set(xlabel="wrong labels, %", ylabel=words, ylim=(0, 1), title=_family(family[0]).replace("-", " "))
        legend(figure, 3)
    return figure


def calibration(family: Sequence[Condition]) -> Figure:
    """Draw the share of wrong labels against the estimated probability that a label is wrong, over all seeds."""
    with canvas(4.6, 4.0) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        for number, condition in enumerate(c for c in family if c.cell.has_wrong_labels):
            probability, wrong = _pooled_probabilities(condition)
            bins = np.clip((10 * probability).astype(int), 0, 9)
            counts = np.bincount(bins, minlength=10)
            full = counts >= _MIN_FACES
            axes.plot(
                np.bincount(bins, probability, 10)[full] / counts[full],
                np.bincount(bins, wrong, 10)[full] / counts[full],
                marker=".",
                color=COLOURS[number % len(COLOURS)],
                label=_level(condition),
                linewidth=1.2,
            )
        axes.set(xlabel="estimated probability that the label is wrong", ylabel="share of wrong labels")
        axes.set(xlim=(0, 1), ylim=(0, 1), title=_family(family[0]).replace("-", " "))
        legend(figure, 3)
    return figure


def example_sheet(result: CellResult, manifest: Manifest) -> bytes:
    """Return a PNG of the synthetic faces with the highest scores, each with its label and its true emotion."""
    rows = manifest.rows("train")
    highest = np.argsort(-_two_modes(result)[0], kind="stable")[: _COLUMNS * _ROWS]
    picture = Image.new("RGB", (_COLUMNS * _TILE, _ROWS * (_TILE + _CAPTION)), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
    for place, index in enumerate(highest.tolist()):
        row = int(rows[index])
        left, top = place % _COLUMNS * _TILE, place // _COLUMNS * (_TILE + _CAPTION)
        face = Image.fromarray(decode(manifest.path(row))).resize((_TILE - 8, _TILE - 8), Image.Resampling.LANCZOS)
        picture.paste(face, (left + 4, top + 4))
        is_wrong = result.truth[index] == WRONG
        colour = REMOVED if is_wrong else KEPT
        pen.rectangle((left + 2, top + 2, left + _TILE - 3, top + _TILE - 3), outline=colour, width=3)
        label = NAMES[manifest.labels[row]]
        true = str(manifest.table["true_label"].iat[row]) or label
        pen.text((left + 4, top + _TILE), f"label: {label}", fill=INK, font=font)
        pen.text((left + 4, top + _TILE + 13), f"shows: {true}" if is_wrong else "right", fill=colour, font=font)
    buffer = BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _two_modes(result: CellResult) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return score, labels to review, and probability of a wrong label, (n,) each, of the rule two-modes."""
    detection = result.detections["two-modes"]
    if detection.score is None or detection.remove is None or detection.probability is None:
        raise ValueError("two-modes gives scores, decisions and probabilities")
    return detection.score, detection.remove, detection.probability


def _pooled_probabilities(condition: Condition) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    probabilities, wrong = [], []
    for result in condition.results:
        decided = result.truth != UNDECIDED
        probabilities.append(_two_modes(result)[2][decided])
        wrong.append(result.truth[decided] == WRONG)
    return np.concatenate(probabilities), np.concatenate(wrong)


def _family(condition: Condition) -> str:
    """Name the conditions that differ only in the share of wrong labels."""
    return condition.name.rsplit("-", 1)[0] if condition.cell.pattern != "own" else condition.name


def _level(condition: Condition) -> str:
    return "original labels" if condition.cell.pattern == "own" else f"{100 * condition.cell.noise:g} % wrong"


def _title(condition: Condition) -> str:
    return f"{_family(condition).replace('-', ' ')}, {_level(condition)}"
