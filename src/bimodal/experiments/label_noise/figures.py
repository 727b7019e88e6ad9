"""The study's pictures: who finds how much at which precision, where the threshold falls, and what was found."""

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
from bimodal.rendering.plot import COLOURS, REMOVED, INK, KEPT, SOFT, canvas, legend, png
from bimodal.vision.pictures import decode

_SHOWN = {
    "two-modes": ("two-modes", COLOURS[0], "-"),
    "cleanlab": ("cleanlab, 5 folds", COLOURS[1], "-"),
    "mean-loss": ("mean loss", COLOURS[2], "-"),
    "margins": ("margins", COLOURS[3], "-"),
    "mixture": ("mixture on the loss", COLOURS[4], "--"),
    "scn": ("self-cure", COLOURS[5], "--"),
    "wang": ("the paper's step", SOFT, "--"),
    "random": ("random", SOFT, ":"),
}
_BINS = 60
_SHEET, _TILE, _LINES = (8, 4), 112, 30


def write_figures(conditions: Sequence[Condition], out: Path, faces: Path) -> list[Path]:
    """Write the figures as PNG.

    Args:
        conditions: what was measured.
        out: the folder.
        faces: where the cells' data folders lie; only drawn faces are ever shown.
    """
    out.mkdir(exist_ok=True)
    pictures: dict[str, bytes] = {}
    for condition in conditions:
        if condition.cell.rare:
            continue
        first = condition.results[0]
        if condition.cell.noise or condition.cell.pattern == "own":
            pictures[f"curves-{condition.name}"] = png(curves(condition))
        pictures[f"scores-{condition.name}"] = png(scores(first, condition))
        if condition.cell.faces == "drawn" and condition.cell.noise:
            pictures[f"found-{condition.name}"] = sheet(first, Manifest.read(faces / first.cell.name))
    for name, own in _families(conditions).items():
        for measure in ("average_precision", "f1"):
            if len({condition.cell.noise for condition in own}) > 1:
                pictures[f"levels-{name}-{measure.replace('_', '-')}"] = png(levels(own, measure))
    pictures |= {f"calibration-{name}": png(calibration(own)) for name, own in _families(conditions).items()}
    files = []
    for name, content in pictures.items():
        file = out / f"{name}.png"
        write_atomically(file, partial(Path.write_bytes, data=content))
        files.append(file)
    return files


def curves(condition: Condition) -> Figure:
    """Draw precision against recall for each ranking, and a dot where each method would cut; of the first seed."""
    result = condition.results[0]
    decided = result.truth != UNDECIDED
    wrong = result.truth[decided] == WRONG
    with canvas(5.2, 3.9) as (figure, axes):
        for method, (name, colour, style) in _SHOWN.items():
            found = result.found.get(method)
            if found is None:
                continue
            if found.score is not None:
                order = np.argsort(-found.score[decided], kind="stable")
                hits = np.cumsum(wrong[order])
                recall, precision = hits / hits[-1], hits / np.arange(1, len(hits) + 1)
                start = max(5, len(hits) // 200)  # the first few faces say nothing
                axes.plot(recall[start:], precision[start:], style, color=colour, label=name, linewidth=1.4)
            if found.remove is not None and found.remove[decided].any() and method != "random":
                called = found.remove[decided]
                axes.plot(wrong[called].sum() / wrong.sum(), wrong[called].mean(), "o", color=colour, markersize=6)
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=_title(condition))
        legend(figure, 3)
    return figure


def scores(result: CellResult, condition: Condition) -> Figure:
    """Draw the log odds against the label, right and wrong ones in two colours, with the threshold."""
    found = result.found["two-modes"]
    assert found.score is not None
    assert found.remove is not None
    with canvas(5.2, 3.3) as (figure, axes):
        low, high = np.quantile(found.score, [0.001, 0.999])
        edges = np.linspace(float(low), float(high), _BINS + 1)
        groups = [(RIGHT, "right label", KEPT), (WRONG, "wrong label", REMOVED), (UNDECIDED, "undecided", SOFT)]
        shown = [(kind, name, colour) for kind, name, colour in groups if (result.truth == kind).any()]
        axes.hist(
            [found.score[result.truth == kind] for kind, _, _ in shown],
            edges.tolist(),
            stacked=True,
            color=[colour for _, _, colour in shown],
            label=[name for _, name, _ in shown],
        )
        if found.remove.any():
            threshold = float(found.score[found.remove].min())
            axes.axvline(threshold, color=INK, linewidth=1.2)
            axes.annotate(
                f"threshold {threshold:.2f}", (threshold, 1), xycoords=("data", "axes fraction"),
                xytext=(4, -4), textcoords="offset points", va="top", fontsize=8,
            )  # fmt: skip
        else:
            axes.annotate(
                "no second mode: nothing is removed", (1, 1), xycoords="axes fraction",
                xytext=(-4, -4), textcoords="offset points", va="top", ha="right", fontsize=8,
            )  # fmt: skip
        axes.set(xlabel="log odds of the best other emotion against the label", ylabel="faces", title=_title(condition))
        legend(figure)
    return figure


