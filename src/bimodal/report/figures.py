"""Which figures a report shows, in the paper's order and numbering, with captions that explain them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from bimodal.errors import InputError
from bimodal.evaluation.metrics import BINS
from bimodal.rendering.plot import colour
from bimodal.report.accuracies import accuracies
from bimodal.report.classes import class_counts, confusion, pooled, reliability
from bimodal.report.comparison import Evaluation
from bimodal.report.conditions import Condition
from bimodal.report.curves import accuracy_by_step, loss_by_step, loss_top, variance_by_epoch
from bimodal.report.losses import before_and_after, first_cut, histogram
from bimodal.report.network import network


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """A figure with what stands under it."""

    stem: str
    """Its file name without the ending."""
    label: str
    """`Figure 7` where it is one of the paper's, else empty."""
    caption: str
    figure: Figure


def data_plates(conditions: Sequence[Condition]) -> list[ReportFigure]:
    """Class counts of the training split, and of the validation and test splits."""
    run = conditions[0].runs[0]
    alone = len(conditions) == len(conditions[0].runs) == 1
    removed = run.removed if alone and not run.removed.empty else None
    marked = " The coloured part of a bar was removed during training." if removed is not None else ""
    return [
        ReportFigure(
            "02_counts_train",
            "Figure 2",
            f"Training faces of each emotion, by the label that they were given.{marked}",
            class_counts(run.manifest, {"train": "training"}, removed),
        ),
        ReportFigure(
            "03_counts_val_test",
            "Figure 3",
            "Validation and test faces of each emotion. Nothing is ever removed from these.",
            class_counts(run.manifest, {"val": "validation", "test": "test"}),
        ),
    ]


def network_plates(conditions: Sequence[Condition]) -> list[ReportFigure]:
    """The network as built; one for each that differs."""
    plates: list[ReportFigure] = []
    seen: list[list[dict[str, Any]]] = []
    for number, condition in enumerate(conditions):
        stages = _stages(condition)
        if not stages or stages in seen:
            continue
        seen.append(stages)
        backbone = condition.runs[0].config["backbone"]
        weights = sum(stage["parameters"] for stage in stages if isinstance(stage.get("parameters"), int))
        plates.append(
            ReportFigure(
                _stem("04_network", number, conditions),
                "Figure 4",
                f"The network as built: {backbone} (blue) and the head (orange), {weights:,} weights in all. Beside"
                " each stage, the shape of what leaves it for one face.",
                network(stages),
            )
        )
    return plates


def training_plates(conditions: Sequence[Condition]) -> list[ReportFigure]:
    """Loss and accuracy by step for each condition, and the variance of the losses for all."""
    plates = []
    top = loss_top(conditions)
    for number, condition in enumerate(conditions):
        loss, accuracy = (10, 11) if condition.removes else (5, 6)
        lines = " Thin lines are single seeds, thick ones their mean." if len(condition.runs) > 1 else ""
        dashes = " The dashed line marks the removal." if condition.removes else ""
        plates += [
            ReportFigure(
                _stem(f"{loss:02d}_loss", number, conditions),
                f"Figure {loss}",
                f"Training and validation loss, {condition.name}.{lines}{dashes}",
                loss_by_step(condition, number, top),
            ),
            ReportFigure(
                _stem(f"{accuracy:02d}_accuracy", number, conditions),
                f"Figure {accuracy}",
                f"Training and validation accuracy, {condition.name}.{lines}{dashes}",
                accuracy_by_step(condition, number),
            ),
        ]
    plates.append(
        ReportFigure(
            "07_variance",
            "Figure 7",
            "Variance of the losses of the single training faces, by epoch. The paper removes where it settles: the network"
            " has then learnt what most labels have in common, and what still has a high loss is suspect.",
            variance_by_epoch(conditions),
        )
    )
    return plates


def removal_plates(conditions: Sequence[Condition]) -> list[ReportFigure]:
    """The losses before and after the first removal, for the first run of each condition that removed anything."""
    plates = []
    for number, condition in enumerate(conditions):
        for run in condition.runs:
            cut, losses = first_cut(run), before_and_after(run)
            if cut is None or losses is None:
                continue
            before, after = losses
            top = max(float(before.max()), cut.threshold)
            span = (float(before.min()), top) if cut.looks_at_odds else (0.0, 1.03 * top)
            what, numbers = (
                ("Log odds of another emotion against the label", "Above 0 the network leans to another emotion.")
                if cut.looks_at_odds
                else (
                    "Losses",
                    "M1 is the mean of all losses, M2 the mean of those above M1; the threshold lies above M2.",
                )
            )
            where = f" ({condition.name}, {run.name})" if len(conditions) > 1 or len(condition.runs) > 1 else ""
            plates += [
                ReportFigure(
                    _stem("08_losses_before", number, conditions),
                    "Figure 8",
                    f"{what} of the {before.size:,} training faces before the removal after epoch {cut.epoch}{where}. "
                    f"{numbers} The {cut.removed:,} faces that went are beyond the threshold. The counts are on a logarithmic "
                    "scale, since the far mode is small.",
                    histogram(before, cut, span, f"before the removal, epoch {cut.epoch}"),
                ),
                ReportFigure(
                    _stem("09_losses_after", number, conditions),
                    "Figure 9",
                    f"{what} of the {after.size:,} faces that stayed{where}, on the same scale.",
                    histogram(after, cut, span, "after the removal"),
                ),
            ]
            break
    return plates


def accuracy_plates(evaluation: Evaluation) -> list[ReportFigure]:
    """The accuracy of every run; nothing for a single run."""
    several = max(len(result.measures) for result in evaluation.results) > 1
    if len(evaluation.results) == 1 and not several:
        return []
    joined = " Lines join runs of one seed." if evaluation.pairs else ""
    what = "the mean over the seeds" if several else "each run"
    caption = f"Accuracy on {evaluation.split}: a dot for each run, a diamond with a 95 % interval for {what}.{joined}"
    return [ReportFigure("accuracies", "", caption, accuracies(evaluation))]


def result_plates(evaluation: Evaluation) -> list[ReportFigure]:
    """Confusion matrices, then reliability diagrams, of every condition."""
    conditions = [result.condition for result in evaluation.results]
    matrices, diagrams = [], []
    for number, result in enumerate(evaluation.results):
        name = result.condition.name
        matrix, bins = pooled(result.measures)
        added = f" Added up over {len(result.measures)} seeds." if len(result.measures) > 1 else ""
        caption = (
            f"What is taken for what, {name}: each row a given label, each column a prediction; the diagonal is right."
            f" The darker, the larger the share of its row.{added}"
        )
        matrices.append(ReportFigure(_stem("confusion", number, conditions), "", caption, confusion(matrix, name)))
        caption = (
            f"Whether its confidence can be trusted, {name}: bars below the dashed line mean that it is surer than it is"
            f" right. {BINS} bins of equal width.{added}"
        )
        figure = reliability(bins, name, colour(number))
        diagrams.append(ReportFigure(_stem("reliability", number, conditions), "", caption, figure))
    return matrices + diagrams


def _stages(condition: Condition) -> list[dict[str, Any]]:
    try:
        return [stage for stage in condition.runs[0].network if isinstance(stage, dict)]
    except InputError:  # a run of other software that kept our formats need not describe its network
        return []


def _stem(stem: str, number: int, conditions: Sequence[Condition]) -> str:
    return stem if len(conditions) == 1 else f"{stem}_{number + 1}"
