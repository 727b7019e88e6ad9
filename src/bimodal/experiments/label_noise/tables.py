"""The study's tables: everything as CSV, and what people read as Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bimodal.emotions import CODES
from bimodal.evaluation.statistics import Estimate, wilson
from bimodal.experiments.label_noise.measures import MEASURES
from bimodal.experiments.label_noise.results import CLEANLAB, Condition, measured
from bimodal.files import write_atomically

OURS, REMOVED, PEER = "two-modes", "two-modes-removal", "cleanlab"
_NAMES = {
    "two-modes": "**two-modes**",
    "two-modes-removal": "two-modes, removed without a look",
    "wang": "the paper's step",
    "wang-repeated": "the paper's, repeated",
    "slade-gedeon": "original of 1993",
    "last-loss": "loss of the last epoch",
    "mean-loss": "mean loss",
    "margins": "margins (AUM)",
    "mixture": "mixture on the loss",
    "scn": "self-cure (SCN)",
    "cleanlab": "cleanlab, 5 folds",
    "cleanlab-both": "cleanlab, 5 folds, both filters",
    "random": "random",
}
_FIGURES: dict[str, Callable[[Estimate], str]] = {
    "average_precision": lambda e: f"{e.value:.3f} ({e.low:.3f}-{e.high:.3f})",
    "auroc": lambda e: f"{e.value:.3f} ({e.low:.3f}-{e.high:.3f})",
    "precision": lambda e: f"{e.value:.2f}",
    "recall": lambda e: f"{e.value:.2f}",
    "f1": lambda e: f"{e.value:.3f} ({e.low:.3f}-{e.high:.3f})",
    "removed": lambda e: f"{100 * e.value:.1f}",
}


def write_tables(conditions: Sequence[Condition], out: Path) -> list[Path]:
    """Write `measures.csv`, `differences.csv`, `accuracies.csv`, `costs.csv`, `kept.csv` and `tables.md`."""
    tables = {
        "measures.csv": measures_table(conditions),
        "differences.csv": differences_table(conditions),
        "accuracies.csv": accuracies_table(conditions),
        "costs.csv": costs_table(conditions),
        "kept.csv": kept_table(conditions),
    }
    files = []
    for name, table in tables.items():
        write_atomically(out / name, partial(table.to_csv, index=False))
        files.append(out / name)
    text = to_markdown(conditions)
    write_atomically(out / "tables.md", lambda file: file.write_text(text, encoding="utf-8"))
    return [*files, out / "tables.md"]


def measures_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return a row for each condition, method and measure, with its 95 % interval over faces and seeds."""
    columns = ["condition", "method", "seeds", "measure", "value", "low", "high"]
    rows = [
        (condition.name, method, len(condition.seeds_of(method)), name, own.value, own.low, own.high)
        for condition, method, name, own in measured(conditions)
    ]
    return pd.DataFrame(rows, columns=columns).round(5)


def differences_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return how much higher each measure is than cleanlab's, on the same faces and seeds."""
    rows = []
    for condition in conditions:
        for peer in CLEANLAB:
            for method in condition.methods:
                for name in MEASURES if method != peer else ():
                    own = condition.difference(method, peer, name)
                    if own is not None:
                        rows.append((condition.name, method, peer, name, own.value, own.low, own.high))
    return pd.DataFrame(rows, columns=["condition", "method", "against", "measure", "difference", "low", "high"]).round(
        5
    )


def accuracies_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return the test accuracy of every training, and its difference to training on everything; p is not adjusted."""
    rows = []
    for condition in conditions:
        for training in condition.trainings:
            own, against = condition.accuracy(training), condition.against_plain(training)
            if own is None or against is None:
                continue
            gain = against.difference
            numbers = (own.value, own.low, own.high, gain.value, gain.low, gain.high, against.p)
            rows.append((condition.name, training, len(against.seeds), *numbers))
    columns = ["condition", "training", "seeds", "accuracy", "low", "high", "difference", "from", "to", "p"]
    return pd.DataFrame(rows, columns=columns).round(5)


def costs_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return what each method costs: examples seen, as a multiple of one training and of cleanlab's five, and seconds.

    The seconds are those of the trainings as they ran, beside others on the same machine: compare them within a row of
    conditions at most.
    """
    rows = []
    for condition in conditions:
        for method in condition.methods:
            ended = [result for result in condition.results if method in result.measures]
            costs = [cost for result in ended if (cost := result.cost(method)) is not None]
            seconds = [own for result in ended if (own := result.seconds_of(method)) is not None]
            if costs:
                rows.append((condition.name, method, float(np.mean(costs)), float(np.mean(seconds))))
    table = pd.DataFrame(rows, columns=["condition", "method", "trainings", "seconds"])
    peer = table[table["method"] == PEER].set_index("condition")["trainings"]
    table["of_cleanlab"] = table["trainings"] / table["condition"].map(peer)
    return table.round(4)


