"""`bimodal pretrain`."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bimodal.cli.options import LoggerOption, options_of, with_options
from bimodal.experiments.pretrain.recipe import Recipe


def pretrain(
    data: Annotated[Path, typer.Argument(help="Data folder of FER2013, prepared with --votes fer2013new.csv.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write or to resume.")],
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted pretraining.")] = False,
    accelerator: Annotated[
        str, typer.Option(help="Device to train on: auto (a GPU if there is one), cpu or cuda.")
    ] = "auto",
    logger: LoggerOption = None,
    **values: Any,
) -> None:
    """Train the packaged network again, from random weights, on FER2013's faces and FERPlus's votes.

    bimodal prepare fer2013.csv fer2013 --votes fer2013new.csv

    bimodal pretrain fer2013 --out face-s

    It takes hours on a CPU. The network comes trained: bimodal train --preset face starts from the packaged weights.
    """
    given = {key: value for key, value in values.items() if value is not None}
    recipe = Recipe(**given)

    from bimodal.experiments.pretrain.pretrain import pretrain as run
    from bimodal.experiments.pretrain.pretrain import read_recipe
    from bimodal.training.loggers import DEFAULT

    if resume:  # options that are not given keep their values
        recipe = replace(read_recipe(out)[0], **given)

    try:
        run(data, out, recipe, accelerator=accelerator, resume=resume, loggers=logger or DEFAULT)
    except KeyboardInterrupt:
        print(f"\ninterrupted; resume with: bimodal pretrain {shlex.join([str(data), '--out', str(out)])} --resume")
        raise
    print(f"\n{out}  Model card: README.md; results: measures.json")


with_options(pretrain, options_of(Recipe, panel="Recipe"))
