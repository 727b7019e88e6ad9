"""Tables in words: which columns there are, and how a number and its interval are written."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bimodal.evaluation.statistics import Estimate
from bimodal.experiments.paper_table.claims import times

UNCONVERGED, MARK = "unconverged", "*"
_Line = dict[str, Any]
_REMARK = 60
"""Letters of a remark that a narrow table shows; the whole of it stands in the notes."""


@dataclass(frozen=True)
class GridGroup:
    """Rows of words that belong together, and what stands over them; empty where they are all there is."""

    heading: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Grid:
    """A table in words: the head, which columns hold numbers, and the groups of rows."""

    head: tuple[str, ...]
    numbers: tuple[bool, ...]
    groups: tuple[GridGroup, ...]


_Column = tuple[str, bool, Callable[[_Line], str]]
"""The head of a column, whether it holds numbers, and what it says of a line."""

_METHODS: dict[str, _Column] = {
    "method": ("method", False, lambda line: str(line["method"])),
    "marked": ("method", False, lambda line: line["method"] + (f" {MARK}" if UNCONVERGED in line["remark"] else "")),
    "seeds": ("seeds", True, lambda line: str(line["seeds"])),
    "accuracy": ("accuracy, %", True, lambda line: _percents(line, "accuracy", "{:.1f}", lowest=0)),
    "outcome": ("accuracy, %", True, lambda line: _percents(line, "accuracy", "{:.1f}", lowest=0) or "failed"),
    "without": ("without blank, %", True, lambda line: _percent(line["accuracy_without_blank"])),
    "paper": ("paper, %", True, lambda line: _percent(line["paper_accuracy"])),
    "gain": ("by removal, points", True, lambda line: _percents(line, "gain", "{:+.1f}")),
    "p": ("p", True, lambda line: _p(line["gain_p_holm"])),
    "balanced": ("balanced, %", True, lambda line: _percent(line["balanced_accuracy"])),
    "f1": ("macro F1, %", True, lambda line: _percent(line["macro_f1"])),
    "validation": ("validation, %", True, lambda line: _percent(line["validation_accuracy"])),
    "network": ("network", False, lambda line: str(line["network"])),
    "removed": ("removed", True, lambda line: _number(line["removed"])),
    "wrong": ("of these known wrong", True, lambda line: _number(line["removed_known_wrong"])),
    "seconds": ("seconds a run", True, lambda line: _number(line["seconds_a_run"])),
    "remark": ("remark", False, lambda line: str(line["remark"])),
    "brief": ("remark", False, lambda line: _cut(line["remark"])),
}
_PAIR: tuple[_Column, ...] = (
    ("row", False, lambda line: str(line["b"])),
    ("against", False, lambda line: str(line["a"])),
    ("wrong labels", True, lambda line: f"{100 * line['wrong_labels']:g} %" if line["wrong_labels"] else ""),
)
TERMINAL = ("marked", "seeds", "outcome", "paper", "gain")
NARROW = ("method", "seeds", "accuracy", "paper", "gain", "brief")
MEASURES = ("method", "seeds", "accuracy", "without", "paper", "gain", "p", "balanced", "f1", "validation", "remark")
RUNS = ("method", "network", "seeds", "removed", "wrong", "seconds")
EVERYTHING = tuple(key for key in _METHODS if key not in ("marked", "outcome", "brief"))


def method_grid(methods: pd.DataFrame, columns: Sequence[str]) -> Grid:
    """Put the methods into words, a group for each share of wrong labels, without the columns that nobody has.

    Args:
        methods: from `rows_of`.
        columns: `TERMINAL` (80 columns), `NARROW`, `MEASURES`, `RUNS` or `EVERYTHING`.
    """
    several = methods["wrong_labels"].nunique() > 1
    return _grid(methods, [_METHODS[key] for key in columns], lambda line: _share_of_wrong(line, several))


def claim_grid(claims: pd.DataFrame) -> Grid:
    """Put claims on accuracy into words, a group for each question."""
    columns: list[_Column] = [
        ("difference, points", True, lambda line: _percents(line, "difference", "{:+.1f}")),
        ("p", True, lambda line: _p(line["p_holm"])),
    ]
    return _grid(claims, [*_PAIR, *columns], lambda line: str(line["question"]))


def speed_grid(speeds: pd.DataFrame) -> Grid:
    """Put claims on speed into words, a group for each question."""
    columns: list[_Column] = [
        ("times the steps", True, lambda line: _times(line, "steps")),
        ("times the seconds", True, lambda line: _times(line, "seconds")),
    ]
    return _grid(speeds, [*_PAIR, *columns], lambda line: str(line["question"]))


def _grid(frame: pd.DataFrame, columns: Sequence[_Column], heading: Callable[[_Line], str]) -> Grid:
    lines: list[_Line] = [{str(key): value for key, value in line.items()} for line in frame.to_dict("records")]
    used = [column for column in columns if any(column[2](line) for line in lines)]
    groups: dict[str, list[tuple[str, ...]]] = {}
    for line in lines:
        groups.setdefault(heading(line), []).append(tuple(text(line) for _, _, text in used))
    return Grid(
        tuple(name for name, _, _ in used),
        tuple(number for _, number, _ in used),
        tuple(GridGroup(name, tuple(rows)) for name, rows in groups.items()),
    )


def _share_of_wrong(line: _Line, several: bool) -> str:
    if line["wrong_labels"]:
        return f"With {100 * line['wrong_labels']:g} % wrong labels"
    return "With the labels as they are" if several else ""


def _percents(line: _Line, name: str, form: str, lowest: float = -100) -> str:
    """Say a share with its interval in percent; nothing if there is none."""
    value, low, high = (line[end] for end in ends(name))
    if pd.isna(value):
        return ""
    text = form.format(100 * value)
    if pd.isna(low):
        return text
    return f"{text} ({form.format(max(100 * low, lowest))} to {form.format(min(100 * high, 100))})"


def _times(line: _Line, name: str) -> str:
    value, low, high = (line[end] for end in ends(name))
    return times(Estimate(value, low, high) if pd.notna(low) else Estimate(value, 0, math.inf))


def _percent(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    if value is None or pd.isna(value):
        return ""
    return f"{value:.1f}" if value < 10 and value % 1 else f"{value:,.0f}"


def _p(value: float | None) -> str:
    if value is None or pd.isna(value):
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _cut(text: str) -> str:
    return text if len(text) <= _REMARK else f"{text[: _REMARK - 1]}…"


def ends(name: str) -> tuple[str, str, str]:
    """Return the columns of an estimate: its value, and the ends of its interval."""
    return name, f"{name}_low", f"{name}_high"
