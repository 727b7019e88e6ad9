"""`bimodal pretrain`."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bimodal.cli.options import options_of, with_options
from bimodal.experiments.pretrain.recipe import Recipe


def pretrain(
    data: Annotated[Path, typer.Argument(help="FER2013, prepared with --votes.", show_default=False)],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write.", show_default=False)],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted one.")] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    **values: Any,
) -> None:
    """Make the network that comes with bimodal: from FER2013's faces and FERPlus's votes, from random weights.

    bimodal prepare fer2013.csv fer2013 --votes fer2013new.csv

    bimodal pretrain fer2013 --out face-s

    Hours on a CPU. Nobody needs it to use the network: bimodal train --preset face starts from the file in the package.
    """
    from rich.console import Console
    from rich.markup import escape

    given = {key: value for key, value in values.items() if value is not None}
    recipe = Recipe(**given)

    from bimodal.experiments.pretrain.pretrain import pretrain as run
    from bimodal.experiments.pretrain.pretrain import read_recipe

    if resume:  # only what is said anew could differ
        recipe = replace(read_recipe(out)[0], **given)

    console = Console(highlight=False, soft_wrap=True)
    quoted = f"{shlex.quote(str(data))} --out {shlex.quote(str(out))}"
    try:
        run(data, out, recipe, accelerator=accelerator, resume=resume)
    except KeyboardInterrupt:
        console.print(f"\ninterrupted; go on with: bimodal pretrain {escape(quoted)} --resume")
        raise
    console.print(f"\n[bold]{escape(str(out))}[/bold]  README.md is its model card, measures.json has the figures")


with_options(pretrain, options_of(Recipe, panel="Recipe"))
