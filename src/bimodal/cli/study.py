"""`bimodal study`: studies that compare methods, each a command of its own."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Studies that compare methods on known faces; days of training for whoever runs them whole.",
    no_args_is_help=True,
)


@app.command("label-noise")
def label_noise(
    out: Annotated[Path, typer.Option("--out", help="Study folder to write, or to go on with.", show_default=False)],
    fer: Annotated[
        Path | None,
        typer.Option(
            help="Data folder of FER2013, prepared with --votes fer2013new.csv. (Default: without its cells.)",
            show_default=False,
        ),
    ] = None,
    photographs: Annotated[
        Path | None,
        typer.Option(
            help="Data folder of photographs, for which there are second predictions_at_removal.", show_default=False
        ),
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="These: a CSV image,label, a line for each opinion.", show_default=False)
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each cell.")] = 3,
    only: Annotated[
        str | None, typer.Option(help="Pattern of the cells to run, such as 'clean-891-*'.", show_default=False)
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster: auto or HOST:PORT; all machines must see the folders.", show_default=False),
    ] = None,
) -> None:
    """Who finds wrong labels best, at what cost, and does it help? Every method on the same faces.

    Labels are made wrong on purpose, or are wrong by themselves and known to be so by second predictions_at_removal. Without FER2013 the
    study is of faces that the program draws.

    What has ended stays: after Ctrl-C the same command goes on where it stopped.

    bimodal study label-noise --out STUDY --only 'drawn-*'                a first look: an hour on a laptop

    bimodal study label-noise --fer FER --out STUDY                       all of FER2013: hours
    """
    from rich.console import Console

    from bimodal.experiments.label_noise.study import NoiseOptions, study_label_noise

    options = NoiseOptions(fer, photographs, annotations, seeds, only, address)
    console = Console(highlight=False)
    try:
        done = study_label_noise(out, options, command=shlex.join(["bimodal", *sys.argv[1:]]))
    except KeyboardInterrupt:
        console.print("\ninterrupted; the same command goes on where it stopped", soft_wrap=True)
        raise
    if done.failures:
        console.print(f"{len(done.failures)} trainings failed; the same command tries them again", soft_wrap=True)
    console.print(f"\nTables: {out / 'tables.md'}, {out / 'measures.csv'}", markup=False, soft_wrap=True)
    console.print(f"Figures: {out / 'figures'}", markup=False, soft_wrap=True)
