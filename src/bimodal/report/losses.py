"""The distribution of the per-example losses before and after a removal (the paper's figures 8 and 9)."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from bimodal.rendering.plot import GONE, INK, KEPT, SOFT, canvas, legend
from bimodal.runs.run import Run

_BINS = 40


@dataclass(frozen=True)
class Cut:
    """The numbers of a removal step."""

    epoch: int
    rule: str
    m1: float
    m2: float
    std2: float
    threshold: float
    removed: int

    @property
    def looks_at_odds(self) -> bool:
        """Whether the rule looked at log odds in place of losses."""
        return self.rule == "two-modes"


def first_cut(run: Run) -> Cut | None:
    """Return the numbers of a run's first removal, or `None` if there was none."""
    if run.removed.empty or not {"epoch", "rule", "m1", "m2", "std2", "threshold"} <= set(run.removed.columns):
        return None
    epoch = run.removed["epoch"].min()
    rows = run.removed[run.removed["epoch"] == epoch]
    first = rows.iloc[0]
    m1, m2, std2, threshold = (float(first[name]) for name in ("m1", "m2", "std2", "threshold"))
    return Cut(int(epoch), str(first["rule"]), m1, m2, std2, threshold, len(rows))


def histogram(values: NDArray[np.float64], cut: Cut, span: tuple[float, float], title: str) -> Figure:
    """Draw what the rule looked at, losses or log odds, as a histogram whose counts are on a logarithmic axis.

    The paper's own figure hides the far mode, some twenty faces beside hundreds; a logarithmic axis shows it.

    Args:
        values: (N,), one an example.
        cut: the removal; its numbers are drawn, and what lies above the threshold is coloured.
        span: ends of the horizontal axis.
        title: of the figure.
    """
    edges = np.linspace(*span, _BINS + 1)
    with canvas() as (figure, axes):
        kept, gone = values[values <= cut.threshold], values[values > cut.threshold]
        names = ["at or below the threshold", "above it"]
        axes.hist([kept, gone], edges.tolist(), stacked=True, color=[KEPT, GONE], label=names, log=True)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        marks = ((cut.m1, "M1", ":"), (cut.m2, "M2", "-."), (cut.threshold, "threshold", "-"))
        known = [mark for mark in marks if np.isfinite(mark[0])]
        for place, (value, name, style) in enumerate(known):
            axes.axvline(value, color=INK if name == "threshold" else SOFT, linewidth=1.1, linestyle=style)
            axes.annotate(
                f"{name} {value:.2f}",
                (value, 1),
                xycoords=("data", "axes fraction"),
                xytext=(3, -2 - 11 * place),
                textcoords="offset points",
                va="top",
                fontsize=8,
            )
        what = "log odds of the best other emotion against the label" if cut.looks_at_odds else "loss of an example"
        axes.set(xlabel=what, ylabel="examples (logarithmic)", xlim=span, title=title)
        axes.set_ylim(bottom=0.7)
        legend(figure)
    return figure


def before_and_after(run: Run) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return what the rule looked at, before and after the removal, or `None` if the run has not kept it."""
    if not {"before", "after"} <= run.losses.keys():
        return None
    before, after = (np.asarray(run.losses[name], dtype=np.float64).ravel() for name in ("before", "after"))
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    return (before, after) if before.size and after.size else None
