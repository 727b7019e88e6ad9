"""`bimodal train`."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from bimodal.cli.options import options_of, with_options
from bimodal.errors import InputError
from bimodal.removal.settings import RemovalSettings
from bimodal.training.settings import TrainSettings, load_yaml, merge

_PREFIX = "removal_"


def train(
    data: Annotated[
        Path | None, typer.Argument(help="Data folder, made by bimodal prepare.", show_default=False)
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="Run folder to write.", show_default=False)],
    preset: Annotated[
        str | None,
        typer.Option(
            help="paper: its recipe, number by number. For a laptop: face, the network that comes with bimodal and knows "
            "faces; small, a small one from random weights. "
            "Every option below changes one number of it; the defaults shown are those of paper with --removal wang, "
            "and RUN/config.yaml has what was taken. (default: paper)",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; the command line wins over it.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, typer.Option(help="Processes on this machine, one per GPU.")] = 1,
    num_nodes: Annotated[int, typer.Option(help="Machines; start the same command on each under torchrun.")] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes that augment pictures. (default: 0 on a CPU, up to 8 per GPU)", show_default=False
        ),
    ] = None,
    **values: Any,
) -> None:
    """Train a classifier, with or without removal of the outliers.

    The defaults are the paper's: ResNet50 pretrained on ImageNet, 31 epochs, Adam, and one step of removal after epoch 6.

    bimodal train DATA --out RUN                      with removal, as the paper

    bimodal train DATA --out PLAIN --removal none     without

    bimodal train --out RUN --resume                  go on after Ctrl-C
    """
    given = {key: value for key, value in values.items() if value is not None}
    removal = {key.removeprefix(_PREFIX): given.pop(key) for key in list(given) if key.startswith(_PREFIX)}
    if removal:
        given["removal"] = removal
    if preset is not None:
        given["preset"] = preset
    if resume and overwrite:
        raise InputError("--resume and --overwrite exclude each other: go on with the run, or replace it")
    if data is None and not resume:
        raise InputError(
            "expected a data folder: bimodal train DATA --out RUN; make one with bimodal prepare SOURCE DATA"
        )
    from bimodal.runs.run import Run

    file = load_yaml(config) if config else {}
    if resume:  # only what is said anew could differ from the run's own settings
        file = {**TrainSettings.from_dict(Run.open(out).config).to_dict(), **file}
    settings = TrainSettings.preset(*merge(file, given))

    from lightning.fabric.utilities.rank_zero import rank_zero_only
    from rich.console import Console
    from rich.markup import escape

    from bimodal.training.train import Hardware, train

    console = Console(highlight=False, soft_wrap=True)
    quoted = shlex.quote(str(out))
    hardware = Hardware(accelerator, devices, num_nodes, workers)
    before = _began_at(out)
    try:
        run = train(
            data,
            out,
            settings,
            hardware,
            overwrite=overwrite,
            resume=resume,
        )
    except KeyboardInterrupt:
        if resume or _began_at(out) not in (None, before):  # else there is nothing of this call to go on with
            console.print(f"\ninterrupted; go on with: bimodal train --out {escape(quoted)} --resume")
        raise
    if rank_zero_only.rank:  # type: ignore[attr-defined]  # of several processes one speaks
        return
    best = run.metrics["val_accuracy"].max()
    console.print(
        f"\n[bold]{escape(str(out))}[/bold]  best validation accuracy {best:.3f}, {len(run.removed)} faces removed\n"
        f"next: bimodal evaluate {escape(quoted)} --split test; bimodal report {escape(quoted)}"
    )


def _began_at(out: Path) -> int | None:
    """Return when the run in a folder began, or None where there is none."""
    file = out / "config.yaml"
    return file.stat().st_mtime_ns if file.is_file() else None


with_options(
    train,
    [*options_of(TrainSettings, panel="Recipe"), *options_of(RemovalSettings, _PREFIX, panel="Removal")],
)
