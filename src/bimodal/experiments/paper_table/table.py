"""The table of a study, and the rows of its claims: once as data, then for the terminal, CSV, Markdown and LaTeX."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bimodal.evaluation.statistics import Estimate
from bimodal.experiments.paper_table.claims import Speed, speeds
from bimodal.experiments.paper_table.comparisons import FLOOR, Comparisons, Pair
from bimodal.experiments.paper_table.grid import (
    EVERYTHING,
    MARK,
    NARROW,
    TERMINAL,
    UNCONVERGED,
    Grid,
    GridGroup,
    claim_grid,
    ends,
    method_grid,
    speed_grid,
)
from bimodal.experiments.paper_table.results import Row, Study

QUICK = "Quick sizes: small networks on small pictures, not the paper's."
PAPER = (
    "Column paper: what the paper prints for the method, on its own sets with its own protocols, one run each; not on these"
    " faces."
)
_Line = dict[str, Any]
_NAMES = ("question", "b", "a", "wrong_labels", "seeds")


@dataclass(frozen=True)
class Results:
    """What every form of the table is made from.

    Attributes:
        title: data, protocol, faces, sizes, and what the paper's column is.
        methods: a row for each method and share of wrong labels; shares are 0 to 1.
        claims: a row for each two rows that answer a question: the difference in accuracy.
        speeds: the same for their courses of training: how many times the steps and seconds to equal validation loss.
        notes: how to read it, what failed, and what else a reader must know.
    """

    title: str
    methods: pd.DataFrame
    claims: pd.DataFrame
    speeds: pd.DataFrame
    notes: tuple[str, ...]


def tabulate(study: Study, comparisons: Comparisons) -> Results:
    """Put a study into tables; the courses of training are read from its run folders."""
    return Results(
        title_of(study),
        rows_of(study, comparisons),
        pairs_of(comparisons.claims),
        speeds_of(speeds(comparisons)),
        notes_of(study, comparisons),
    )


def title_of(study: Study) -> str:
    """Say what was measured, in one line that every table carries."""
    folds = [f"{train:,} training, {val:,} validation, {test:,} test faces" for train, val, test in study.counts]
    faces = folds[0] if len(folds) == 1 else "; ".join(f"fold {n}: {own}" for n, own in enumerate(folds, start=1))
    sizes = QUICK if study.quick else "Full sizes."
    return (
        f"Accuracy on the test faces of {_one_line(study.data)}, protocol {study.protocol} ({faces}). {sizes} {PAPER}"
    )


def rows_of(study: Study, comparisons: Comparisons) -> pd.DataFrame:
    """Return a line for each row of the study, a failed one too; accuracies and differences are shares, 0 to 1."""
    return pd.DataFrame([_line(study, comparisons, row) for row in study.rows])


def pairs_of(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return a line for each pair: the accuracy of B minus that of A, both kinds of p, what could have been seen."""
    lines = []
    for pair in pairs:
        own = pair.comparison
        line = _names(pair, pair.question, own.seeds) | {"faces": own.n} | _estimate("difference", own.difference)
        line |= {"p": own.p, "p_holm": own.p_holm, "detectable": own.detectable, "conclusion": pair.conclusion}
        lines.append(line)
    return pd.DataFrame(
        lines, columns=[*_NAMES, "faces", *ends("difference"), "p", "p_holm", "detectable", "conclusion"]
    )


def speeds_of(faster: Sequence[Speed]) -> pd.DataFrame:
    """Return a line for each two courses of training: how many times the steps and seconds of B its baseline A takes."""
    lines = []
    for own in faster:
        line = _names(own.pair, own.question, len(own.seeds))
        line |= _estimate("steps", own.steps) | _estimate("seconds", own.seconds) | {"conclusion": own.conclusion}
        lines.append(line)
    return pd.DataFrame(lines, columns=[*_NAMES, *ends("steps"), *ends("seconds"), "conclusion"])


