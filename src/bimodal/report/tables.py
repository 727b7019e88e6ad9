"""The tables of a comparison and of a report, as text."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bimodal.emotions import NAMES
from bimodal.evaluation.comparison import Comparison
from bimodal.evaluation.statistics import over_seeds, wilson
from bimodal.rendering.numbers import NO_INTERVAL, p_value, percent, points
from bimodal.rendering.table import Table
from bimodal.report.classes import pooled
from bimodal.report.comparison import Evaluation, Result
from bimodal.report.conditions import Condition, seed_of, settings_of
from bimodal.report.gallery import Removed, Truth, compare_with_truth, training_faces

_MEASURES = ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error")


def comparison_table(evaluation: Evaluation) -> Table:
    """Return a row for each condition: accuracy, and difference to the baseline."""
    compared = {comparison.b: comparison for comparison in evaluation.comparisons}
    rows = []
    for result in evaluation.results:
        own = compared.get(result.condition.name)
        difference = (points(own.difference), p_value(own.p_holm)) if own else ("", "")
        rows.append((result.condition.name, str(len(result.run_measures)), percent(result.accuracy), *difference))
    title = f"Accuracy on {evaluation.n:,} {evaluation.split} examples, with 95 % intervals"
    head = ("condition", "runs", "accuracy", "difference, points", "p")
    return Table.of(head, rows, title, interval_notes(evaluation))


def interval_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the note that an accuracy has no interval, if one has none."""
    return () if all(result.accuracy.bounded for result in evaluation.results) else (NO_INTERVAL,)


def found_table(found: Mapping[str, Truth], faces: int) -> Table:
    """Return a row for each way to find wrong labels that are known: counts, precision and recall.

    Args:
        found: the counts of each way, of one run or of several.
        faces: the number of training faces.
    """
    rows = [
        (
            name,
            f"{sum(own.removed) / len(own.removed):.3g}",
            f"{sum(own.removed_wrong) / len(own.removed):.3g}",
            _share(own.removed_wrong, own.removed),
            _share(own.removed_wrong, [own.wrong] * len(own.removed)),
        )
        for name, own in found.items()
    ]
    wrong = next(iter(found.values())).wrong
    title = f"Which of the {wrong:,} wrong labels among {faces:,} are found, with 95 % intervals"
    head = ("method", "marked", "wrong", "precision", "recall")
    return Table.of(
        head,
        rows,
        title,
        ("marked: faces that the method marks; wrong: those with a wrong label; means over the seeds.",),
    )


def _share(parts: Sequence[int], wholes: Sequence[int]) -> str:
    """Return the share of one run with Wilson's interval, or the mean over the seeds with its t interval."""
    pairs = [(part, whole) for part, whole in zip(parts, wholes, strict=True) if whole]
    if not pairs:
        return "not defined"
    return percent(wilson(*pairs[0]) if len(pairs) == 1 else over_seeds([part / whole for part, whole in pairs]))


def measures_table(evaluation: Evaluation) -> Table:
    """Return a row for each condition: the measures of its only run, or their means over the seeds."""
    rows = []
    for result in evaluation.results:
        columns = [[getattr(measures, name) for measures in result.measures] for name in _MEASURES]
        cells = [percent(own[0] if len(own) == 1 else over_seeds([one.value for one in own])) for own in columns]
        rows.append((result.condition.name, str(len(result.run_measures)), *cells))
    head = ("condition", "runs", *(name.replace("_", " ").replace("f1", "F1") for name in _MEASURES))
    return Table.of(head, rows, notes=interval_notes(evaluation))


def differences_table(comparisons: Sequence[Comparison]) -> Table:
    """Return a row for each comparison: the difference with its interval and all p-values."""
    rows = []
    for own in comparisons:
        over = own.over_seeds
        tests = ("one pair", "one pair")
        if over.n > 1:
            tests = p_value(over.p_t), f"{p_value(over.p_permutation)} (at least {over.p_smallest:.3f})"
        rows.append((own.b, str(over.n), points(own.difference), p_value(own.p_holm), *tests))
    head = ("condition", "pairs of runs", "difference, points", "p", "p, t test over seeds", "p, sign-flip test")
    return Table.of(head, rows)


