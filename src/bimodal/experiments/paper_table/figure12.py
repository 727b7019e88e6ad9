"""The figure of all methods (the paper's figure 12), with the accuracies that the paper prints."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bimodal.experiments.paper_table.comparisons import BASELINE, RANDOM, Comparisons
from bimodal.experiments.paper_table.results import Row, Study
from bimodal.rendering.plot import COLOURS, INK, PAPER, SOFT, canvas
from bimodal.report.figures import ReportFigure

CAPTION = (
    "Accuracy of all methods on the same test faces: bars are means over the seeds, with a 95 % interval (from three seeds"
    " on) and a dot for each seed. Hollow diamonds are the accuracies that the paper prints, for one run each on its own data"
    " and protocols. The dashed line is the baseline that always predicts the most frequent label; rows that are not shown"
    " to beat it are pale. (Figure 12 of the paper.)"
)
WITHOUT, WITH, TOGETHER = COLOURS[:3]
PALE = 0.3
_DIAMOND: Any = {"marker": "D", "markersize": 6.5, "markerfacecolor": PAPER, "markeredgecolor": INK, "linestyle": ""}
_HEIGHT, _GAP = 0.3, 1.5
"""Height of a row in inches; height of a heading in rows."""


def figure12(study: Study, comparisons: Comparisons) -> ReportFigure:
    """Draw the accuracies of a study, in a group for each share of wrong labels."""
    groups = [list(rows) for _, rows in groupby(study.rows, key=lambda row: row.noise)]
    headed = len(groups) > 1 or any(rows[0].noise for rows in groups)
    length = len(study.rows) + _GAP * (len(groups) if headed else 0)
    with canvas(7.6, _HEIGHT * length + 1.5) as (figure, axes):
        names: list[tuple[float, str]] = []
        y = 0.0
        for rows in groups:
            if headed:
                _heading(axes, y + 0.55, rows[0].noise)
                y += _GAP
            _baseline(axes, y, rows)
            for row in rows:
                _row(axes, y, row, comparisons)
                names.append((y, row.method.name))
                y += 1
        axes.set_yticks([place for place, _ in names], [name for _, name in names])
        axes.set_ylim(y - 0.4, -0.6)
        axes.set_xlim(0, _end(study.rows))
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"accuracy on test, %{' (quick sizes)' if study.quick else ''}")
        figure.legend(handles=_keys(study, comparisons), loc="outside lower left", ncols=3, columnspacing=1.4)
    return ReportFigure("methods", CAPTION, figure, 12)


def _row(axes: Axes, y: float, row: Row, comparisons: Comparisons) -> None:
    edge = axes.get_yaxis_transform()
    if row.method.paper is not None:
        axes.plot(100 * row.method.paper, y, zorder=2.5, **_DIAMOND)
    accuracy = row.accuracy
    if accuracy is None:
        axes.text(
            0.01, y, "failed" if row.failures else "no run", transform=edge, va="center", color=SOFT, fontsize=8.5
        )
        return
    pale = comparisons.unconverged(row)
    strength = PALE if pale else 1.0
    axes.barh(y, 100 * accuracy.value, height=0.62, color=_colour(row), alpha=strength, zorder=2)
    if accuracy.bounded:
        low, high = (100 * min(max(end, 0.0), 1.0) for end in (accuracy.low, accuracy.high))
        axes.plot([low, high], [y, y], color=PAPER, linewidth=3, zorder=3)
        axes.plot([low, high], [y, y], color=INK, linewidth=1.2, zorder=4)
    if len(row.seeds) > 1:
        values = [100 * own for own in row.accuracies]
        axes.scatter(values, [y] * len(values), s=15, color=INK, edgecolors=PAPER, linewidths=0.7, zorder=5)
    text = f"{100 * accuracy.value:.1f}"
    axes.text(1.01, y, text, transform=edge, va="center", color=SOFT if pale else INK, fontsize=8.5)


def _colour(row: Row) -> str:
    if row.method.name in (BASELINE, RANDOM):
        return SOFT
    if row.method.runner.members:
        return TOGETHER
    return WITH if row.method.without else WITHOUT


def _heading(axes: Axes, y: float, noise: float) -> None:
    text = f"{100 * noise:g} % of the training labels made wrong" if noise else "given labels"
    axes.text(0, y, text, transform=axes.get_yaxis_transform(), va="center", weight="bold", fontsize=9.5)


def _baseline(axes: Axes, y: float, rows: Sequence[Row]) -> None:
    """Draw the accuracy of the baseline through all rows of a group."""
    for row in rows:
        if row.method.name == BASELINE and row.accuracy is not None:
            x = 100 * row.accuracy.value
            axes.plot([x, x], [y - 0.45, y + len(rows) - 0.55], color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)


def _end(rows: Sequence[Row]) -> float:
    """Return the end of the axis: a little beyond the largest accuracy."""
    marks = [100 * row.method.paper for row in rows if row.method.paper is not None]
    for row in rows:
        if row.accuracy is not None:
            marks += [100 * own for own in (*row.accuracies, row.accuracy.value)]
            marks += [100 * row.accuracy.high] if row.accuracy.bounded else []
    return min(100.0, 1.05 * max(marks, default=100.0))


def _keys(study: Study, comparisons: Comparisons) -> list[Patch | Line2D]:
    """Return the legend of the marks that occur."""
    keys: list[Patch | Line2D] = [Patch(color=WITHOUT, label="without removal")]
    if any(row.method.without for row in study.rows):
        keys.append(Patch(color=WITH, label="with removal"))
    if any(row.method.runner.members for row in study.rows):
        keys.append(Patch(color=TOGETHER, label="ensemble"))
    if any(comparisons.unconverged(row) for row in study.rows):
        keys.append(Patch(color=WITHOUT, alpha=PALE, label="not shown to beat majority"))
    keys.append(Line2D([], [], color=INK, linewidth=1.1, marker="o", markersize=3, label="seeds, 95 % interval"))
    if any(row.method.name == BASELINE and row.seeds for row in study.rows):
        keys.append(Line2D([], [], color=INK, linewidth=1, linestyle=(0, (4, 3)), label="majority"))
    if any(row.method.paper is not None for row in study.rows):
        keys.append(Line2D([], [], label="paper: other faces, one run", **_DIAMOND))
    return keys