def levels(conditions: Sequence[Condition], measure: str) -> Figure:
    """Draw a measure over the share of wrong labels, with the 95 % intervals."""
    own = sorted((condition for condition in conditions if condition.cell.noise), key=lambda c: c.cell.noise)
    with canvas(5.2, 3.6) as (figure, axes):
        for method, (name, colour, style) in _SHOWN.items():
            known = [(c.cell.noise, c.estimate(method, measure)) for c in own if method in c.methods]
            points = [(noise, estimate) for noise, estimate in known if estimate is not None]
            if not points:
                continue
            places = [100 * noise for noise, _ in points]
            axes.plot(places, [e.value for _, e in points], style, color=colour, label=name, marker=".")
            axes.fill_between(
                places, [e.low for _, e in points], [e.high for _, e in points], color=colour, alpha=0.12, linewidth=0
            )
        words = {"average_precision": "average precision", "f1": "F1 of what is removed"}[measure]
        axes.set(xlabel="wrong labels, %", ylabel=words, ylim=(0, 1), title=_family(conditions[0]).replace("-", " "))
        legend(figure, 3)
    return figure


def calibration(conditions: Sequence[Condition]) -> Figure:
    """Draw, for faces of like probability, how many of their labels are wrong; all seeds together."""
    with canvas(4.6, 4.0) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        several = [
            c for c in conditions if c.cell.noise or c.cell.pattern == "own"
        ]  # without wrong labels all are near 0
        for number, condition in enumerate(several):
            probability, wrong = _probabilities(condition)
            bins = np.clip((10 * probability).astype(int), 0, 9)
            counts = np.bincount(bins, minlength=10)
            full = counts >= 20  # fewer say nothing
            said = np.bincount(bins, probability, 10)[full] / counts[full]
            true = np.bincount(bins, wrong, 10)[full] / counts[full]
            axes.plot(
                said, true, marker=".", color=COLOURS[number % len(COLOURS)], label=_level(condition), linewidth=1.2
            )
        axes.set(
            xlabel="probability that the label is wrong, as said",
            ylabel="share of wrong labels",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        axes.set_title(_family(conditions[0]).replace("-", " "))
        legend(figure, 3)
    return figure


def sheet(result: CellResult, manifest: Manifest) -> bytes:
    """Return a PNG of the drawn faces that come first in the ranking: what they are called, and what they show."""
    rows = manifest.rows("train")
    score = result.found["two-modes"].score
    assert score is not None
    columns, lines = _SHEET
    first = np.argsort(-score, kind="stable")[: columns * lines]
    picture = Image.new("RGB", (columns * _TILE, lines * (_TILE + _LINES)), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
    for place, index in enumerate(first.tolist()):
        row = int(rows[index])
        left, top = place % columns * _TILE, place // columns * (_TILE + _LINES)
        face = Image.fromarray(decode(manifest.path(row))).resize((_TILE - 8, _TILE - 8), Image.Resampling.LANCZOS)
        picture.paste(face, (left + 4, top + 4))
        is_wrong = result.truth[index] == WRONG
        colour = REMOVED if is_wrong else KEPT
        pen.rectangle((left + 2, top + 2, left + _TILE - 3, top + _TILE - 3), outline=colour, width=3)
        true = str(manifest.table["true_label"].iat[row]) or NAMES[manifest.labels[row]]
        pen.text((left + 4, top + _TILE), f"called {NAMES[manifest.labels[row]]}", fill=INK, font=font)
        pen.text((left + 4, top + _TILE + 13), f"shows {true}" if is_wrong else "rightly so", fill=colour, font=font)
    buffer = BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _probabilities(condition: Condition) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    probabilities, wrongs = [], []
    for result in condition.results:
        decided = result.truth != UNDECIDED
        probability = result.found["two-modes"].probability
        assert probability is not None
        probabilities.append(probability[decided])
        wrongs.append(result.truth[decided] == WRONG)
    return np.concatenate(probabilities), np.concatenate(wrongs)


def _families(conditions: Sequence[Condition]) -> dict[str, list[Condition]]:
    """Return the conditions that differ only in the share of wrong labels, by name; 0 belongs to the symmetric."""
    families: dict[str, list[Condition]] = {}
    for condition in conditions:
        if not condition.cell.rare:
            families.setdefault(_family(condition), []).append(condition)
    return families


def _family(condition: Condition) -> str:
    return condition.name.rsplit("-", 1)[0] if condition.cell.pattern != "own" else condition.name


def _level(condition: Condition) -> str:
    return "its own labels" if condition.cell.pattern == "own" else f"{100 * condition.cell.noise:g} % wrong"


def _title(condition: Condition) -> str:
    family = _family(condition).replace("-", " ")
    return f"{family}, {_level(condition)}"
