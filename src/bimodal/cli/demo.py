"""`bimodal demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bimodal.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from bimodal.demo import Demo


def demo(
    out: Annotated[Path, typer.Option(help="Folder for faces, runs and report.")] = Path("bimodal-demo"),
    seeds: Annotated[int, typer.Option(help="Trainings of each kind, 2 to 20.")] = 3,
    faces: Annotated[int, typer.Option(help="Training faces to draw, 100 to 20000.")] = 891,
    epochs: Annotated[int, typer.Option(help="Passes over the faces in each training, 2 to 200.")] = 20,
) -> None:
    """See it all work in a few minutes: draw faces, a tenth with wrong labels; train; see what was thrown out.

    The faces are drawn by this program, so it is known which labels are wrong. Small networks are trained without and with removal,
    with several seeds; a table and a page say what went, whether it was wrong, and whether it helped.
    An interrupted demo goes on where it stopped, given the same --faces and --epochs.
    """
    for name, value, low, high in (("seeds", seeds, 2, 20), ("faces", faces, 100, 20000), ("epochs", epochs, 2, 200)):
        if not low <= value <= high:
            raise InputError(f"--{name} must be from {low} to {high}, got {value}")
    from rich.console import Console

    from bimodal.demo import run_demo

    console = Console(highlight=False)
    try:
        result = run_demo(out, seeds, faces, epochs)
    except KeyboardInterrupt:
        console.print("\ninterrupted; the same command goes on where it stopped")
        raise
    _show(result, console)


def _show(demo: "Demo", console: "Console") -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from bimodal.report.summary import percent

    evaluation, truth = demo.evaluation, demo.truth
    table = Table(
        title=f"accuracy on {evaluation.n} test faces, over {len(truth.removed)} seeds",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("condition")
    for heading in ("accuracy (95 % interval)", "removed", "truly wrong"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in evaluation.results:
        removes = result.condition.removes
        table.add_row(
            result.condition.name,
            percent(result.accuracy),
            " / ".join(map(str, truth.removed)) if removes else "0",
            " / ".join(map(str, truth.removed_wrong)) if removes else "",
        )
    console.print()
    console.print(table)
    console.print(
        f"{truth.wrong} of the training labels are wrong or belong to no face; the numbers between slashes are by seed."
    )
    for pair in evaluation.pairs:
        console.print(escape(pair.conclusion))
    console.print(f"\nReport: [bold]{escape(str(demo.report))}[/bold]", soft_wrap=True)
