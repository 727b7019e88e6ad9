"""The report of a study: one self-contained page, its figure, and its tables as files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bimodal.experiments.paper_table import tables
from bimodal.experiments.paper_table.comparisons import QUESTIONS, REMOVAL, Comparisons, Pair
from bimodal.experiments.paper_table.figure12 import figure12
from bimodal.experiments.paper_table.frames import UNCONVERGED, Results, pair_frame, tabulate
from bimodal.experiments.paper_table.results import Study
from bimodal.experiments.paper_table.speed import SPEED_QUESTIONS
from bimodal.files import write_csv, write_text
from bimodal.rendering import html
from bimodal.rendering.table import Group, Table
from bimodal.report.report_page import FIGURES, PAGE, write_figure

GENERATOR = "bimodal reproduce"


@dataclass(frozen=True)
class Finding:
    """The answer to a question: counts of the answers, the table of numbers, and a sentence for each pair of rows."""

    question: str
    paragraphs: tuple[str, ...]
    table: Table | None = None
    conclusions: Sequence[str] = ()


def write_page(study: Study, comparisons: Comparisons, out: str | Path) -> Path:
    """Write the report of a study, its figure, and its tables; earlier ones are replaced.

    The files are `report.html`, `figures/methods.{png,svg}`, `table.{csv,md,tex}`, `claims.csv` (pairs of rows that answer
    a question), `speeds.csv` (training speed) and `pairs.csv` (all pairs of rows).

    Args:
        study: the results.
        comparisons: from `compare_rows(study)`.
        out: the study's folder.

    Returns:
        The path of the page.

    Raises:
        OSError: a file cannot be written.
    """
    folder = Path(out)
    results = tabulate(study, comparisons)
    figure = figure12(study, comparisons)
    write_figure(figure, folder / FIGURES)
    pairs = pair_frame((*comparisons.claims, *comparisons.others))
    frames = {"table": results.methods, "claims": results.claims, "speeds": results.speeds, "pairs": pairs}
    for name, frame in frames.items():
        write_csv(folder / f"{name}.csv", frame, "%.6g")
    write_text(folder / "table.md", tables.to_markdown_page(results))
    write_text(folder / "table.tex", tables.to_latex_page(results))
    environment = [(key.replace("_", " "), value) for key, value in study.environment.items() if key != "command"]
    template = html.environment("bimodal.experiments.paper_table").get_template("study.html.j2")
    page = template.render(
        generator=GENERATOR,
        study=study,
        results=results,
        findings=_findings(comparisons, results),
        figure=html.inline_figure(figure.svg, figure.stem, figure.caption),
        caption=figure.caption,
        measures=tables.method_table(results, tables.MEASURES),
        runs=tables.method_table(results, tables.RUNS),
        unconverged=UNCONVERGED,
        pairs=[
            (row.name, [(_other(pair, row.method.name), pair.conclusion) for pair in comparisons.of(row)])
            for row in study.rows
            if row.seeds
        ],
        environment=Table.of(("name", "value"), environment, text=("name", "value")),
        failures=[why for row in study.rows for why in row.failures],
    )
    write_text(folder / PAGE, page)
    return folder / PAGE


def _findings(comparisons: Comparisons, results: Results) -> list[Finding]:
    """Answer each question: the counts of the answers, the numbers, and a conclusion for each pair."""
    numbers = {
        question: (replace(table, groups=tuple(Group(group.rows) for group in table.groups)), conclusions)
        for question, table, conclusions in tables.claim_tables(results)
    }
    found = []
    for question in QUESTIONS:
        pairs = [pair for pair in comparisons.claims if pair.question == question]
        notes = tuple(text for asked, text in comparisons.notes if asked == question)
        if pairs or notes or question == REMOVAL:
            found.append(Finding(question, (_verdict(pairs), *notes), *numbers.get(question, ())))
        speed = SPEED_QUESTIONS.get(question)
        if speed in numbers:
            found.append(Finding(speed, (), *numbers[speed]))
    return found


def _other(pair: Pair, name: str) -> str:
    return pair.a.method.name if pair.b.method.name == name else pair.b.method.name


def _verdict(pairs: Sequence[Pair]) -> str:
    """Count the answers of the pairs that answer a question.

    >>> _verdict([])
    'Unknown: the rows that are needed were not run, or failed.'
    """
    if not pairs:
        return "Unknown: the rows that are needed were not run, or failed."
    void = [pair for pair in pairs if pair.unconverged]
    found = [pair for pair in pairs if pair.comparison.found and not pair.unconverged]
    better = sum(pair.comparison.difference.value > 0 for pair in found)
    counts = {
        "it helps": better,
        "it harms": len(found) - better,
        "nothing can be concluded": len(pairs) - len(found) - len(void),
        "training may not have converged": len(void),
    }
    parts = [f"{text} in {count}" for text, count in counts.items() if count]
    return f"Of {len(pairs)} comparison{'s' if len(pairs) > 1 else ''}: {', '.join(parts)}."