def notes_of(study: Study, comparisons: Comparisons) -> tuple[str, ...]:
    """Say how the table is to be read, what failed, and what else a reader must know."""
    notes = [
        "In brackets 95 % intervals: of an accuracy over the seeds (one seed: over the faces), of a difference over faces and"
        " seeds (bootstrap).",
    ]
    if comparisons.claims:
        notes.append(
            "p: adjusted (Holm) over the comparisons that answer a question, those of each share of wrong labels apart."
        )
    seen = [pair.comparison.detectable for pair in comparisons.claims or comparisons.others]
    sizes = [size for size in seen if size is not None]
    if sizes:
        low, high = f"{100 * min(sizes):.1f}", f"{100 * max(sizes):.1f}"
        span = low if low == high else f"{low} to {high}, depending on the pair"
        faces = comparisons.claims[0].comparison.n if comparisons.claims else comparisons.others[0].comparison.n
        notes.append(
            f"The smallest true difference that one pair of runs on {faces:,} faces shows in 80 of 100 cases, in points: {span};"
            " before any adjustment."
        )
    if any(comparisons.unconverged(row) for row in study.rows):
        notes.append(
            f"{UNCONVERGED} ({MARK}): not shown to beat {FLOOR} (the 95 % interval of the difference does not lie above 0), so no finding"
            " about the method."
        )
    if None in comparisons.beats_floor.values():
        notes.append(f"Without runs of {FLOOR} to hold it against, nobody can say whether a row has converged.")
    notes += [text for _, text in comparisons.notes]
    notes += study.notes
    notes += [f"Failed: {why}" for row in study.rows for why in row.failures]
    return tuple(map(_one_line, notes))


def to_terminal(results: Results) -> RenderableType:
    """Return the tables for a terminal of 80 columns or more; what failed, and why, is in the notes."""
    parts: list[RenderableType] = [Text(results.title, style="bold"), Text()]
    methods = method_grid(results.methods, TERMINAL)
    parts += [_rich(methods, group) for group in methods.groups]
    for grid, frame in claim_grids(results):
        for group in grid.groups:
            parts += [_rich(grid, group), *map(Text, conclusions(frame, group.heading)), Text()]
    return Group(*parts, *(Text(f"- {note}", style="dim") for note in results.notes))


