"""The report: one self-contained HTML page, and each of its figures as PNG and SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bimodal.errors import InputError
from bimodal.files import staged_folder, write_atomically, write_text
from bimodal.rendering import plot
from bimodal.rendering.html import environment, inline_figure
from bimodal.report import tables
from bimodal.report.comparison import common_split, evaluate
from bimodal.report.conditions import Condition, group, open_runs
from bimodal.report.figures import ReportFigure, report_figures
from bimodal.report.gallery import SHOWN, compare_with_truth, removed_examples, thumbnails
from bimodal.report.summary import summarise

PAGE = "report.html"
FIGURES = "figures"
Answers = Mapping[str, Sequence[str]]
GENERATOR = "bimodal report"


@dataclass(frozen=True, eq=False)
class Report:
    """A page and its figures in memory."""

    html: str
    figures: tuple[ReportFigure, ...]


def write_report(runs: Sequence[str | Path], out: str | Path | None = None, overwrite: bool = False) -> Path:
    """Write the report of one or several runs, and return the path of the page; its figures are in `figures/` beside it.

    Args:
        runs: run folders. Runs that differ only in their seed form a condition; several conditions are compared.
        out: a folder, new or with an earlier report; by default the run folder of a single run, or `bimodal-report` in
            the current folder.
        overwrite: replace an earlier report; other files in the folder are kept.

    Raises:
        InputError: a folder is not a run folder, `out` has an earlier report or other files that would be replaced, or the
            runs were not evaluated on the same examples.
    """
    opened = open_runs(runs)
    inside = opened[0].path if len(opened) == 1 else Path("bimodal-report")
    folder = inside if out is None else Path(out)
    _check(folder, any(folder.resolve() == run.path.resolve() for run in opened), overwrite)
    return _save(build(group(opened)), folder)


def write_report_of(conditions: Sequence[Condition], out: Path, first_answers: Answers | None = None) -> Path:
    """Write the report of conditions with given names, in place of an earlier report; see `write_report` and `build`."""
    _check(out, False, overwrite=True)
    return _save(build(conditions, first_answers), out)


def build(conditions: Sequence[Condition], first_answers: Answers | None = None) -> Report:
    """Return the page and its figures.

    Args:
        conditions: the first is the baseline.
        first_answers: questions with the paragraphs that answer them, for the top of the summary.
    """
    runs = [run for condition in conditions for run in condition.runs]
    split = common_split(runs)
    evaluation = evaluate(conditions, split) if split else None
    sections = report_figures(conditions, evaluation)
    numbers = count(1)
    page = environment("bimodal.report").get_template("report.html.j2")
    html = page.render(
        generator=GENERATOR,
        title=_title(conditions),
        data=conditions[0].data.name,
        conditions=conditions,
        colours=[_colour(number) for number in range(len(conditions))],
        answers={**(first_answers or {}), **summarise(conditions, evaluation)},
        sections={name: [_shown(one, next(numbers)) for one in section] for name, section in sections.items()},
        evaluation=evaluation,
        several=any(len(condition.seeds) > 1 for condition in conditions),
        tables=tables,
        run_colours=[_colour(number) for number, condition in enumerate(conditions) for _ in condition.runs],
        galleries=[_gallery(condition) for condition in conditions if condition.removes],
        environment=runs[0].environment,
    )
    return Report(html, tuple(figure for section in sections.values() for figure in section))


def _title(conditions: Sequence[Condition]) -> str:
    runs = sum(len(condition.runs) for condition in conditions)
    if runs == 1:
        return conditions[0].runs[0].name
    if len(conditions) == 1 and conditions[0].are_folds:
        return f"{conditions[0].size}: {conditions[0].runs[0].path.resolve().parent.name}"
    return f"{runs} runs compared"


def _check(folder: Path, is_run: bool, overwrite: bool) -> None:
    """Raise an error if writing would replace anything but an earlier report."""
    page, figures = folder / PAGE, folder / FIGURES
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out must be a folder, but {folder} is a file; choose another")
    if figures.exists() and not figures.is_dir():
        raise InputError(f"{figures} must be a folder for the figures, but is a file; move it away")
    if page.exists() and not _is_report(page):
        raise InputError(f"{page} was not written by {GENERATOR} and is not replaced; choose another --out")
    if not page.exists() and figures.exists() and not is_run:
        raise InputError(f"{figures} exists, but does not belong to a report; choose another --out")
    if page.exists() and not overwrite:
        raise InputError(f"{page} exists; replace it with --overwrite, or choose another --out")


def _is_report(page: Path) -> bool:
    with page.open("rb") as stream:
        return f'name="generator" content="{GENERATOR}"'.encode() in stream.read(4096)


def _save(report: Report, folder: Path) -> Path:
    if folder.exists():
        _write(report, folder)
    else:
        with staged_folder(folder) as new:
            _write(report, new)
    return folder / PAGE


def _write(report: Report, folder: Path) -> None:
    for figure in report.figures:
        write_figure(figure, folder / FIGURES)
    write_text(folder / PAGE, report.html)


def write_figure(figure: ReportFigure, folder: Path) -> None:
    """Write a figure as `STEM.svg` and `STEM.png`, and make the folder if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{figure.stem}.svg", figure.svg)
    picture = plot.png(figure.figure)
    write_atomically(folder / f"{figure.stem}.png", lambda part: part.write_bytes(picture))


def _shown(figure: ReportFigure, number: int) -> dict[str, Any]:
    """Return what the template needs of a figure, which is the n-th of the page."""
    reference = f" (Figure {figure.paper} of the paper.)" if figure.paper else ""
    return {
        "label": f"Figure {number}",
        "caption": f"{figure.caption}{reference}",
        "stem": figure.stem,
        "svg": inline_figure(figure.svg, figure.stem, figure.caption),
    }


def _gallery(condition: Condition) -> dict[str, Any]:
    """Return the faces that a condition's runs removed, the first of them with their pictures."""
    examples = removed_examples(condition)
    shown = examples[:SHOWN]
    return {
        "name": condition.name,
        "seeds": len(condition.runs),
        "kind": "folds" if condition.are_folds else "seeds",
        "examples": shown,
        "more": len(examples) - len(shown),
        "pictures": thumbnails(condition.runs[0], [example.image for example in shown]),
        "by_label": tables.removed_table(condition, examples),
        "truth_known": compare_with_truth(condition) is not None,
    }


def _colour(number: int) -> str:
    """Return the page's name for the colour of a condition."""
    return f"var(--c{number % len(plot.COLOURS)})"
