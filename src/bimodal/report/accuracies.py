"""The accuracy of every run as a dot, and of every condition with its interval."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bimodal.rendering.plot import INK, LINE, canvas, colour
from bimodal.report.comparison import Evaluation, Pair, Result

_BESIDE = 0.16
"""How far the interval stands from the dots, in widths of a condition."""


def accuracies(evaluation: Evaluation) -> Figure:
    """Draw the accuracies: a dot a run, lines between the first two conditions' seeds, a 95 % interval each."""
    results = evaluation.results
    with canvas() as (figure, axes):
        if evaluation.pairs and evaluation.pairs[0].condition is results[1].condition:
            _join(axes, results[0], results[1], evaluation.pairs[0])
        for number, result in enumerate(results):
            values = [100 * accuracy for accuracy in result.accuracies]
            axes.scatter([number] * len(values), values, s=22, color=colour(number), alpha=0.75, zorder=2)
            _interval(axes, number, result)
        runs = [f"{len(r.measures)} seeds" if len(r.measures) > 1 else "one run" for r in results]
        names = [f"{_wrapped(r.condition.name)}\n({count})" for r, count in zip(results, runs, strict=True)]
        axes.set_xticks(range(len(results)), names)
        axes.set_xlim(-0.5, len(results) - 0.3)
        axes.grid(False, axis="x")
        axes.set(ylabel=f"accuracy on {evaluation.split}, %")
    return figure


def _join(axes: Axes, baseline: Result, other: Result, pair: Pair) -> None:
    for one, two in pair.seeds:
        start = baseline.accuracies[baseline.condition.seeds.index(one)]
        end = other.accuracies[other.condition.seeds.index(two)]
        axes.plot([0, 1], [100 * start, 100 * end], color=LINE, linewidth=1, zorder=1)


def _interval(axes: Axes, number: int, result: Result) -> None:
    value, low, high = (100 * x for x in (result.accuracy.value, result.accuracy.low, result.accuracy.high))
    x = number + _BESIDE
    axes.errorbar(
        x, value, yerr=[[value - low], [high - value]], fmt="D", markersize=5, capsize=4, color=colour(number)
    )
    text = f"{value:.1f} %"
    axes.annotate(text, (x, value), (7, 0), textcoords="offset points", va="center", color=INK, fontsize=8)


def _wrapped(name: str) -> str:
    return "\n".join(part if len(part) <= 28 else f"{part[:27]}…" for part in name.split(", ")[:3])