def to_csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV; numbers with six digits, what is not known empty."""
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def to_markdown(results: Results) -> str:
    """Return the tables, conclusions and notes as Markdown."""
    lines = [f"**{_md(results.title)}**", ""]
    methods = method_grid(results.methods, EVERYTHING)
    for group in methods.groups:
        lines += [*_pipes(methods, group), ""]
    for grid, frame in claim_grids(results):
        for group in grid.groups:
            sentences = [f"- {_md(sentence)}" for sentence in conclusions(frame, group.heading)]
            lines += [*_pipes(grid, group), "", *sentences, ""]
    return "\n".join([*lines, "Notes:", "", *(f"- {_md(note)}" for note in results.notes)]) + "\n"


def to_latex(results: Results) -> str:
    """Return the tables as LaTeX that needs no package; letters beyond the European ones become question marks."""
    grids = [method_grid(results.methods, NARROW), *(grid for grid, _ in claim_grids(results))]
    tables = [_tabular(grid, group, results.title) for grid in grids for group in grid.groups]
    notes = [f"\\item {_tex(note)}" for note in results.notes]
    return "\n".join([*tables, "\\begin{itemize}", *notes, "\\end{itemize}", ""])


def claim_grids(results: Results) -> list[tuple[Grid, pd.DataFrame]]:
    """Return the claims in words, those on accuracy and those on speed, each with its data."""
    both = [(claim_grid(results.claims), results.claims), (speed_grid(results.speeds), results.speeds)]
    return [(grid, frame) for grid, frame in both if grid.groups]


def conclusions(frame: pd.DataFrame, question: str) -> list[str]:
    """Return what `claims` or `speeds` say of a question, a sentence for each pair of rows."""
    return list(frame.loc[frame["question"] == question, "conclusion"])


def _line(study: Study, comparisons: Comparisons, row: Row) -> _Line:
    pair = comparisons.without_removal(row)
    return {
        "data": study.data,
        "protocol": study.protocol,
        "quick": study.quick,
        "method": row.method.name,
        "wrong_labels": row.noise,
        "network": row.network,
        "seeds": len(row.seeds),
        "failed_runs": len(row.failures),
        "test_faces": len(row.labels) if row.seeds else None,
        **_estimate("accuracy", row.accuracy),
        "accuracy_without_blank": None if study.blank is None else row.accuracy_without(study.blank),
        "balanced_accuracy": _mean(row.balanced),
        "macro_f1": _mean(row.macro_f1),
        "validation_accuracy": _mean(row.validation),
        "removed": _mean(row.removed) if row.method.without else None,
        "removed_known_wrong": _mean(row.removed_wrong or ()) if row.method.without else None,
        "seconds_a_run": _mean(row.seconds),
        "paper_accuracy": row.method.paper,
        **_estimate("gain", pair.comparison.difference if pair else None),
        "gain_p_holm": pair.comparison.p_holm if pair else None,
        "remark": "; ".join(_remarks(comparisons, row)),
    }


def _remarks(comparisons: Comparisons, row: Row) -> list[str]:
    remarks = [UNCONVERGED] if comparisons.unconverged(row) else []
    if row.failures:
        start = f"{len(row.failures)} failed" if row.seeds else "failed"
        remarks.append(f"{start}: {_one_line(row.failures[0])}")
    elif not row.seeds:
        remarks.append("no run")
    return remarks


def _names(pair: Pair, question: str, seeds: int) -> _Line:
    values = (question, pair.b.method.name, pair.a.method.name, pair.a.noise, seeds)
    return dict(zip(_NAMES, values, strict=True))


def _estimate(name: str, estimate: Estimate | None) -> _Line:
    """An estimate as three cells; None for what is not known."""
    bounds = (estimate.low, estimate.high) if estimate and estimate.bounded else (None, None)
    values = (estimate.value if estimate else None, *bounds)
    return dict(zip(ends(name), values, strict=True))


def _mean(values: tuple[float, ...]) -> float | None:
    return float(np.mean(values)) if values else None


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _rich(grid: Grid, group: GridGroup) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
        title=Text(group.heading) if group.heading else None,
        title_justify="left",
    )
    for name, number in zip(grid.head, grid.numbers, strict=True):
        table.add_column(name.replace(", ", ",\n"), justify="right" if number else "left", no_wrap=True)
    for row in group.rows:
        table.add_row(*map(Text, row))
    return table


def _pipes(grid: Grid, group: GridGroup) -> list[str]:
    rule = "|".join("---:" if number else "---" for number in grid.numbers)
    rows = [f"| {' | '.join(map(_md, row))} |" for row in (grid.head, *group.rows)]
    return [*([f"{_md(group.heading)}:", ""] if group.heading else []), rows[0], f"|{rule}|", *rows[1:]]


def _md(text: str) -> str:
    """Take the meaning from every letter that Markdown, or mathematics in it, would read."""
    return re.sub(r"([\\`*_{}\[\]<>|#~&$])", r"\\\1", _one_line(text))


_TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "…": r"\ldots{}",
    }
    | {letter: f"\\{letter}" for letter in "&%$#_{}"}
)


def _tex(text: str) -> str:
    safe = "".join(letter if letter < "ſ" or letter == "…" else "?" for letter in _one_line(text))
    return safe.translate(_TEX)


def _tabular(grid: Grid, group: GridGroup, title: str) -> str:
    columns = "".join("r" if number else "l" for number in grid.numbers)
    if grid.head[-1] == "remark":
        columns = f"{columns[:-1]}p{{2.3cm}}"
    heading = group.heading if group.heading.endswith("?") or not group.heading else f"{group.heading}."
    lines = [
        r"\begin{table}",
        rf"\caption{{{_tex(f'{heading} {title}')}}}",
        r"\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\hline",
        _tex_row(grid.head),
        r"\hline",
        *map(_tex_row, group.rows),
        r"\hline",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _tex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(_tex, cells)) + r" \\"
