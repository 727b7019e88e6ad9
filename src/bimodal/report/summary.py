"""The summary of a report: which examples were removed, did the removal help, and how certain are the results."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bimodal.evaluation.metrics import accuracy_both_ways
from bimodal.rendering.numbers import NO_INTERVAL, percent
from bimodal.report.comparison import Evaluation, Result, images_of
from bimodal.report.conditions import Condition
from bimodal.report.curves import removal_epochs
from bimodal.report.gallery import compare_with_truth, training_faces


def summarise(conditions: Sequence[Condition], evaluation: Evaluation | None) -> dict[str, list[str]]:
    """Answer three questions, each in paragraphs, from the runs and, if there are predictions, their evaluation."""
    return {
        "Which examples were removed?": [_removed(condition, len(conditions) > 1) for condition in conditions],
        "Did removal help?": _effect(conditions, evaluation),
        "How certain are the results?": _certainty(evaluation),
    }


def _removed(condition: Condition, named: bool) -> str:
    faces = len(training_faces(condition))
    start = f"{condition.name[:1].upper()}{condition.name[1:]}: " if named else ""
    none = f"{start}{'none' if named else 'None'}"
    if not condition.removes:
        if condition.are_folds:
            return f"{none}; the network of each fold was trained on all training faces of the fold."
        return f"{none} during training; the network was trained on all {faces:,} training faces."
    counts = [len(run.removed) for run in condition.runs]
    if not any(counts):
        applied = any(len(run.removal_steps) for run in condition.runs)
        why = "was applied and removed nothing" if applied else "was not applied during training"
        return f"{none}. The rule {why}; all {faces:,} training faces were kept."
    epochs = sorted({epoch for run in condition.runs for epoch in removal_epochs(run)})
    when = f" after epoch {', '.join(map(str, epochs[:5]))}{' and later' if len(epochs) > 5 else ''}"
    labels = Counter(label for run in condition.runs for label in run.removed["label"])
    most = ", ".join(f"{label} ({count:,})" for label, count in labels.most_common(3))
    if len(counts) == 1:
        text = f"{start}{counts[0]:,} of {faces:,} training faces ({100 * counts[0] / faces:.1f} %){when}."
        text += f" The most frequent labels of these: {most}."
    else:
        times = Counter(image for run in condition.runs for image in run.removed["image"])
        always = sum(number == len(counts) for number in times.values())
        if condition.are_folds:
            sizes = _range([int((run.manifest["split"] == "train").sum()) for run in condition.runs])
            text = (
                f"{start}{_range(counts)} of {sizes} training faces in each of {len(counts)} folds{when};"
                f" {len(times):,} of all {faces:,} faces were removed in at least one fold."
                f" The most frequent labels of these, over all folds: {most}."
            )
        else:
            text = (
                f"{start}{_range(counts)} of {faces:,} training faces with each of {len(counts)} seeds{when};"
                f" {always:,} faces were removed with every seed, {len(times):,} with at least one."
                f" The most frequent labels of these, over all seeds: {most}."
            )
    truth = compare_with_truth(condition)
    if truth is None or truth.precision is None:
        return text
    return (
        f"{text} The true labels are known here: {100 * truth.precision:.0f} % of the removed faces have a wrong label, and"
        f" {100 * truth.recall:.0f} % of the {truth.wrong:,} wrong training labels were found."
    )


def _effect(conditions: Sequence[Condition], evaluation: Evaluation | None) -> list[str]:
    if evaluation is None:
        return ["Unknown: there are no predictions yet. Make them with bimodal evaluate RUN."]
    if evaluation.comparisons:
        return [comparison.conclusion for comparison in evaluation.comparisons]
    if len(conditions) > 1:
        return ["Unknown: the conditions have no seed in common, so their runs cannot be compared in pairs."]
    return [
        "Unknown: this needs a second condition. Train again with"
        f" --removal {'none' if conditions[0].removes else 'wang'} on the same data with the same seed, and report"
        " both runs together: bimodal report RUN OTHER_RUN."
    ]


def _certainty(evaluation: Evaluation | None) -> list[str]:
    if evaluation is None:
        return ["Unknown: nothing has been measured yet."]
    results = evaluation.results
    names = [f"{result.condition.name} " if len(results) > 1 else "" for result in results]
    accuracies = "; ".join(f"{name}{percent(result.accuracy)}" for name, result in zip(names, results, strict=True))
    several = all(len(result.measures) > 1 for result in results)
    meaning = "means over the seeds, with 95 % intervals for the choice of the seeds"
    if not several:
        meaning = "with 95 % intervals for the choice of the faces"
    elif not all(result.accuracy.bounded for result in results):
        meaning = f"means over the seeds. {NO_INTERVAL.rstrip('.')}"
    answers = [f"Accuracy on {evaluation.n:,} {evaluation.split} faces: {accuracies}; {meaning}."]
    if several:
        intervals = [measures.accuracy for result in results for measures in result.measures]
        reach = 50 * float(np.mean([interval.high - interval.low for interval in intervals]))
        answers.append(f"On other test faces of the same kind, each accuracy may differ by about {reach:.1f} points.")
    if evaluation.split == "val":
        answers.append(
            "These are validation faces, because not every run has predictions on the test faces. The weights of each run"
            " were chosen on validation, so this accuracy is slightly too high. Measure on the test faces: bimodal evaluate"
            " RUN."
        )
    answers += filter(None, (_blank(result, evaluation) for result in results))
    return answers + list(evaluation.notes)


def _blank(result: Result, evaluation: Evaluation) -> str:
    """Return how the accuracy changes without blank pictures; an empty text if there are none."""
    run = result.condition.runs[0]
    if "flag" not in run.manifest:
        return ""
    flags = dict(zip(run.manifest["image"], run.manifest["flag"], strict=True))
    blank = np.array([flags.get(image, "") == "blank" for image in images_of(result.condition, evaluation.split)])
    if not blank.any():
        return ""
    both = accuracy_both_ways(result.correct.ravel(), np.tile(blank, len(result.correct)))
    without = f"{100 * both.without_blank.value:.1f} %" if both.without_blank else "not defined"
    return (
        f"{int(blank.sum()):,} of the {evaluation.n:,} pictures have a single colour. They are counted above; without them"
        f" the accuracy of {result.condition.name} is {without}."
    )


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,} (mean {np.mean(counts):,.1f})"