def seeds_table(comparison: Comparison) -> Table:
    """Return the McNemar test of each pair of runs."""
    rows = [
        (f"seed {seed}", str(test.only_a), str(test.only_b), p_value(test.p))
        for (_, seed), test in zip(comparison.seeds, comparison.by_seed, strict=True)
    ]
    return Table.of(("pair of runs", "only the baseline is right", "only this condition is right", "p"), rows)


def classes_table(result: Result) -> Table:
    """Return recall and precision by emotion: of one run with intervals, of several the pooled values."""
    matrix, _ = pooled(result.measures)
    several = len(result.measures) > 1
    rows = []
    for own in result.measures[0].classes:
        right, given, predicted = matrix[own.code, own.code], matrix[own.code].sum(), matrix[:, own.code].sum()
        recall, precision = "no face", "never predicted"
        if given:
            recall = f"{100 * right / given:.1f} %" if several or not own.recall else percent(own.recall)
        if predicted:
            precision = f"{100 * right / predicted:.1f} %" if several or not own.precision else percent(own.precision)
        rows.append((NAMES[own.code], f"{own.support:,}", recall, precision))
    return Table.of(("given label", "faces", "recall", "precision"), rows)


def removed_table(condition: Condition, examples: Sequence[Removed]) -> Table:
    """Return a row for each emotion: how many faces with this label were removed, and what was predicted for them."""
    train = training_faces(condition)
    rows = []
    for name in NAMES:
        removed = [example for example in examples if example.label == name]
        faces = int((train["label"] == name).sum())
        share = f"{100 * len(removed) / faces:.1f} %" if faces else ""
        predicted = Counter(example.predicted for example in removed if example.predicted).most_common(2)
        most = ", ".join(f"{label} ({count:,})" for label, count in predicted)
        rows.append((name, f"{faces:,}", f"{len(removed):,}", share, most))
    any_run = " in any fold" if condition.are_folds else " with any seed"
    count = f"removed{any_run if len(condition.runs) > 1 else ''}"
    head = ("given label", "training faces", count, "share", "most frequent predictions")
    return Table.of(head, rows, text=("given label", "most frequent predictions"))


def runs_table(conditions: Sequence[Condition], evaluation: Evaluation | None) -> Table:
    """Return a row for each run."""
    rows = []
    for number, condition in enumerate(conditions):
        truth = compare_with_truth(condition)
        for place, run in enumerate(condition.runs):
            wrong = f"{truth.removed_wrong[place]:,}" if truth else "unknown"
            accuracy = (
                percent(evaluation.results[number].run_measures[place].accuracy) if evaluation else "not measured"
            )
            rows.append((run.name, condition.name, str(seed_of(run)), f"{len(run.removed):,}", wrong, accuracy))
    head = ("run", "condition", "seed", "removed", "known wrong among these", "accuracy")
    return Table.of(head, rows, text=("run", "condition"))


def settings_table(conditions: Sequence[Condition]) -> Table:
    """Return a row for each setting, with a column for each condition."""
    values = [settings_of(condition.runs[0]) for condition in conditions]
    keys = dict.fromkeys(key for settings in values for key in settings)
    rows = [(key, *(settings.get(key, "") for settings in values)) for key in keys]
    head = ("setting", *([condition.name for condition in conditions] if len(conditions) > 1 else ["value"]))
    return Table.of(head, rows, text=head)


def environment_table(environment: dict[str, object]) -> Table:
    """Return a row for each fact about software and machine."""
    rows = []
    for key, value in environment.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {inner}" for name, inner in value.items())
        rows.append((str(key).replace("_", " "), "none" if value is None else str(value)))
    return Table.of(("name", "value"), rows, text=("name", "value"))
