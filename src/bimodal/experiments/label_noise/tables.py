"""The tables of the study: all numbers as CSV, and a selection as Markdown."""

from collections.abc import Sequence
from dataclasses import astuple
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from bimodal.emotions import CODES
from bimodal.evaluation.statistics import Estimate, wilson
from bimodal.experiments.label_noise.measures import MEASURES, kept_by_class
from bimodal.experiments.label_noise.results import CLEANLAB, FEATURES_CLEANLAB, Condition
from bimodal.experiments.label_noise.samples import UNDECIDED, WRONG
from bimodal.files import write_csv, write_text
from bimodal.rendering.table import Table, to_markdown

OURS, REMOVAL, BASELINE = "two-modes", "two-modes-removal", "cleanlab"
_NAMES = {
    "features": "audit by features",
    "thorough": "thorough audit",
    "simifeat": "SimiFeat, vote of 10 neighbours",
    "features-cleanlab": "cleanlab on the audit's probabilities",
    "features-cleanlab-both": "the same, filter both",
    "features-cleanlab-confident": "the same, confident learning",
    "two-modes": "two-modes",
    "two-modes-removal": "two-modes, removed without review",
    "wang": "the paper's rule, once",
    "wang-repeated": "the paper's rule, repeated",
    "slade-gedeon": "the rule of 1993",
    "last-loss": "loss of the last epoch",
    "mean-loss": "mean loss",
    "margins": "margins (AUM)",
    "mixture": "mixture of Gaussians on the loss",
    "scn": "relabelling (SCN)",
    "cleanlab": "cleanlab, 5 folds",
    "cleanlab-both": "cleanlab, 5 folds, filter both",
    "random": "random",
}
_RANKED = ("features", "thorough", "two-modes", "simifeat", "features-cleanlab")
_TITLES = {
    "average_precision": "Average precision of the ranking",
    "f1": "F1 of the labels to review or to remove",
    "removed": "Labels to review or to remove, percent of all",
    "precision": "Precision of the labels to review or to remove",
    "recall": "Recall of the labels to review or to remove",
    "auroc": "Area under the ROC curve",
    "noise_rate": "Estimated share of wrong labels",
    "rate_error": "Absolute error of the estimated share of wrong labels",
}
_SOURCES = {
    "clean": "FERPlus-clean faces",
    "own": "FER2013's labels",
    "public-clean": "FERPlus-clean faces of PublicTest",
    "public-own": "FER2013's labels of PublicTest",
    "drawn": "synthetic faces",
    "photographs": "photographs",
}


def write_tables(conditions: Sequence[Condition], out: Path) -> None:
    """Write `measures.csv`, `differences.csv`, `accuracies.csv`, `costs.csv`, `kept.csv` and `tables.md`."""
    write_csv(out / "measures.csv", measures_table(conditions))
    write_csv(out / "differences.csv", differences_table(conditions))
    write_csv(out / "accuracies.csv", accuracies_table(conditions))
    write_csv(out / "costs.csv", costs_table(conditions))
    write_csv(out / "kept.csv", kept_table(conditions))
    write_text(out / "tables.md", as_markdown(conditions))


def measures_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return one row for each condition, method and measure, with its 95 % interval over faces and seeds."""
    rows = []
    for condition in conditions:
        for method, name in product(condition.methods, MEASURES):
            estimate = condition.estimate(method, name)
            if estimate is not None:
                rows.append((condition.name, method, len(condition.results_of(method)), name, *astuple(estimate)))
    columns = ["condition", "method", "seeds", "measure", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).round(5)


def differences_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return the difference of each measure to those of cleanlab's filters, on the same faces and seeds."""
    rows = []
    for condition in conditions:
        for baseline, method, name in product((*CLEANLAB, *FEATURES_CLEANLAB), condition.methods, MEASURES):
            difference = condition.difference(method, baseline, name) if method != baseline else None
            if difference is not None:
                rows.append((condition.name, method, baseline, name, *astuple(difference)))
    columns = ["condition", "method", "against", "measure", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns).round(5)


