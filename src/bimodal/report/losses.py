"""Figures of the per-example scores before and after a removal (the paper's figures 8 and 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from bimodal.removal.rule import RULES, Rule
from bimodal.rendering.plot import INK, KEPT, REMOVED, SOFT, canvas, legend
from bimodal.runs.run import Run

_BINS = 40


@dataclass(frozen=True)
class FirstRemoval:
    """The first step of a run that removed anything, after `epoch`, with the scores before and after it.

    `moments` are M1 and M2 of the losses, by name; empty for a rule that does not use them.
    """

    epoch: int
    rule: Rule
    moments: Mapping[str, float]
    threshold: float
    removed: int
    before: NDArray[np.float64]
    after: NDArray[np.float64]


def first_removal(run: Run) -> FirstRemoval | None:
    """Return the first step of a run that removed anything; None if there is none, or its scores were not recorded."""
    steps = run.removal_steps[run.removal_steps["removed"] > 0]
    if steps.empty:
        return None
    before, after = (np.asarray(run.losses[name], dtype=np.float64) for name in ("before", "after"))
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    if not before.size or not after.size:
        return None
    step = steps.iloc[0]
    name = str(step["rule"])
    rule = RULES.get(name) or Rule(name, "a rule that is not registered", decide=None)
    moments = {key.upper(): float(step[key]) for key in ("m1", "m2") if np.isfinite(step[key])}
    threshold, removed = float(step["threshold"]), int(step["removed"])
    return FirstRemoval(int(step["epoch"]), rule, moments, threshold, removed, before, after)


def histogram(
    scores: NDArray[np.float64],
    threshold: float,
    span: tuple[float, float],
    title: str,
    label: str,
    includes_threshold: bool = False,
    moments: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the scores of examples, (N,), as a histogram with the threshold; the counts are on a logarithmic axis.

    The paper's figure has a linear axis, on which the upper mode, some twenty faces beside hundreds, is not visible.

    Args:
        threshold: examples beyond it have a colour of their own; infinity if nothing is removed.
        span: ends of the horizontal axis.
        label: name of the horizontal axis.
        includes_threshold: whether a score equal to the threshold is beyond it.
        moments: further numbers to mark, by name.
    """
    beyond = scores >= threshold if includes_threshold else scores > threshold
    names = ("below the threshold", "at or above it") if includes_threshold else ("up to the threshold", "above it")
    with canvas() as (figure, axes):
        edges = np.linspace(*span, _BINS + 1).tolist()
        if np.isfinite(threshold):
            parts = [scores[~beyond], scores[beyond]]
            axes.hist(parts, edges, stacked=True, color=[KEPT, REMOVED], label=names, log=True)
            legend(figure)
        else:
            axes.hist(scores, edges, color=KEPT, log=True)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        marks = [*zip((moments or {}).items(), (":", "-."), strict=False), (("threshold", threshold), "-")]
        known = [mark for mark in marks if np.isfinite(mark[0][1])]
        for place, ((name, value), style) in enumerate(known):
            axes.axvline(value, color=INK if name == "threshold" else SOFT, linewidth=1.1, linestyle=style)
            where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top"}
            axes.annotate(f"{name} {value:.2f}", (value, 1), (3, -2 - 11 * place), fontsize=8, **where)
        axes.set(xlabel=label, ylabel="examples (logarithmic)", xlim=span, title=title)
        axes.set_ylim(bottom=0.7)
    return figure
