"""The report of a study: one self-contained page with its answers first, the figure, and the tables as files."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bimodal.experiments.paper_table.claims import FASTER
from bimodal.experiments.paper_table.comparisons import QUESTIONS, REMOVAL, Comparisons, Pair
from bimodal.experiments.paper_table.figure12 import CAPTION, STEM, figure12
from bimodal.experiments.paper_table.grid import MEASURES, RUNS, Grid, method_grid
from bimodal.experiments.paper_table.results import Row, Study
from bimodal.experiments.paper_table.table import (
    Results,
    claim_grids,
    conclusions,
    pairs_of,
    tabulate,
    to_csv,
    to_latex,
    to_markdown,
)
from bimodal.files import write_atomically
from bimodal.rendering import plot
from bimodal.report import report_page

GENERATOR = "bimodal reproduce"


@dataclass(frozen=True)
class Finding:
    """A question with what answers it."""

    question: str
    paragraphs: tuple[str, ...]
    numbers: Grid | None
    sentences: tuple[str, ...]
    """What may be concluded, one for each pair of rows."""


def write_page(study: Study, comparisons: Comparisons, out_folder: Path | str) -> Path:
    """Write the report of a study, its figure, and its tables; earlier ones of ours are replaced.

    Beside `report.html` lie `figures/12_methods.{png,svg}`, `table.{csv,md,tex}`, `claims.csv`, `speeds.csv`,
    and `pairs.csv`, a line for every two rows.

    Args:
        study: what was found.
        comparisons: from `bimodal.experiments.paper_table.comparisons.compare_rows(study)`.
        out_folder: the study's folder.

    Returns:
        The path of the page.

    Raises:
        OSError: it cannot be written.
    """
    folder = Path(out_folder)
    results = tabulate(study, comparisons)
    figure = figure12(study, comparisons)
    picture = plot.svg(figure)
    (folder / report_page.FIGURES).mkdir(parents=True, exist_ok=True)
    contents: dict[str, str] = {
        f"{report_page.FIGURES}/{STEM}.svg": picture,
        "table.csv": to_csv(results.methods),
        "claims.csv": to_csv(results.claims),
        "speeds.csv": to_csv(results.speeds),
        "pairs.csv": to_csv(pairs_of((*comparisons.claims, *comparisons.others))),
        "table.md": to_markdown(results),
        "table.tex": to_latex(results),
        report_page.PAGE: render(study, comparisons, results, picture),
    }
    _put(folder / report_page.FIGURES / f"{STEM}.png", plot.png(figure))
    for name, text in contents.items():
        _put(folder / name, text.encode())
    return folder / report_page.PAGE


def render(study: Study, comparisons: Comparisons, results: Results, picture: str) -> str:
    """Make the page.

    Args:
        study, comparisons: what was found, and compared.
        results: from `bimodal.experiments.paper_table.table.tabulate`.
        picture: figure 12 as SVG.
    """
    folders = [Path(__file__).parent / "templates", Path(report_page.__file__).parent / "templates"]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("study.html.j2").render(
        generator=GENERATOR,
        study=study,
        results=results,
        findings=findings(comparisons, results),
        figure=Markup(plot.inline(picture, STEM.replace("_", "-"), escape(CAPTION))),  # ours, and escaped
        caption=CAPTION,
        measures=method_grid(results.methods, MEASURES),
        runs=method_grid(results.methods, RUNS),
        pairs=[(row, sentences(comparisons, row)) for row in study.rows if row.seeds],
        failures=[why for row in study.rows for why in row.failures],
    )


def findings(comparisons: Comparisons, results: Results) -> list[Finding]:
    """Answer each question: how many comparisons say what, their numbers, and each of them in words."""
    grids = {
        group.heading: (Grid(grid.head, grid.numbers, (group,)), tuple(conclusions(frame, group.heading)))
        for grid, frame in claim_grids(results)
        for group in grid.groups
    }
    found = []
    for question in QUESTIONS:
        pairs = [pair for pair in comparisons.claims if pair.question == question]
        notes = tuple(text for asked, text in comparisons.notes if asked == question)
        if pairs or notes or question == REMOVAL:
            found.append(Finding(question, (_verdict(pairs), *notes), *grids.get(question, (None, ()))))
        faster = FASTER.get(question)
        if faster in grids:
            found.append(Finding(faster, (), *grids[faster]))
    return found


def sentences(comparisons: Comparisons, row: Row) -> list[tuple[str, str]]:
    """Return for each pair of a row the other row's name, and what may be concluded."""
    return [((pair.b if pair.a is row else pair.a).method.name, pair.conclusion) for pair in comparisons.of(row)]


def _verdict(pairs: Sequence[Pair]) -> str:
    """Count what the pairs of a question say.

    >>> _verdict([])
    'Not known: the rows that it takes were not run, or failed.'
    """
    if not pairs:
        return "Not known: the rows that it takes were not run, or failed."
    void = [pair for pair in pairs if pair.unconverged]
    shown = [pair for pair in pairs if pair.comparison.found and not pair.unconverged]
    better = sum(pair.comparison.difference.value > 0 for pair in shown)
    counts = {
        "it helps": better,
        "it harms": len(shown) - better,
        "nothing can be concluded": len(pairs) - len(shown) - len(void),
        "training may not have converged": len(void),
    }
    parts = [f"{text} in {count}" for text, count in counts.items() if count]
    return f"Of {len(pairs)} comparison{'s' if len(pairs) > 1 else ''}: {', '.join(parts)}."


def _put(file: Path, content: bytes) -> None:
    write_atomically(file, lambda part: part.write_bytes(content))