def accuracies_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return the test accuracy of each training, and its difference to the same training on all faces; p is not adjusted."""
    rows = []
    for condition in conditions:
        for training in condition.trainings:
            accuracy, comparison = condition.accuracy(training), condition.compare_with_baseline(training)
            if accuracy is not None:
                numbers = (*astuple(accuracy), *astuple(comparison.difference), comparison.p)
                rows.append((condition.name, training, len(comparison.seeds), *numbers))
    columns = ["condition", "training", "seeds", "accuracy", "low", "high", "difference", "from", "to", "p"]
    return pd.DataFrame(rows, columns=columns).round(5)


def costs_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return the cost of each method: faces trained on, as multiples of the plain training and of cleanlab, and seconds.

    Other trainings ran at the same time, so the seconds compare within a condition at most.
    """
    rows = []
    for condition in conditions:
        for method in condition.methods:
            costs = [result.cost(method) for result in condition.results_of(method)]
            rows.append((condition.name, method, *np.mean(costs, axis=0).tolist()))
    table = pd.DataFrame(rows, columns=["condition", "method", "trainings", "seconds"])
    baseline = table[table["method"] == BASELINE].set_index("condition")["trainings"]
    table["of_cleanlab"] = table["trainings"] / table["condition"].map(baseline)
    return table.round(4)


