"""`bimodal study`: studies that compare methods, one subcommand each."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bimodal.cli.names import Command

if TYPE_CHECKING:
    from bimodal.experiments.label_noise.plan import Methods

app = typer.Typer(
    help="Studies that compare methods on faces with known labels. A whole study trains for days.", no_args_is_help=True
)


@app.command("label-noise", cls=Command)
def label_noise(
    out: Annotated[Path, typer.Option("--out", help="Study folder to write or to resume.")],
    fer: Annotated[
        Path | None,
        typer.Option(help="Data folder of FER2013, prepared with --votes fer2013new.csv. (default: no FER2013)"),
    ] = None,
    photographs: Annotated[
        Path | None, typer.Option(help="Data folder of photographs, some with several annotators; needs --annotations.")
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns image and label, one line for each annotator's label of a photograph."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Random seeds of each training set, 1 to 100.")] = 3,
    only: Annotated[
        str | None, typer.Option(help="Pattern of the training sets to use, such as 'clean-891-*'. (default: all)")
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            help="Methods to run: features (without any training: seconds for each training set), audits (also those with "
            "one training: minutes), or all (also those with several trainings, and removal)."
        ),
    ] = "all",
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of a Ray cluster, auto or HOST:PORT; all its machines must see the folders under these paths."
        ),
    ] = None,
) -> None:
    """Compare methods that find wrong labels: how well they find them, at what cost, and whether removal helps.

    All methods get the same faces. Labels are made wrong on purpose, or the wrong ones are known from further annotators.
    Without --fer and --photographs the study uses synthetic faces.

    Finished trainings stay: after Ctrl-C the same command resumes the study.

    bimodal study label-noise --out STUDY --methods features              synthetic faces, no training: minutes

    bimodal study label-noise --out STUDY --only 'drawn-*'                synthetic faces: an hour on a laptop

    bimodal study label-noise --fer FER --out STUDY                       all of FER2013: hours
    """
    from bimodal.experiments.label_noise.study import NoiseOptions, study_label_noise

    options = NoiseOptions(fer, photographs, annotations, seeds, only, address, cast("Methods", methods))
    try:
        failures = study_label_noise(out, options, command=shlex.join(["bimodal", *sys.argv[1:]]))
    except KeyboardInterrupt:
        print("\ninterrupted; the same command resumes the study")
        raise
    if failures:
        print(f"{len(failures)} trainings failed; the same command repeats them")
    print(f"\nTables: {out / 'tables.md'}, {out / 'measures.csv'}\nFigures: {out / 'figures'}")
