"""Figures by class: number of faces (the paper's figures 2 and 3), confusion matrix and reliability diagram."""

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bimodal.emotions import NAMES
from bimodal.evaluation.metrics import Measures, Reliability
from bimodal.rendering.plot import COLOURS, INK, KEPT, LINE, PAPER, REMOVED, SOFT, canvas, legend


def class_counts(manifest: pd.DataFrame, splits: dict[str, str], removed: pd.DataFrame | None = None) -> Figure:
    """Draw the number of faces of each class (the paper's figures 2 and 3).

    Args:
        splits: the splits and their titles; a bar in each class for each split.
        removed: rows removed from training; their part of the training bars has another colour.
    """
    with canvas() as (figure, axes):
        width = 0.8 / len(splits)
        x = np.arange(len(NAMES))
        for number, (split, title) in enumerate(splits.items()):
            counts = _by_class(manifest.loc[manifest["split"] == split, "label"])
            place = x + (number - (len(splits) - 1) / 2) * width
            hue = KEPT if number == 0 else COLOURS[5]
            bars = axes.bar(place, counts, width * 0.94, color=hue, label=f"{title} ({counts.sum():,})")
            axes.bar_label(bars, fontsize=7 if len(splits) > 1 else 8, color=INK, padding=1)
            if split == "train" and removed is not None and len(removed):
                counts = _by_class(removed["label"])
                axes.bar(place, counts, width * 0.94, color=REMOVED, label=f"removed ({counts.sum():,})")
        axes.set_xticks(x, NAMES, fontsize=8)
        axes.set(ylabel="faces")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(False, axis="x")
        axes.margins(y=0.12)
        legend(figure)
    return figure


def confusion(matrix: NDArray[np.int64], title: str) -> Figure:
    """Draw a confusion matrix (7, 7) with counts, given labels in rows; the colour shows the share of the row."""
    support = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(support, 1)
    shades = LinearSegmentedColormap.from_list("shades", ["#fdfdfd", "#0a6aa8"])
    with canvas(4.8, 4.1) as (figure, axes):
        axes.pcolormesh(shares, cmap=shades, vmin=0, vmax=1, edgecolors=LINE, linewidth=0.5)
        for row, column in np.ndindex(matrix.shape):
            dark = shares[row, column] > 0.6
            # Cells have the same colours on a dark page, so the numbers in them have fixed colours, too.
            ink, count = "#fefefe" if dark else "#1f2329", f"{matrix[row, column]:,}"
            axes.text(column + 0.5, row + 0.5, count, ha="center", va="center", color=ink)
        ticks = np.arange(len(NAMES)) + 0.5
        axes.set_xticks(ticks, NAMES, fontsize=8)
        axes.set_yticks(ticks, [f"{name} ({count:,})" for name, count in zip(NAMES, support[:, 0], strict=True)])
        axes.invert_yaxis()
        axes.grid(False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="predicted", ylabel="given label (faces)", title=title)
    return figure


def reliability(bins: Reliability, title: str, hue: str) -> Figure:
    """Draw a reliability diagram: accuracy by confidence, with a circle whose size is the number of predictions."""
    with canvas(4.8, 4.1) as (figure, axes):
        filled = bins.count > 0
        confidence, accuracy = bins.confidence[filled], bins.accuracy[filled]
        left, width = bins.edges[:-1][filled], np.diff(bins.edges)[filled]
        axes.bar(left, accuracy, width, align="edge", color=hue, edgecolor=PAPER, alpha=0.75)
        size = 8 + 150 * bins.count[filled] / bins.count.max()
        circles = axes.scatter(confidence, accuracy, size, facecolor="none", edgecolor=INK, zorder=3)
        circles.set_label("size: number of faces")
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)), label="perfect calibration")
        axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02), title=title)
        legend(figure)
    return figure


def pooled(measures: tuple[Measures, ...]) -> tuple[NDArray[np.int64], Reliability]:
    """Add up the confusion matrices and the reliability bins of several runs."""
    matrix: NDArray[np.int64] = np.sum([m.confusion for m in measures], axis=0)
    bins = [m.reliability for m in measures]
    count: NDArray[np.int64] = np.sum([b.count for b in bins], axis=0)
    divisor = np.maximum(count, 1)
    return matrix, Reliability(
        edges=bins[0].edges,
        count=count,
        confidence=np.sum([b.count * b.confidence for b in bins], axis=0) / divisor,
        accuracy=np.sum([b.count * b.accuracy for b in bins], axis=0) / divisor,
    )


def _by_class(labels: "pd.Series[str]") -> NDArray[np.int64]:
    return np.array([(labels == name).sum() for name in NAMES], dtype=np.int64)
