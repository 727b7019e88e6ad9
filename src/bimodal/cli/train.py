"""`bimodal train`."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from bimodal.cli.options import options_of, with_options
from bimodal.errors import InputError
from bimodal.removal.settings import RemovalSettings
from bimodal.text import plural
from bimodal.training.settings import TrainSettings

_PREFIX = "removal_"


def train(
    data: Annotated[
        Path | None, typer.Argument(help="Data folder, made by bimodal prepare. With --resume it can be left out.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="Run folder to write.")],
    preset: Annotated[
        str | None,
        typer.Option(
            help="Recipe to start from: paper (that of the paper), small (a small network from random weights, for a laptop), "
            "face (fine-tune the network that comes with bimodal and was pretrained on faces) or probe (a logistic regression on "
            "its features, in seconds). Each option of the panels "
            "Recipe and Removal changes one setting of the recipe; the defaults shown there are those of paper with "
            "--removal wang. RUN/config.yaml lists all settings of the run. (default: paper)"
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of settings, such as config.yaml of another run; options of the command line replace its values."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted run in --out after its last finished epoch.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    accelerator: Annotated[str, typer.Option(help="Device: auto (a GPU if there is one), cpu or cuda.")] = "auto",
    devices: Annotated[
        int, typer.Option(help="Number of training processes on this machine, one for each GPU or share of the CPU.")
    ] = 1,
    num_nodes: Annotated[
        int, typer.Option(help="Number of machines; start the same command on each under torchrun.")
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Number of processes for each device that load and augment images, 0 to 256. "
            "(default: 0 on a CPU, up to 8 on a GPU)"
        ),
    ] = None,
    **values: Any,
) -> None:
    """Train a classifier; during training, remove examples that are probably mislabelled.

    By default this is the paper's recipe: ResNet50 pretrained on ImageNet, 31 epochs, Adam, and one removal after epoch 6.

    bimodal train DATA --out RUN                      train with the paper's removal

    bimodal train DATA --out PLAIN --removal none     train without removal

    bimodal train --out RUN --resume                  continue an interrupted run
    """
    changes = {key: value for key, value in values.items() if value is not None}
    removal = {key.removeprefix(_PREFIX): changes.pop(key) for key in list(changes) if key.startswith(_PREFIX)}
    if removal:
        changes["removal"] = removal
    if resume and overwrite:
        raise InputError("--resume and --overwrite exclude each other: continue the run, or replace it")
    if data is None and not resume:
        raise InputError(
            "expected a data folder: bimodal train DATA --out RUN; make one with bimodal prepare SOURCE DATA"
        )
    from bimodal.runs.run import Run

    start = TrainSettings.from_dict(Run.open(out).config) if resume else None
    settings = TrainSettings.load(preset, config, changes, start)

    from lightning.fabric.utilities.rank_zero import rank_zero_only

    from bimodal.training import train as training
    from bimodal.training.hardware import Hardware

    folder = shlex.quote(str(out))
    hardware = Hardware(accelerator, devices, num_nodes, workers)
    started = _start_time(out)
    try:
        run = training.train(data, out, settings, hardware=hardware, overwrite=overwrite, resume=resume)
    except KeyboardInterrupt:
        if resume or _start_time(out) not in (None, started):  # otherwise this call has started no run yet
            print(f"\ninterrupted; resume with: bimodal train --out {folder} --resume")
        raise
    if rank_zero_only.rank:  # type: ignore[attr-defined]  # only one of several processes prints
        return
    best = run.metrics["val_accuracy"].max()
    print(f"\n{out}  best validation accuracy {best:.3f}, {plural(len(run.removed), 'face')} removed")
    print(f"next: bimodal evaluate {folder} --split test; bimodal report {folder}")


def _start_time(out: Path) -> int | None:
    """Return when the run in a folder was started; None if there is no run."""
    file = out / "config.yaml"
    return file.stat().st_mtime_ns if file.is_file() else None


with_options(
    train, [*options_of(TrainSettings, panel="Recipe"), *options_of(RemovalSettings, _PREFIX, panel="Removal")]
)
