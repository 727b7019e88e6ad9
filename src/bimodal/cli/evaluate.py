"""`bimodal evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bimodal.emotions import NAMES
from bimodal.settings import check_choice

if TYPE_CHECKING:
    from bimodal.evaluation.metrics import Measures
    from bimodal.evaluation.statistics import Estimate
    from bimodal.rendering.table import Table


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder, made by bimodal train.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Another data folder, or the new place of the run's data. (default: the data folder of the run)"
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
    from bimodal.rendering.table import print_table
    from bimodal.training.evaluate import evaluate as evaluate_run

    result = evaluate_run(run, split, data=data, out=out, overwrite=overwrite)
    for table in _tables(result.measures):
        print_table(table)
    print(*result.remarks, f"predictions: {result.predictions}", sep="\n")


def _tables(measures: "Measures") -> "tuple[Table, Table, Table]":
    """Return the measures, the measures by emotion, and the confusion matrix."""
    from bimodal.rendering.table import Table

    names = ("accuracy", "balanced accuracy", "macro F1")
    shares = dict(zip(names, (measures.accuracy, measures.balanced_accuracy, measures.macro_f1), strict=True))
    rows = [[name, f"{e.value:.1%}", f"{e.low:.1%} to {e.high:.1%}"] for name, e in shares.items()]
    error = measures.calibration_error
    rows.append(["calibration error", f"{error.value:.3f}", f"{error.low:.3f} to {error.high:.3f}"])
    by_emotion = [
        [
            NAMES[one.code],
            str(one.support),
            *map(_share, (one.precision, one.recall)),
            "none" if one.f1 is None else f"{one.f1:.2f}",
        ]
        for one in measures.classes
    ]
    confusion = [[NAMES[code], *map(str, counts)] for code, counts in enumerate(measures.confusion.tolist())]
    return (
        Table.of(["measure", "value", "95 % interval"], rows, f"{measures.n:,} faces"),
        Table.of(["emotion", "faces", "precision", "recall", "F1"], by_emotion, "by emotion"),
        Table.of(["label", *NAMES], confusion, "confusion matrix: labels in rows, predictions in columns"),
    )


def _share(estimate: "Estimate | None") -> str:
    return "none" if estimate is None else f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"