def kept_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return the share of right labels that is kept of a rare emotion, and of the others.

    The faces of all seeds are pooled; the 95 % intervals are Wilson's.
    """
    rows = []
    for condition in conditions:
        if not condition.cell.rare:
            continue
        rare = CODES[condition.cell.rare]
        for method in condition.methods:
            results = condition.results_of(method)
            if results[0].detections[method].remove is None:
                continue
            parts = [kept_by_class(result.detections[method], result.truth, result.labels) for result in results]
            kept, counts = np.sum(parts, axis=0)
            of_rare = wilson(int(kept[rare]), int(counts[rare]))
            of_others = wilson(int(kept.sum() - kept[rare]), int(counts.sum() - counts[rare]))
            rows.append((condition.name, method, len(results), *astuple(of_rare), *astuple(of_others)))
    columns = ["condition", "method", "seeds", "rare", "rare_low", "rare_high", "others", "others_low", "others_high"]
    return pd.DataFrame(rows, columns=columns).round(4)


def as_markdown(conditions: Sequence[Condition]) -> str:
    """Return tables of a measure each, with a row for each method and a column for each condition."""
    parts = [f"### Audit by features compared with other methods\n\n{to_markdown(_by_features(conditions))}"]
    parts += [f"### {OURS} compared with cleanlab (five folds)\n\n{to_markdown(_compared_with_cleanlab(conditions))}"]
    for (name, title), (source, words) in product(_TITLES.items(), _SOURCES.items()):
        group = [c for c in conditions if c.cell.faces == source and not c.cell.rare]
        if group:
            parts.append(f"### {title}: {words}\n\n{to_markdown(_by_method(group, name))}")
    parts.append(f"### Test accuracy\n\n{to_markdown(_accuracies(conditions))}")
    return "\n".join(parts)


def _by_features(conditions: Sequence[Condition]) -> Table:
    """Compare the audit by features with the thorough audit, SimiFeat, and cleanlab on the same probabilities."""
    rows = []
    for condition in conditions:
        if "features" not in condition.methods:
            continue
        true_rates = [(result.truth == WRONG).sum() / (result.truth != UNDECIDED).sum() for result in condition.results]
        filters = {method: _value(condition.estimate(method, "f1")) for method in FEATURES_CLEANLAB}
        best = max(FEATURES_CLEANLAB, key=lambda method: filters[method])
        rows.append(
            [
                _name(condition),
                str(len(condition.results_of("features"))),
                f"{100 * np.mean(true_rates):.1f}",
                _percent(condition.estimate("features", "noise_rate")),
                *(_value(condition.estimate(method, "average_precision")) for method in _RANKED),
                _value(condition.estimate("features", "f1")),
                *filters.values(),
                _difference(condition.difference("features", best, "f1")),
                _percent(condition.estimate("features", "removed")),
                _percent(condition.estimate(FEATURES_CLEANLAB[0], "removed")),
            ]
        )
    head = ["condition", "seeds", "wrong, %", "estimated, %"]
    head += [f"average precision: {_NAMES[method]}" for method in _RANKED]
    head += [f"F1: {_NAMES[method]}" for method in ("features", *FEATURES_CLEANLAB)]
    return Table.of([*head, "F1 minus cleanlab's best filter", "to review, %", "cleanlab's, %"], rows)


def _compared_with_cleanlab(conditions: Sequence[Condition]) -> Table:
    """Compare our rule with cleanlab by condition, on the seeds in which both have results."""
    rows = []
    for condition in conditions:
        if not {OURS, BASELINE} <= set(condition.methods) or not condition.cell.has_wrong_labels:
            continue
        both = Condition(condition.name, tuple(condition.results_of(BASELINE)))
        costs = [(result.cost(OURS), result.cost(BASELINE)) for result in both.results]
        precision = [_value(both.estimate(method, "average_precision")) for method in (OURS, BASELINE)]
        f1 = [_value(both.estimate(method, "f1")) for method in (OURS, REMOVAL, BASELINE)]
        rows.append(
            [
                _name(condition),
                str(len(both.results)),
                *precision,
                _difference(both.difference(OURS, BASELINE, "average_precision")),
                *f1,
                _difference(both.difference(OURS, BASELINE, "f1")),
                f"{np.mean([ours[0] / theirs[0] for ours, theirs in costs]):.2f}",
            ]
        )
    head = ["condition", "seeds", "average precision", "cleanlab's", "difference", "F1, to review", "F1, to remove"]
    return Table.of([*head, "F1, cleanlab's", "difference of F1 (to review)", "cost, of cleanlab's"], rows)


def _by_method(conditions: Sequence[Condition], name: str) -> Table:
    shown = [c for c in conditions if name in ("removed", "noise_rate", "rate_error") or c.cell.has_wrong_labels]
    rows = []
    for method, words in _NAMES.items():
        cells = [_cell(name, condition.estimate(method, name)) for condition in shown]
        if any(cells):
            rows.append([words, *cells])
    return Table.of(["method", *map(_short, shown)], rows)


def _accuracies(conditions: Sequence[Condition]) -> Table:
    names = {condition.name: _name(condition) for condition in conditions}
    rows = []
    for row in accuracies_table(conditions).to_dict("records"):
        is_plain = row["training"] in ("plain", "probe")
        gain, low, high = (100 * row[key] for key in ("difference", "from", "to"))
        rows.append(
            [
                names[row["condition"]],
                row["training"],
                str(row["seeds"]),
                f"{100 * row['accuracy']:.1f}",
                "" if is_plain else f"{gain:+.1f} ({low:+.1f} to {high:+.1f})",
                "" if is_plain else f"{row['p']:.3f}",
            ]
        )
    head = ["condition", "training", "seeds", "accuracy, %", "difference to training on all faces, points", "p"]
    return Table.of(head, rows, text=["condition", "training"])


def _value(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:.3f}"


def _percent(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{100 * estimate.value:.1f}"


def _difference(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"


def _cell(name: str, estimate: Estimate | None) -> str:
    """Return a measure as text: a share in percent, two digits, or three digits with the interval."""
    if estimate is None:
        return ""
    if name == "removed":
        return _percent(estimate)
    if name in ("precision", "recall"):
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


def _name(condition: Condition) -> str:
    return f"{condition.cell.faces} {_short(condition)}"


def _short(condition: Condition) -> str:
    """Name a condition in the heading of a column."""
    cell = condition.cell
    size = f"{cell.size:,}" if cell.size else "all"
    wrong = "original labels" if cell.pattern == "own" else f"{100 * cell.noise:g} %"
    pattern = " along confusions" if cell.pattern == "confusions" else ""
    return f"{size}, {wrong}{pattern}{', ' + cell.rare + ' rare' if cell.rare else ''}"
