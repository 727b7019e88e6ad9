"""`bimodal demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bimodal.demo import Demo


def demo(
    out: Annotated[Path, typer.Option(help="Folder for faces, runs and report.")] = Path("bimodal-demo"),
    seeds: Annotated[
        int, typer.Option(help="Number of trainings without removal, and of trainings with removal; 2 to 20.")
    ] = 3,
    faces: Annotated[int, typer.Option(help="Number of training faces to draw, 100 to 20000.")] = 891,
    epochs: Annotated[int, typer.Option(help="Epochs of each training, 2 to 200.")] = 20,
) -> None:
    """Show all steps in a few minutes: draw faces, train with and without removal, and write a report.

    The faces are drawn, and a tenth of their labels are wrong on purpose, so the true labels are known. Small networks
    are trained without and with removal, with several seeds. A table and a page show which examples were removed, how
    many of these have wrong labels, and whether removal improved the accuracy. The same command continues an
    interrupted demo.
    """
    from bimodal.settings import check_range

    for name, value, low, high in (("seeds", seeds, 2, 20), ("faces", faces, 100, 20000), ("epochs", epochs, 2, 200)):
        check_range(name, value, low, high, whole=True)
    from bimodal.demo import run_demo

    try:
        result = run_demo(out, seeds, faces, epochs)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command continues the demo")
        raise
    _show(result)


def _show(demo: "Demo") -> None:
    from rich.console import Console

    from bimodal.rendering.numbers import percent
    from bimodal.rendering.table import Table
    from bimodal.report.tables import interval_notes

    evaluation, truth = demo.evaluation, demo.truth
    rows = []
    for result in evaluation.results:
        removed, wrong = "0", ""
        if result.condition.removes:
            removed, wrong = (" / ".join(map(str, counts)) for counts in (truth.removed, truth.removed_wrong))
        rows.append((result.condition.name, percent(result.accuracy), removed, wrong))
    title = f"Accuracy on {evaluation.n} test faces over {len(truth.removed)} seeds, with 95 % intervals"
    note = f"{truth.wrong} training labels are wrong or belong to a picture without a face. Numbers between slashes are of single seeds."
    head = ("condition", "accuracy", "removed", "removed, wrong label")
    console = Console(highlight=False, markup=False)
    console.print()
    console.print(Table.of(head, rows, title, (note, *interval_notes(evaluation))))
    for comparison in evaluation.comparisons:
        console.print(f"\n{comparison.conclusion}")
    print(f"\nReport: {demo.report}")
