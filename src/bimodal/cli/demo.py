"""`bimodal demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bimodal.demo import Demo


def demo(
    out: Annotated[Path, typer.Option(help="Folder for faces, audit, runs and report.")] = Path("bimodal-demo"),
    seeds: Annotated[int, typer.Option(help="Number of trainings of each of the three conditions, 2 to 20.")] = 3,
    faces: Annotated[int, typer.Option(help="Number of training faces to draw, 100 to 20000.")] = 891,
    epochs: Annotated[int, typer.Option(help="Epochs of each training, 2 to 200.")] = 3,
) -> None:
    """Show all steps in a few minutes on drawn faces: find wrong labels, clean the data, and train before and after.

    A tenth of the labels are wrong on purpose, so the true labels are known. Two tables and a page show how many of the
    wrong labels the audit finds, and whether cleaning, or removal during training, improves the accuracy. The same command
    continues an interrupted demo.
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

    from bimodal.report.tables import comparison_table, found_table

    console = Console(highlight=False, markup=False)
    console.print()
    console.print(found_table(demo.found, demo.faces))
    console.print()
    console.print(comparison_table(demo.evaluation))
    for own in demo.evaluation.comparisons:
        words = "more" if own.difference.value > 0 else "less"
        text = f"{own.b} is significantly {words} accurate than {own.a}"
        if not own.found:
            text = f"no difference can be concluded between {own.b} and {own.a}"
        console.print(f"{text[:1].upper()}{text[1:]}.")
    print(f"\nSuspects: {demo.audit}\nReport: {demo.report}")
