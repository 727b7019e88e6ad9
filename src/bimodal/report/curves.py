"""Figures of the course of training: loss, accuracy, variance of the losses (the paper's figures 5 to 7, 10, 11)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bimodal.rendering.plot import INK, SOFT, canvas, colour, legend
from bimodal.report.conditions import Condition
from bimodal.runs.run import Run


def by_step(condition: Condition, what: str, number: int = 0, top: float | None = None) -> Figure:
    """Draw training and validation loss or accuracy by step, and mark the removals (the paper's figures 5, 6, 10, 11).

    Each run is a thin line, their mean a thick one. `what` is `loss` or `accuracy`, `number` that of the condition, for its
    colour, and `top` the end of the vertical axis, by default from the data.
    """
    with canvas() as (figure, axes):
        training = [run.steps.set_index("step")[f"train_{what}"] for run in condition.runs]
        validation = [run.metrics.set_index("step")[f"val_{what}"] for run in condition.runs]
        _lines(axes, training, SOFT, "training, each step", width=0.9)
        _lines(axes, validation, colour(number), "validation, after each epoch")
        for step in sorted({step for run in condition.runs for step in _removal_steps(run)}):
            _mark(axes, step, INK, "removal")
        axes.set(xlabel="step", ylabel=what, ylim=(0, top), title=condition.name)
        legend(figure)
    return figure


def variance_by_epoch(conditions: Sequence[Condition]) -> Figure:
    """Draw the variance of the per-example training losses by epoch, and mark the removals (the paper's figure 7)."""
    with canvas() as (figure, axes):
        for number, condition in enumerate(conditions):
            tables = [run.metrics.set_index("epoch")["loss_variance"] for run in condition.runs]
            # Runs of one seed coincide until the first removal: the wide line remains visible behind the narrow one.
            _lines(axes, tables, colour(number), condition.name, width=1.6 if number else 3.2)
            for epoch in sorted({epoch for run in condition.runs for epoch in removal_epochs(run)}):
                _mark(axes, epoch, colour(number), f"removal after epoch {epoch}")
        axes.set(xlabel="epoch", ylabel="variance of the losses")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend(figure, columns=2)
    return figure


def loss_top(conditions: Sequence[Condition]) -> float:
    """Return an end of the loss axis that leaves out the highest 1 % of the losses of all conditions."""
    runs = [run for condition in conditions for run in condition.runs]
    columns = [run.steps["train_loss"] for run in runs] + [run.metrics["val_loss"] for run in runs]
    values = np.concatenate([column.to_numpy(float) for column in columns])
    values = values[np.isfinite(values)]
    return 1.1 * float(np.quantile(values, 0.99)) if values.size else 1.0


def removal_epochs(run: Run) -> list[int]:
    """Return the epochs (from 1) after which examples were removed."""
    return sorted({int(epoch) for epoch in run.removed["epoch"]})


def _removal_steps(run: Run) -> list[int]:
    steps = run.metrics.set_index("epoch")["step"]
    return [int(steps[epoch]) for epoch in removal_epochs(run) if epoch in steps.index]


def _lines(axes: Axes, tables: list["pd.Series[float]"], hue: str, label: str, width: float = 1.8) -> None:
    """Draw the mean of several lines, and each of them as a thin line."""
    together = pd.concat(tables, axis=1)
    if any(not table.index.equals(tables[0].index) for table in tables):  # folds differ in the steps of an epoch
        together = together.sort_index().interpolate(method="index", limit_area="inside")
    x: NDArray[np.float64] = together.index.to_numpy(float)
    if len(tables) > 1:
        axes.plot(x, together.to_numpy(float), color=hue, linewidth=0.6, alpha=0.35)
    axes.plot(x, together.mean(axis=1).to_numpy(float), color=hue, linewidth=width, label=label)


def _mark(axes: Axes, x: float, hue: str, label: str) -> None:
    known = {line.get_label() for line in axes.get_lines()}
    axes.axvline(x, color=hue, linewidth=1, linestyle=(0, (4, 3)), label=None if label in known else label)
