"""The three questions of a report, answered in plain words: which faces went, did it help, how sure are we."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bimodal.evaluation.metrics import accuracy_both_ways
from bimodal.evaluation.statistics import Estimate
from bimodal.report.comparison import Evaluation, Result
from bimodal.report.conditions import Condition
from bimodal.report.curves import removal_epochs
from bimodal.report.gallery import against_truth


@dataclass(frozen=True)
class Answer:
    """A question, and paragraphs that answer it."""

    question: str
    paragraphs: tuple[str, ...]


def summarise(conditions: Sequence[Condition], evaluation: Evaluation | None) -> tuple[Answer, Answer, Answer]:
    """Answer the three questions from runs and, if there are predictions, their evaluation."""
    return (
        Answer("Which faces were thrown out?", tuple(_thrown_out(c, len(conditions) > 1) for c in conditions)),
        Answer("Did it help?", tuple(_help(conditions, evaluation))),
        Answer("How sure are we?", tuple(_sure(evaluation))),
    )


def percent(estimate: Estimate) -> str:
    """Say an estimate in percent with its interval.

    >>> percent(Estimate(0.421, 0.357, 0.488))
    '42.1 % (35.7 to 48.8)'
    """
    value = f"{100 * estimate.value:.1f} %"
    if not estimate.bounded:
        return value
    return f"{value} ({100 * max(estimate.low, 0):.1f} to {100 * min(estimate.high, 1):.1f})"


def _thrown_out(condition: Condition, named: bool) -> str:
    faces = int((condition.runs[0].manifest["split"] == "train").sum())
    start = f"{condition.name[:1].upper()}{condition.name[1:]}: " if named else ""
    if not condition.removes:
        return f"{start}{'none' if named else 'None'}; the network was trained on all {faces:,} training faces."
    counts = [len(run.removed) for run in condition.runs]
    if not any(counts):
        return (
            f"{start}{'none' if named else 'None'}. The rule never came due, or found nobody to remove;"
            f" all {faces:,} training faces stayed."
        )
    epochs = sorted({epoch for run in condition.runs for epoch in removal_epochs(run)})
    when = f" after epoch {', '.join(map(str, epochs[:5]))}{' and later' if len(epochs) > 5 else ''}" if epochs else ""
    labels = Counter(label for run in condition.runs for label in run.removed["label"])
    most = ", ".join(f"{label} ({count:,})" for label, count in labels.most_common(3))
    if len(counts) == 1:
        text = f"{start}{counts[0]:,} of {faces:,} training faces ({100 * counts[0] / faces:.1f} %){when}."
        text += f" The labels that lost most: {most}."
    else:
        everywhere = Counter(image for run in condition.runs for image in run.removed["image"])
        always = sum(times == len(counts) for times in everywhere.values())
        text = (
            f"{start}{_range(counts)} of {faces:,} training faces with each of {len(counts)} seeds{when};"
            f" {always:,} faces went with every seed, {len(everywhere):,} with at least one."
            f" The labels that lost most, over all seeds: {most}."
        )
    truth = against_truth(condition)
    if truth is None or truth.precision is None:
        return text
    return (
        f"{text} Here the truth is known: {100 * truth.precision:.0f} % of the removed faces had a label known to be wrong, and"
        f" {100 * truth.recall:.0f} % of the {truth.wrong:,} wrong training labels were found."
    )


def _help(conditions: Sequence[Condition], evaluation: Evaluation | None) -> list[str]:
    if evaluation is None:
        return ["That cannot be said yet: there are no predictions. Make them with bimodal evaluate RUN."]
    if evaluation.pairs:
        return [pair.conclusion for pair in evaluation.pairs]
    if len(conditions) > 1:
        return [
            "That cannot be said: the conditions have no seed in common, so no two runs can be held against each other."
        ]
    return [
        "One condition alone cannot show that. Train once more with"
        f" --removal {'none' if conditions[0].removes else 'wang'} on the same data with the same seed, and report"
        " both together: bimodal report RUN OTHER_RUN."
    ]


def _sure(evaluation: Evaluation | None) -> list[str]:
    if evaluation is None:
        return ["Nothing has been measured yet."]
    accuracies = "; ".join(f"{r.condition.name} {percent(r.accuracy)}" for r in evaluation.results)
    if len(evaluation.results) == 1:
        accuracies = percent(evaluation.results[0].accuracy)
    several = all(len(result.measures) > 1 for result in evaluation.results)
    meaning = (
        "mean over the seeds and its 95 % interval, which says how much another seed may change it"
        if several
        else "95 % interval, which says how much other faces of the same kind may change it"
    )
    answers = [f"Accuracy on {evaluation.n:,} {evaluation.split} faces: {accuracies} ({meaning})."]
    if several:
        intervals = [measures.accuracy for result in evaluation.results for measures in result.measures]
        reach = 50 * float(np.mean([interval.high - interval.low for interval in intervals]))
        answers.append(
            f"Other test faces of the same kind may move each of these accuracies by some {reach:.1f} points more."
        )
    if evaluation.split == "val":
        answers.append(
            "These are validation faces: not every run has predictions on the test faces. Validation also chose the"
            " weights that were kept, so its accuracy is a little too good. Measure on the test faces with bimodal evaluate RUN."
        )
    answers += filter(None, (_blank(result, evaluation) for result in evaluation.results))
    return answers + list(evaluation.notes)


def _blank(result: Result, evaluation: Evaluation) -> str:
    """Say how the accuracy changes without blank pictures, if the split has any."""
    run = result.condition.runs[0]
    if "flag" not in run.manifest:
        return ""
    flags = dict(zip(run.manifest["image"], run.manifest["flag"], strict=True))
    images = run.predictions(evaluation.split).sort_values("row", kind="stable")["image"]
    blank = np.array([flags.get(image, "") == "blank" for image in images])
    if not blank.any():
        return ""
    both = accuracy_both_ways(result.correct.ravel(), np.tile(blank, len(result.correct)))
    without = f"{100 * both.without_blank.value:.1f} %" if both.without_blank else "not defined"
    return (
        f"{int(blank.sum()):,} of the {evaluation.n:,} pictures are of a single colour. They are counted above; without"
        f" them the accuracy of {result.condition.name} is {without}."
    )


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,} (mean {np.mean(counts):,.1f})"
