"""The tables of a study as text: which columns they have, and how they look on a terminal, in Markdown and in LaTeX."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Group as Renderables
from rich.console import RenderableType
from rich.text import Text

from bimodal.evaluation.statistics import Estimate
from bimodal.experiments.paper_table.frames import MARK, UNCONVERGED, Results, ends
from bimodal.rendering.numbers import p_value, points, ratio
from bimodal.rendering.table import Column, Group, Table, latex, markdown, to_latex, to_markdown

_Line = Mapping[Hashable, Any]
_LONGEST_REMARK = 60
"""Letters of a remark in a narrow table; the notes have the whole text."""

_Cells = tuple[Column, Callable[[_Line], str]]
"""A column, and its text for a line of data."""

_METHODS: dict[str, _Cells] = {
    "method": (Column("method"), lambda line: str(line["method"])),
    "marked": (Column("method"), lambda line: line["method"] + (f" {MARK}" if UNCONVERGED in line["remark"] else "")),
    "seeds": (Column("seeds", True), lambda line: str(line["seeds"])),
    "accuracy": (Column("accuracy, %", True), lambda line: _accuracy(line)),
    "outcome": (Column("accuracy, %", True), lambda line: _accuracy(line) or "failed"),
    "without": (Column("without blank, %", True), lambda line: _percent(line["accuracy_without_blank"])),
    "paper": (Column("paper, %", True), lambda line: _percent(line["paper_accuracy"])),
    "gain": (Column("effect of removal, points", True), lambda line: _points(line, "gain")),
    "p": (Column("p", True), lambda line: _p(line["gain_p_holm"])),
    "balanced": (Column("balanced, %", True), lambda line: _percent(line["balanced_accuracy"])),
    "f1": (Column("macro F1, %", True), lambda line: _percent(line["macro_f1"])),
    "validation": (Column("validation, %", True), lambda line: _percent(line["validation_accuracy"])),
    "network": (Column("network"), lambda line: str(line["network"])),
    "removed": (Column("removed", True), lambda line: _number(line["removed"])),
    "wrong": (Column("known wrong among these", True), lambda line: _number(line["removed_known_wrong"])),
    "seconds": (Column("seconds per run", True), lambda line: _number(line["seconds_a_run"])),
    "remark": (Column("remark"), lambda line: str(line["remark"])),
    "brief": (Column("remark"), lambda line: _cut(line["remark"])),
}
_PAIR: tuple[_Cells, ...] = (
    (Column("row"), lambda line: str(line["b"])),
    (Column("compared with"), lambda line: str(line["a"])),
    (Column("wrong labels", True), lambda line: f"{100 * line['wrong_labels']:g} %" if line["wrong_labels"] else ""),
)
_DIFFERENCE: tuple[_Cells, ...] = (
    (Column("difference, points", True), lambda line: _points(line, "difference")),
    (Column("p", True), lambda line: _p(line["p_holm"])),
)
_SPEED: tuple[_Cells, ...] = (
    (Column("times the steps", True), lambda line: ratio(_estimate(line, "steps"))),
    (Column("times the seconds", True), lambda line: ratio(_estimate(line, "seconds"))),
)
TERMINAL = ("marked", "seeds", "outcome", "paper", "gain")
NARROW = ("method", "seeds", "accuracy", "paper", "gain", "brief")
MEASURES = ("method", "seeds", "accuracy", "without", "paper", "gain", "p", "balanced", "f1", "validation", "remark")
RUNS = ("method", "network", "seeds", "removed", "wrong", "seconds")
EVERYTHING = tuple(key for key in _METHODS if key not in ("marked", "outcome", "brief"))


def method_table(results: Results, columns: Sequence[str]) -> Table:
    """Return the methods as text, in a group for each share of wrong labels; empty columns are left out.

    Args:
        results: from `tabulate`.
        columns: `TERMINAL` (80 columns), `NARROW`, `MEASURES`, `RUNS` or `EVERYTHING`.
    """
    several = results.methods["wrong_labels"].nunique() > 1

    def heading(line: _Line) -> str:
        if line["wrong_labels"]:
            return f"With {100 * line['wrong_labels']:g} % wrong labels"
        return "With the given labels" if several else ""

    return _table(results.methods, [_METHODS[key] for key in columns], heading, results.title, results.methods)


def claim_tables(results: Results, title: str = "") -> list[tuple[str, Table, list[str]]]:
    """Return for each question: its text, the table of its pairs under a title, and a conclusion for each pair."""
    found = []
    for frame, columns in ((results.claims, _DIFFERENCE), (results.speeds, _SPEED)):
        for question, pairs in frame.groupby("question", sort=False):
            table = _table(pairs, [*_PAIR, *columns], lambda line: str(line["question"]), title, frame)
            found.append((str(question), table, list(pairs["conclusion"])))
    return found


def to_terminal(results: Results) -> RenderableType:
    """Return all tables, conclusions and notes for a terminal."""
    parts: list[RenderableType] = [method_table(results, TERMINAL)]
    for _, table, conclusions in claim_tables(results):
        parts += [table, *map(Text, conclusions), Text()]
    return Renderables(*parts, *(Text(f"- {note}", style="dim") for note in results.notes))


def to_markdown_page(results: Results) -> str:
    """Return all tables, conclusions and notes as Markdown."""
    parts = [to_markdown(method_table(results, EVERYTHING))]
    for _, table, conclusions in claim_tables(results):
        parts += [to_markdown(table), "".join(f"- {markdown(sentence)}\n" for sentence in conclusions)]
    return "\n".join([*parts, "Notes:\n", "".join(f"- {markdown(note)}\n" for note in results.notes)])


def to_latex_page(results: Results) -> str:
    """Return all tables and notes as LaTeX that needs no package."""
    tables = [method_table(results, NARROW), *(table for _, table, _ in claim_tables(results, results.title))]
    notes = [f"\\item {latex(note)}" for note in results.notes]
    return "\n".join([*map(to_latex, tables), "\\begin{itemize}", *notes, "\\end{itemize}", ""])


def _table(
    frame: pd.DataFrame, columns: Sequence[_Cells], heading: Callable[[_Line], str], title: str, whole: pd.DataFrame
) -> Table:
    """Return a frame as text in groups by heading, without the columns that are empty in the whole frame."""
    used = [(column, text) for column, text in columns if any(map(text, whole.to_dict("records")))]
    groups: dict[str, list[tuple[str, ...]]] = {}
    for line in frame.to_dict("records"):
        groups.setdefault(heading(line), []).append(tuple(text(line) for _, text in used))
    head = tuple(column for column, _ in used)
    return Table(head, tuple(Group(tuple(rows), name) for name, rows in groups.items()), title)


def _estimate(line: _Line, name: str) -> Estimate:
    value, low, high = (line[end] for end in ends(name))
    return Estimate(value, low, high) if pd.notna(low) else Estimate(value, -math.inf, math.inf)


def _accuracy(line: _Line) -> str:
    own = _estimate(line, "accuracy")
    text = _percent(own.value)
    return f"{text} ({100 * max(own.low, 0):.1f} to {100 * min(own.high, 1):.1f})" if own.bounded else text


def _points(line: _Line, name: str) -> str:
    return "" if pd.isna(line[name]) else points(_estimate(line, name))


def _percent(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    if value is None or pd.isna(value):
        return ""
    return f"{value:.1f}" if value < 10 and value % 1 else f"{value:,.0f}"


def _p(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else p_value(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_REMARK else f"{text[: _LONGEST_REMARK - 1]}…"
