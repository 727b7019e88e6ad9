"""The figures of a report with their captions, by section of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.figure import Figure

from bimodal.evaluation.metrics import BINS
from bimodal.rendering import plot
from bimodal.rendering.plot import colour
from bimodal.report.accuracies import accuracies
from bimodal.report.classes import class_counts, confusion, pooled, reliability
from bimodal.report.comparison import Evaluation
from bimodal.report.conditions import Condition
from bimodal.report.curves import by_step, loss_top, variance_by_epoch
from bimodal.report.losses import first_removal, histogram
from bimodal.report.network import network


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """A figure of a report: file name without suffix, caption, drawing, and number of the paper's figure if it has one."""

    stem: str
    caption: str
    figure: Figure
    paper: int | None = None

    @cached_property
    def svg(self) -> str:
        """The drawing as SVG."""
        return plot.svg(self.figure)


def report_figures(conditions: Sequence[Condition], evaluation: Evaluation | None) -> dict[str, list[ReportFigure]]:
    """Draw all figures of a report, by section, in the order of the page."""
    return {
        "accuracies": _accuracy_figures(evaluation) if evaluation else [],
        "results": _result_figures(evaluation) if evaluation else [],
        "removal": _removal_figures(conditions),
        "training": _training_figures(conditions),
        "data": _data_figures(conditions),
        "network": _network_figures(conditions),
    }


def _accuracy_figures(evaluation: Evaluation) -> list[ReportFigure]:
    """Draw the accuracy of every run; a single run has no such figure."""
    several = max(len(result.measures) for result in evaluation.results) > 1
    if len(evaluation.results) == 1 and not several:
        return []
    joined = " Lines join runs of one seed." if evaluation.comparisons else ""
    what = "the mean over the seeds" if several else "each run"
    missing = "" if all(result.accuracy.bounded for result in evaluation.results) else " Two seeds give no interval."
    caption = f"Accuracy on {evaluation.split}: a dot for each run, a diamond with a 95 % interval for {what}.{missing}{joined}"
    return [ReportFigure("accuracies", caption, accuracies(evaluation))]


def _result_figures(evaluation: Evaluation) -> list[ReportFigure]:
    """Draw the confusion matrices, then the reliability diagrams, of all conditions."""
    conditions = [result.condition for result in evaluation.results]
    matrices, diagrams = [], []
    for number, result in enumerate(evaluation.results):
        name = result.condition.name
        matrix, bins = pooled(result.measures)
        summed = f" Sums over {result.condition.size}." if len(result.condition.runs) > 1 else ""
        caption = (
            f"Confusion matrix, {name}: rows are given labels, columns are predictions. The darker a cell, the larger its"
            f" share of the row.{summed}"
        )
        matrices.append(ReportFigure(_stem("confusion", number, conditions), caption, confusion(matrix, name)))
        caption = (
            f"Reliability diagram, {name}: accuracy by confidence in {BINS} bins of equal width. A bar below the dashed"
            f" line means that the network is overconfident.{summed}"
        )
        figure = reliability(bins, name, colour(number))
        diagrams.append(ReportFigure(_stem("reliability", number, conditions), caption, figure))
    return matrices + diagrams


