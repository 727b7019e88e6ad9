"""`bimodal compare`: runs on the same examples, held against each other, and what may be concluded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from bimodal.report.comparison import Evaluation


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="At least two run folders.")],
    split: Annotated[Literal["val", "test"], typer.Option(help="Which predictions to compare.")] = "test",
    by: Annotated[
        str | None,
        typer.Option(help="Group runs by this one setting, such as removal. Default: by all settings but the seed."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the comparison to a file: .csv (one line a run), .md or .json.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
) -> None:
    """Compare runs on the same examples: paired by example and by seed, and in plain words.

    Runs that differ only in their seed are one condition. Each condition is held against the first (the one
    without removal, if there is one): exact McNemar test for each pair of runs, t test and sign-flip test over
    the seeds, and an interval for the difference from resampling both examples and seeds.
    """
    from rich.console import Console

    from bimodal.errors import InputError
    from bimodal.files import write_atomically
    from bimodal.report.comparison import evaluate
    from bimodal.report.conditions import group, open_runs
    from bimodal.report.export import render

    if len(runs) < 2:
        raise InputError(f"expected at least two runs to compare, got {len(runs)}; for one: bimodal evaluate RUN")
    if out is not None and out.exists() and not overwrite:
        raise InputError(f"{out} exists; replace it with --overwrite, or choose another --out")
    evaluation = evaluate(group(open_runs(runs), by), split)
    if out is not None:
        content = render(evaluation, out.suffix)
        write_atomically(out, lambda part: part.write_text(content, encoding="utf-8"))
    _show(evaluation, Console())


def _show(evaluation: "Evaluation", console: "Console") -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from bimodal.report.summary import percent

    title = f"accuracy on {evaluation.n:,} {evaluation.split} examples, with 95 % intervals"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("condition", overflow="fold")
    for name in ("runs", "accuracy, %", "difference, points", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    pairs = {pair.condition.name: pair.comparison for pair in evaluation.pairs}
    for result in evaluation.results:
        difference = p = ""
        if result.condition.name in pairs:
            own = pairs[result.condition.name]
            points = (100 * value for value in (own.difference.value, own.difference.low, own.difference.high))
            difference, p = "{:+.1f} ({:+.1f} to {:+.1f})".format(*points), f"{own.p_holm:.3f}"
        runs = str(len(result.measures))
        table.add_row(escape(result.condition.name), runs, percent(result.accuracy).replace(" %", ""), difference, p)
    console.print(table)
    for pair in evaluation.pairs:
        for (seed, _), test in zip(pair.seeds, pair.comparison.by_seed, strict=True):
            console.print(
                f"seed {seed}: only {pair.baseline.name} right {test.only_a}, only {pair.condition.name} right"
                f" {test.only_b}, exact McNemar p = {test.p:.3f}",
                markup=False,
                highlight=False,
            )
        seeds = pair.comparison.over_seeds
        if seeds.n > 1:
            console.print(
                f"over {seeds.n} seeds: t test p = {seeds.p_t:.3f}, sign flips p = {seeds.p_permutation:.3f}"
                f" (cannot be below {seeds.p_smallest:.3f})",
                markup=False,
                highlight=False,
            )
        console.print(pair.conclusion, markup=False, highlight=False, style="bold")
    for note in evaluation.notes:
        console.print(f"Note: {note}", markup=False, highlight=False)
