"""Figure of the accuracies: a dot for each run, and the mean of each condition with its interval."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bimodal.evaluation.comparison import Comparison
from bimodal.rendering.plot import INK, LINE, canvas, colour
from bimodal.report.comparison import Evaluation, Result

_BESIDE = 0.16
"""Distance of the interval from the dots; conditions are 1 apart."""


def accuracies(evaluation: Evaluation) -> Figure:
    """Draw the accuracy of each run, lines between runs of the same seed, and the 95 % interval of each condition.

    Lines join the runs of the first two conditions only.
    """
    results = evaluation.results
    with canvas() as (figure, axes):
        if evaluation.comparisons and evaluation.comparisons[0].b == results[1].condition.name:
            _join(axes, results[0], results[1], evaluation.comparisons[0])
        for number, result in enumerate(results):
            values = [100 * accuracy for accuracy in result.accuracies]
            axes.scatter([number] * len(values), values, s=22, color=colour(number), alpha=0.75, zorder=2)
            _interval(axes, number, result)
        names = [f"{_wrapped(r.condition.name)}\n({r.condition.size})" for r in results]
        axes.set_xticks(range(len(results)), names)
        axes.set_xlim(-0.5, len(results) - 0.3)
        axes.grid(False, axis="x")
        axes.set(ylabel=f"accuracy on {evaluation.split}, %")
    return figure


def _join(axes: Axes, baseline: Result, other: Result, comparison: Comparison) -> None:
    for one, two in comparison.seeds:
        start = baseline.accuracies[baseline.condition.seeds.index(one)]
        end = other.accuracies[other.condition.seeds.index(two)]
        axes.plot([0, 1], [100 * start, 100 * end], color=LINE, linewidth=1, zorder=1)


def _interval(axes: Axes, number: int, result: Result) -> None:
    accuracy, x = result.accuracy, number + _BESIDE
    value, low, high = (100 * end for end in (accuracy.value, accuracy.low, accuracy.high))
    reach = [[value - low], [high - value]] if accuracy.bounded else None
    axes.errorbar(x, value, yerr=reach, fmt="D", markersize=5, capsize=4, color=colour(number))
    axes.annotate(f"{value:.1f} %", (x, value), (7, 0), textcoords="offset points", va="center", color=INK, fontsize=8)


def _wrapped(name: str) -> str:
    return "\n".join(part if len(part) <= 28 else f"{part[:27]}…" for part in name.split(", ")[:3])
