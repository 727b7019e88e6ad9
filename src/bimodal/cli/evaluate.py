"""`bimodal evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bimodal.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from bimodal.evaluation.metrics import Measures


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder, made by bimodal train.", show_default=False)],
    data: Annotated[
        Path | None, typer.Option(help="Another data folder, or where the one trained on lies now.", show_default=False)
    ] = None,
    split: Annotated[
        str, typer.Option(help="val or test. Look at test once, after every choice was made on val.")
    ] = "test",
    out: Annotated[
        Path | None, typer.Option(help="CSV of predictions (default: RUN/predictions_SPLIT.csv).", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
) -> None:
    """Measure a run: accuracy and more with 95 % intervals, and the predictions as CSV.

    bimodal evaluate RUN                    on the test faces of its data

    bimodal evaluate RUN --data OTHER       on the test faces of another data folder
    """
    if split not in ("val", "test"):
        raise InputError(f"--split must be val or test, got {split!r}")
    from rich.console import Console
    from rich.markup import escape

    from bimodal.training.evaluate import evaluate_run

    result = evaluate_run(run, data, split, out, overwrite)
    console = Console(highlight=False)
    console.print(_headline(result.measures))
    console.print(_classes(result.measures))
    console.print(_confusion(result.measures))
    for line in result.remarks:
        console.print(escape(line), soft_wrap=True)
    console.print(f"predictions: {escape(str(result.predictions))}", soft_wrap=True)


def _headline(measures: "Measures") -> "Table":
    from rich.table import Table

    table = Table(title=f"{measures.n:,} faces", title_justify="left")
    for heading in ("measure", "value", "95 % interval"):
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    rows = [
        ("accuracy", measures.accuracy),
        ("balanced accuracy", measures.balanced_accuracy),
        ("macro F1", measures.macro_f1),
    ]
    for name, estimate in rows:
        table.add_row(name, f"{estimate.value:.1%}", f"{estimate.low:.1%} to {estimate.high:.1%}")
    error = measures.calibration_error
    table.add_row("calibration error", f"{error.value:.3f}", f"{error.low:.3f} to {error.high:.3f}")
    return table


def _classes(measures: "Measures") -> "Table":
    from rich.table import Table

    from bimodal.emotions import NAMES

    table = Table(title="by emotion", title_justify="left")
    table.add_column("emotion")
    for heading in ("faces", "precision", "recall", "F1"):
        table.add_column(heading, justify="right")
    for one in measures.classes:
        estimates = [
            "none" if e is None else f"{e.value:.0%} ({e.low:.0%} to {e.high:.0%})" for e in (one.precision, one.recall)
        ]
        table.add_row(NAMES[one.code], str(one.support), *estimates, "none" if one.f1 is None else f"{one.f1:.2f}")
    return table


def _confusion(measures: "Measures") -> "Table":
    from rich.table import Table

    from bimodal.emotions import NAMES

    table = Table(title="confusion: label in rows, prediction in columns", title_justify="left")
    table.add_column("label")
    for name in NAMES:
        table.add_column(name, justify="right")
    for code, row in enumerate(measures.confusion.tolist()):
        cells = [f"[bold]{n}[/bold]" if i == code else str(n) if n else "[dim]·[/dim]" for i, n in enumerate(row)]
        table.add_row(NAMES[code], *cells)
    return table