def _removal_figures(conditions: Sequence[Condition]) -> list[ReportFigure]:
    """Draw the scores before and after the first removal, for the first run of each condition that removed anything."""
    figures = []
    for number, condition in enumerate(conditions):
        run, first = next(((run, own) for run in condition.runs if (own := first_removal(run))), (None, None))
        if run is None or first is None:
            continue
        before, after, rule = first.before, first.after, first.rule
        top = max(float(before.max()), first.threshold)
        if rule.scores == "log-odds":
            span, what = (float(before.min()), top), "Log-odds against the given label"
            note = "Above 0, another emotion is more probable than the given label."
        else:
            span, what = (0.0, 1.03 * top), "Losses"
            note = "M1 is the mean of all losses, M2 the mean of the losses above M1; the threshold lies above M2."
        where = f" ({condition.name}, {run.name})" if len(conditions) > 1 or len(condition.runs) > 1 else ""
        texts = (
            f"{what} of the {before.size:,} training faces before the removal after epoch {first.epoch}{where}. {note}"
            f" The {first.removed:,} removed faces are beyond the threshold. The counts are on a logarithmic scale,"
            " because the upper mode is small.",
            f"{what} of the {after.size:,} remaining faces{where}, on the same scale.",
        )
        titles = f"before the removal, epoch {first.epoch}", "after the removal"
        names = ("losses_before", "losses_after")
        for name, scores, caption, title, paper in zip(names, (before, after), texts, titles, (8, 9), strict=True):
            how = (title, rule.score_label, rule.includes_threshold, first.moments)
            drawn = histogram(scores, first.threshold, span, *how)
            figures.append(ReportFigure(_stem(name, number, conditions), caption, drawn, paper))
    return figures


def _training_figures(conditions: Sequence[Condition]) -> list[ReportFigure]:
    """Draw loss and accuracy by step for each condition, and the variance of the losses for all."""
    figures = []
    top = loss_top(conditions)
    for number, condition in enumerate(conditions):
        kind = "folds" if condition.are_folds else "seeds"
        lines = f" Thin lines are single {kind}, thick lines their mean." if len(condition.runs) > 1 else ""
        dashes = " The dashed line marks the removal." if condition.removes else ""
        papers = (10, 11) if condition.removes else (5, 6)
        for name, end, paper in zip(("loss", "accuracy"), (top, 1.0), papers, strict=True):
            caption = f"Training and validation {name}, {condition.name}.{lines}{dashes}"
            drawn = by_step(condition, name, number, end)
            figures.append(ReportFigure(_stem(name, number, conditions), caption, drawn, paper))
    caption = (
        "Variance of the per-example training losses by epoch. The paper removes examples when it has settled: by then the"
        " network fits most labels, and the remaining high losses point to wrong labels."
    )
    return [*figures, ReportFigure("variance", caption, variance_by_epoch(conditions), 7)]


def _data_figures(conditions: Sequence[Condition]) -> list[ReportFigure]:
    """Draw the class counts of the training split, and of the validation and test splits."""
    run = conditions[0].runs[0]
    alone = len(conditions) == len(conditions[0].runs) == 1
    removed = run.removed if alone and not run.removed.empty else None
    marked = " The coloured part of a bar was removed during training." if removed is not None else ""
    training = class_counts(run.manifest, {"train": "training"}, removed)
    others = class_counts(run.manifest, {"val": "validation", "test": "test"})
    caption = "Validation and test faces by given label. Nothing is removed from these splits."
    return [
        ReportFigure("counts_train", f"Training faces by given label.{marked}", training, 2),
        ReportFigure("counts_val_test", caption, others, 3),
    ]


def _network_figures(conditions: Sequence[Condition]) -> list[ReportFigure]:
    """Draw each distinct network."""
    figures: list[ReportFigure] = []
    drawn: list[list[dict[str, Any]]] = []
    for number, condition in enumerate(conditions):
        stages = condition.runs[0].network
        if not stages or stages in drawn:
            continue
        drawn.append(stages)
        weights = sum(stage["parameters"] for stage in stages if isinstance(stage.get("parameters"), int))
        caption = (
            f"The network: {condition.runs[0].config['backbone']} (blue) and the head (orange), {weights:,} weights in"
            " total. Beside each stage: the shape of its output for one face."
        )
        figures.append(ReportFigure(_stem("network", number, conditions), caption, network(stages), 4))
    return figures


def _stem(stem: str, number: int, conditions: Sequence[Condition]) -> str:
    return stem if len(conditions) == 1 else f"{stem}_{number + 1}"
