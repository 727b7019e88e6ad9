"""`bimodal train`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bimodal.cli.options import LoggerOption, options_of, with_options
from bimodal.errors import InputError
from bimodal.removal.settings import RemovalSettings
from bimodal.text import plural
from bimodal.training.settings import TrainSettings

if TYPE_CHECKING:
    from bimodal.training.hardware import Hardware

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
    folds: Annotated[
        int | None,
        typer.Option(
            help="Cross-validation: divide all faces, of all splits, into this number of folds (2 or more; 5 is usual), and train "
            "one run for each, which is tested on its fold. Persons (groups), copies and near-duplicates stay together, and emotions are "
            "stratified; an eighth of the other faces are for validation. Writes OUT/fold-1, OUT/fold-2 and so on (run folders), "
            "OUT/predictions_out_of_fold.csv and OUT/folds.csv. The same command continues an interrupted cross-validation. "
            "(default: one run on the splits of the data folder)"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run, or with --folds the cross-validation, in --out.")
    ] = False,
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
    logger: LoggerOption = None,
    **values: Any,
) -> None:
    """Train a classifier; during training, remove examples that are probably mislabelled.

    By default this is the paper's recipe: ResNet50 pretrained on ImageNet, 31 epochs, Adam, and one removal after epoch 6.

    bimodal train DATA --out RUN                      train with the paper's removal

    bimodal train DATA --out PLAIN --removal none     train without removal

    bimodal train --out RUN --resume                  continue an interrupted run

    bimodal train DATA --out FOLDS --folds 5          predict every face by a network that was not trained on it
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
    if folds is not None and folds < 2:
        raise InputError(f"--folds must be a whole number of at least 2, got {folds}")
    from bimodal.runs.folds import is_cross_validation, read_record
    from bimodal.runs.run import Run

    in_folds = folds is not None or (resume and is_cross_validation(out))
    start = None
    if resume:
        start = TrainSettings.from_dict(read_record(out)["settings"] if in_folds else Run.open(out).config)
    settings = TrainSettings.load(preset, config, changes, start)

    from bimodal.training.hardware import Hardware
    from bimodal.training.loggers import DEFAULT, chosen

    loggers = chosen(logger or DEFAULT)
    hardware = Hardware(accelerator, devices, num_nodes, workers)
    if in_folds:
        _train_folds(data, out, settings, folds, hardware, overwrite, loggers)
        return
    from lightning.fabric.utilities.rank_zero import rank_zero_only

    from bimodal.training import train as training

    folder = shlex.quote(str(out))
    started = _start_time(out)
    try:
        run = training.train(
            data, out, settings, hardware=hardware, overwrite=overwrite, resume=resume, loggers=loggers
        )
    except KeyboardInterrupt:
        if resume or _start_time(out) not in (None, started):  # otherwise this call has started no run yet
            print(f"\ninterrupted; resume with: bimodal train --out {folder} --resume")
        raise
    if rank_zero_only.rank:  # type: ignore[attr-defined]  # only one of several processes prints
        return
    best = run.metrics["val_accuracy"].max()
    print(f"\n{out}  best validation accuracy {best:.3f}, {plural(len(run.removed), 'face')} removed")
    print(f"next: bimodal evaluate {folder} --split test; bimodal report {folder}")


def _train_folds(
    data: Path | None,
    out: Path,
    settings: TrainSettings,
    folds: int | None,
    hardware: "Hardware",
    overwrite: bool,
    loggers: Sequence[str],
) -> None:
    """Run a cross-validation and print its table."""
    from bimodal.rendering.numbers import percent
    from bimodal.rendering.table import Table, print_table
    from bimodal.runs.folds import MEASURES, PREDICTIONS, is_cross_validation
    from bimodal.training.folds import cross_validate

    folder = shlex.quote(str(out))
    try:
        result = cross_validate(
            data, out, settings, folds=folds, hardware=hardware, overwrite=overwrite, loggers=loggers
        )
    except KeyboardInterrupt:
        if is_cross_validation(out):
            print(f"\ninterrupted; resume with: bimodal train --out {folder} --resume")
        raise
    names = [*map(str, range(1, len(result.folds) + 1)), "all"]
    rows = [
        [
            name,
            f"{one.n:,}",
            *(percent(own).replace(" %", "") for own in (one.accuracy, one.balanced_accuracy, one.macro_f1)),
        ]
        for name, one in zip(names, (*result.folds, result.pooled), strict=True)
    ]
    head = ["fold", "faces", "accuracy", "balanced accuracy", "macro F1"]
    title = "Predictions of the held-out faces, in percent with 95 % intervals"
    print_table(Table.of(head, rows, title))
    print(*result.notes, sep="\n")
    print(f"predictions: {out / PREDICTIONS}; measures: {out / MEASURES}")
    print(f"next: bimodal report {folder}/fold-*")


def _start_time(out: Path) -> int | None:
    """Return when the run in a folder was started; None if there is no run."""
    file = out / "config.yaml"
    return file.stat().st_mtime_ns if file.is_file() else None


with_options(
    train, [*options_of(TrainSettings, panel="Recipe"), *options_of(RemovalSettings, _PREFIX, panel="Removal")]
)
