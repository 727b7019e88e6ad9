"""The figures of the study: precision against recall, score distributions, noise levels, calibration, and examples."""

from collections.abc import Sequence
from dataclasses import astuple
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

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
    "features": ("audit by features", INK, "-"),
    "thorough": ("thorough audit", INK, "--"),
    "features-cleanlab": ("cleanlab, same probabilities", COLOURS[1], ":"),
    "simifeat": ("SimiFeat", COLOURS[2], ":"),
    "two-modes": ("two-modes", COLOURS[0], "-"),
    "cleanlab": ("cleanlab, 5 folds", COLOURS[1], "-"),
    "mean-loss": ("mean loss", COLOURS[2], "-"),
    "margins": ("margins (AUM)", COLOURS[3], "-"),
    "mixture": ("mixture of Gaussians", COLOURS[4], "--"),
    "scn": ("relabelling (SCN)", COLOURS[5], "--"),
    "wang": ("the paper's rule", SOFT, "--"),
    "random": ("random", SOFT, ":"),
}
_WORDS = {"average_precision": "average precision", "f1": "F1 of the labels to review or to remove"}
_BINS = 60
_MIN_FACES = 20
"""Fewest faces of a point in the calibration figure."""
_COLUMNS, _ROWS, _TILE, _CAPTION = 8, 4, 112, 30


def write_figures(conditions: Sequence[Condition], out: Path, faces: Path) -> None:
    """Write the figures as PNG files.

    Args:
        conditions: the results.
        out: the folder to write into.
        faces: the folder of the cells' data folders; only synthetic faces are shown.
    """
    pictures: dict[str, bytes] = {}
    families: dict[str, list[Condition]] = {}
    for condition in conditions:
        if condition.cell.rare:
            continue
        first = condition.results[0]
        if condition.cell.has_wrong_labels:
            pictures[f"curves-{condition.name}"] = png(precision_recall(condition))
        pictures[f"scores-{condition.name}"] = png(score_histogram(condition))
        if condition.cell.faces == "drawn" and condition.cell.noise:
            pictures[f"found-{condition.name}"] = example_sheet(first, Manifest.read(faces / first.cell.name))
        families.setdefault(_family(condition), []).append(condition)
    for name, family in families.items():
        if len({condition.cell.noise for condition in family}) > 1:
            for measure in _WORDS:
                pictures[f"levels-{name}-{measure.replace('_', '-')}"] = png(by_noise_level(family, measure))
        pictures[f"calibration-{name}"] = png(calibration(family))
    out.mkdir(exist_ok=True)
    for name, content in pictures.items():
        write_atomically(out / f"{name}.png", partial(Path.write_bytes, data=content))


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


def score_histogram(condition: Condition) -> Figure:
    """Draw the score of the audit in the first seed, right and wrong labels in two colours, with the threshold."""
    truth = condition.results[0].truth
    score, flagged, _ = _audit(condition.results[0])
    with canvas(5.2, 3.3) as (figure, axes):
        low, high = np.quantile(score, [0.001, 0.999])
        edges = np.linspace(float(low), float(high), _BINS + 1)
        groups = [(RIGHT, "right label", KEPT), (WRONG, "wrong label", REMOVED), (UNDECIDED, "undecided", SOFT)]
        kinds, names, colours = zip(*[group for group in groups if (truth == group[0]).any()], strict=True)
        scores = [score[truth == kind] for kind in kinds]
        axes.hist(scores, edges.tolist(), stacked=True, color=colours, label=names)
        style: Any = {"textcoords": "offset points", "va": "top", "fontsize": 8}
        if flagged.any():
            threshold = float(score[flagged].min())
            axes.axvline(threshold, color=INK, linewidth=1.2)
            style |= {"xycoords": ("data", "axes fraction"), "xytext": (4, -4), "ha": "left"}
            axes.annotate(f"threshold {threshold:.2f}", (threshold, 1), **style)
        else:
            style |= {"xycoords": "axes fraction", "xytext": (-4, -4), "ha": "right"}
            axes.annotate("no wrong labels found", (1, 1), **style)
        by_features = "features" in condition.results[0].detections
        label = (
            "log-odds that the label is wrong"
            if by_features
            else "log-odds of the best other emotion against the label"
        )
        axes.set(xlabel=label, ylabel="faces", title=_title(condition))
        legend(figure)
    return figure


def by_noise_level(family: Sequence[Condition], measure: str) -> Figure:
    """Draw a measure against the share of wrong labels, with 95 % intervals."""
    noisy = sorted((condition for condition in family if condition.cell.noise), key=lambda c: c.cell.noise)
    with canvas(5.2, 3.6) as (figure, axes):
        for method, (name, colour, style) in _METHODS.items():
            estimates = [(c.cell.noise, c.estimate(method, measure)) for c in noisy]
            points = [(100 * noise, *astuple(estimate)) for noise, estimate in estimates if estimate is not None]
            if points:
                percent, value, low, high = np.transpose(points)
                axes.plot(percent, value, style, color=colour, label=name, marker=".")
                axes.fill_between(percent, low, high, color=colour, alpha=0.12, linewidth=0)
        title = _family(family[0]).replace("-", " ")
        axes.set(xlabel="wrong labels, %", ylabel=_WORDS[measure], ylim=(0, 1), title=title)
        legend(figure, 3)
    return figure


def calibration(family: Sequence[Condition]) -> Figure:
    """Draw the share of wrong labels against the estimated probability that a label is wrong, over all seeds."""
    with canvas(4.6, 4.0) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        for number, condition in enumerate(c for c in family if c.cell.has_wrong_labels):
            truth = np.concatenate([result.truth for result in condition.results])
            probability = np.concatenate([_audit(result)[2] for result in condition.results])[truth != UNDECIDED]
            wrong = truth[truth != UNDECIDED] == WRONG
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
    highest = np.argsort(-_audit(result)[0], kind="stable")[: _COLUMNS * _ROWS]
    picture = Image.new("RGB", (_COLUMNS * _TILE, _ROWS * (_TILE + _CAPTION)), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
    for place, index in enumerate(highest.tolist()):
        row = int(rows[index])
        left, top = place % _COLUMNS * _TILE, place // _COLUMNS * (_TILE + _CAPTION)
        face = Image.fromarray(decode(manifest.picture(row))).resize((_TILE - 8, _TILE - 8), Image.Resampling.LANCZOS)
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


def _audit(result: CellResult) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return score, labels to review, and probability of a wrong label, (n,) each, of the audit.

    The audit is that by features, or without one that of the plain training.
    """
    detection = result.detections.get("features") or result.detections["two-modes"]
    if detection.score is None or detection.remove is None or detection.probability is None:
        raise ValueError("an audit gives scores, decisions and probabilities")
    return detection.score, detection.remove, detection.probability


def _family(condition: Condition) -> str:
    """Name the conditions that differ only in the share of wrong labels."""
    return condition.name.rsplit("-", 1)[0] if condition.cell.pattern != "own" else condition.name


def _level(condition: Condition) -> str:
    return "original labels" if condition.cell.pattern == "own" else f"{100 * condition.cell.noise:g} % wrong"


def _title(condition: Condition) -> str:
    return f"{_family(condition).replace('-', ' ')}, {_level(condition)}"
