"""`bimodal compare`."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="At least two run folders.")],
    split: Annotated[Literal["val", "test"], typer.Option(help="The split whose predictions are compared.")] = "test",
    by: Annotated[
        str | None,
        typer.Option(
            help="Setting by which runs are grouped into conditions, such as removal. (default: all settings but the seed)"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the comparison to a file: .csv (a row for each run), .md or .json.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
) -> None:
    """Compare runs on the same examples, and say whether the difference is significant.

    Runs that differ only in their seed form a condition. Each condition is compared with the first one (the one
    without removal, if there is one): exact McNemar test for each pair of runs, t test and sign-flip test over the
    seeds, and an interval for the difference in accuracy, which is a bootstrap over examples and seeds.
    """
    from rich.console import Console

    from bimodal.errors import InputError
    from bimodal.files import write_text
    from bimodal.report.comparison import evaluate
    from bimodal.report.comparison_file import render
    from bimodal.report.conditions import group, open_runs
    from bimodal.report.tables import comparison_table

    if len(runs) < 2:
        raise InputError(f"expected at least two runs to compare, got {len(runs)}; for one: bimodal evaluate RUN")
    if out is not None and out.exists() and not overwrite:
        raise InputError(f"{out} exists; replace it with --overwrite, or choose another --out")
    evaluation = evaluate(group(open_runs(runs), by), split)
    if out is not None:
        write_text(out, render(evaluation, out.suffix))
    console = Console(highlight=False, markup=False)
    console.print(comparison_table(evaluation))
    for own in evaluation.comparisons:
        for (seed, _), test in zip(own.seeds, own.by_seed, strict=True):
            counts = f"only {own.a} is right {test.only_a}, only {own.b} is right {test.only_b}"
            console.print(f"seed {seed}: {counts}, exact McNemar p = {test.p:.3f}")
        over = own.over_seeds
        if over.n > 1:
            flips = f"sign-flip test p = {over.p_permutation:.3f} (at least {over.p_smallest:.3f})"
            console.print(f"over {over.n} seeds: t test p = {over.p_t:.3f}, {flips}")
        console.print(own.conclusion, style="bold")
    for note in evaluation.notes:
        console.print(f"Note: {note}")