def kept_table(conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return, where an emotion was made rare, which share of its right labels stays, and of the others'.

    The faces of all seeds are pooled; the intervals are Wilson's, of 95 %.
    """
    rows = []
    for condition in conditions:
        if not condition.cell.rare:
            continue
        rare = CODES[condition.cell.rare]
        for method in condition.methods:
            ended = [result for result in condition.results if method in result.measures]
            if ended[0].found[method].remove is None:
                continue
            kept, counts = np.sum([result.kept(method) for result in ended], axis=0)
            own = wilson(int(kept[rare]), int(counts[rare]))
            others = wilson(int(kept.sum() - kept[rare]), int(counts.sum() - counts[rare]))
            rows.append((condition.name, method, len(ended), *astuple(own), *astuple(others)))
    columns = ["condition", "method", "seeds", "rare", "rare_low", "rare_high", "others", "others_low", "others_high"]
    return pd.DataFrame(rows, columns=columns).round(4)


def to_markdown(conditions: Sequence[Condition]) -> str:
    """Return the tables that people read: one a measure, a row a method, a column a condition."""
    parts = [f"### {OURS} against cleanlab with five folds\n\n{_against_peer(conditions)}"]
    for title, name in (
        ("Average precision of the ranking", "average_precision"),
        ("F1 of what is called wrong or removed", "f1"),
        ("Share called wrong or removed, per cent", "removed"),
        ("Precision of what is called wrong or removed", "precision"),
        ("Recall of what is called wrong or removed", "recall"),
        ("Area under the ROC curve", "auroc"),
    ):
        for group, own in _groups(conditions):
            parts.append(f"### {title}: {group}\n\n{_matrix(own, name)}")
    parts.append(f"### Test accuracy\n\n{_accuracies(conditions)}")
    return "\n\n".join(parts) + "\n"


def _groups(conditions: Sequence[Condition]) -> list[tuple[str, list[Condition]]]:
    names = {
        "clean": "FERPlus-clean faces",
        "own": "FER2013's own labels",
        "drawn": "drawn faces",
        "photographs": "photographs",
    }
    return [
        (words, own)
        for faces, words in names.items()
        if (own := [c for c in conditions if c.cell.faces == faces and not c.cell.rare])
    ]


def _against_peer(conditions: Sequence[Condition]) -> str:
    """Say condition by condition how ours fares against cleanlab, on the seeds that both have."""
    lines = [
        "| condition | seeds | average precision | of cleanlab | difference | F1, called wrong | F1, removed | of cleanlab | "
        "difference of the called | cost |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for condition in conditions:
        if PEER not in condition.methods or not (condition.cell.noise or condition.cell.pattern == "own"):
            continue
        both = Condition(condition.name, tuple(r for r in condition.results if PEER in r.measures))
        costs = [(r.cost(OURS), r.cost(PEER)) for r in both.results]
        cells = [
            f"{condition.cell.faces} {_short(condition)}",
            str(len(both.results)),
            _value(both.estimate(OURS, "average_precision")),
            _value(both.estimate(PEER, "average_precision")),
            _signed(both.difference(OURS, PEER, "average_precision")),
            _value(both.estimate(OURS, "f1")),
            _value(both.estimate(REMOVED, "f1")),
            _value(both.estimate(PEER, "f1")),
            _signed(both.difference(OURS, PEER, "f1")),
            f"{np.mean([own / peer for own, peer in costs if own and peer]):.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _value(own: Estimate | None) -> str:
    return "" if own is None else f"{own.value:.3f}"


def _signed(gain: Estimate | None) -> str:
    return "" if gain is None else f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"


def _matrix(conditions: Sequence[Condition], name: str) -> str:
    shown = [c for c in conditions if name == "removed" or c.cell.noise or c.cell.pattern == "own"]
    head = ["method", *(_short(condition) for condition in shown)]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * len(shown)]
    for method, words in _NAMES.items():
        cells = [condition.estimate(method, name) if method in condition.methods else None for condition in shown]
        if any(cell is not None for cell in cells):
            lines.append(f"| {words} | " + " | ".join("" if c is None else _FIGURES[name](c) for c in cells) + " |")
    return "\n".join(lines)


def _accuracies(conditions: Sequence[Condition]) -> str:
    lines = [
        "| condition | training | seeds | accuracy, % | difference to all faces, points | p |",
        "|---|---|---:|---:|---:|---:|",
    ]
    names = {condition.name: f"{condition.cell.faces} {_short(condition)}" for condition in conditions}
    for row in accuracies_table(conditions).to_dict("records"):
        gain, low, high = (100 * row[key] for key in ("difference", "from", "to"))
        told = "" if row["training"] == "plain" else f"{gain:+.1f} ({low:+.1f} to {high:+.1f})"
        p = "" if row["training"] == "plain" else f"{row['p']:.3f}"
        start = f"| {names[row['condition']]} | {row['training']} | {row['seeds']}"
        lines.append(f"{start} | {100 * row['accuracy']:.1f} | {told} | {p} |")
    return "\n".join(lines)


def _short(condition: Condition) -> str:
    """Say a condition as a column's head does."""
    cell = condition.cell
    size = f"{cell.size:,}" if cell.size else "all"
    wrong = "own labels" if cell.pattern == "own" else f"{100 * cell.noise:g} %"
    pattern = " along confusions" if cell.pattern == "confusions" else ""
    return f"{size}, {wrong}{pattern}{', ' + cell.rare + ' rare' if cell.rare else ''}"
