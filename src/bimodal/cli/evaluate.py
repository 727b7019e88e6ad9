"""`bimodal evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bimodal.emotions import NAMES
from bimodal.settings import check_choice

if TYPE_CHECKING:
    from bimodal.evaluation.metrics import Measures
    from bimodal.rendering.table import Table


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder, made by bimodal train.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Another data folder, or the present place of the run's own. (default: the data folder of the run)"
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Split to evaluate: val or test. Evaluate on test once, after all choices are made.")
    ] = "test",
    out: Annotated[
        Path | None, typer.Option(help="CSV file for the predictions. (default: RUN/predictions_SPLIT.csv)")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
) -> None:
    """Measure a run on validation or test faces: accuracy and more with 95 % intervals; write the predictions as CSV.

    bimodal evaluate RUN                    on the test faces of its data

    bimodal evaluate RUN --data OTHER       on the test faces of another data folder
    """
    check_choice("split", split, ("val", "test"))
    from rich.console import Console
    from rich.markup import escape

    from bimodal.rendering.table import to_terminal
    from bimodal.training.evaluate import evaluate as evaluate_run

    result = evaluate_run(run, split, data=data, out=out, overwrite=overwrite)
    console = Console(highlight=False)
    for table in (_measures(result.measures), _classes(result.measures), _confusion(result.measures)):
        console.print(to_terminal(table))
    for line in (*result.remarks, f"predictions: {result.predictions}"):
        console.print(escape(line), soft_wrap=True)


def _measures(measures: "Measures") -> "Table":
    from bimodal.rendering.table import Table

    shares = {
        "accuracy": measures.accuracy,
        "balanced accuracy": measures.balanced_accuracy,
        "macro F1": measures.macro_f1,
    }
    rows = [[name, f"{e.value:.1%}", f"{e.low:.1%} to {e.high:.1%}"] for name, e in shares.items()]
    error = measures.calibration_error
    rows.append(["calibration error", f"{error.value:.3f}", f"{error.low:.3f} to {error.high:.3f}"])
    return Table.of(["measure", "value", "95 % interval"], rows, f"{measures.n:,} faces")


def _classes(measures: "Measures") -> "Table":
    from bimodal.rendering.table import Table

    rows = []
    for one in measures.classes:
        estimates = [
            "none" if e is None else f"{e.value:.0%} ({e.low:.0%} to {e.high:.0%})" for e in (one.precision, one.recall)
        ]
        rows.append([NAMES[one.code], str(one.support), *estimates, "none" if one.f1 is None else f"{one.f1:.2f}"])
    return Table.of(["emotion", "faces", "precision", "recall", "F1"], rows, "by emotion")


def _confusion(measures: "Measures") -> "Table":
    from bimodal.rendering.table import Table

    rows = [[NAMES[code], *map(str, counts)] for code, counts in enumerate(measures.confusion.tolist())]
    return Table.of(["label", *NAMES], rows, "confusion matrix: labels in rows, predictions in columns")
