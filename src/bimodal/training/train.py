"""Training: a data folder and settings in, a run folder out."""

import logging
import os
import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import LambdaCallback, RichProgressBar

from bimodal.data.leakage import pretraining_overlap
from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.calibration import fit_temperature
from bimodal.locks import locked
from bimodal.model_files.info import ModelInfo
from bimodal.models import EmotionClassifier, describe, weights
from bimodal.progress import inform, warn
from bimodal.removal import Remover
from bimodal.runs.run import BEST, STATE, Run
from bimodal.runs.tables import predictions_table
from bimodal.runs.writer import begin_run, finish_run
from bimodal.training.averaging import AveragedWeights
from bimodal.training.balance import class_weights
from bimodal.training.callback import BimodalDistributionRemoval
from bimodal.training.checkpoint import AtomicCheckpointIO, KeepState, check_state, identity_of
from bimodal.training.datamodule import FaceData, check_faces
from bimodal.training.environment import environment_of
from bimodal.training.freed_memory import FreedMemory
from bimodal.training.hardware import Hardware
from bimodal.training.history import History
from bimodal.training.launcher import check_launcher, how_to_resume
from bimodal.training.loggers import DEFAULT, check_loggers, chosen, log_finished, opened_loggers
from bimodal.training.module import EmotionModule
from bimodal.training.precision import precision_of
from bimodal.training.predict import build_classifier, clean_losses, load_model, predict_logits, to_probabilities
from bimodal.training.probe import fit_probe, start_head
from bimodal.training.processes import Processes
from bimodal.training.settings import TrainSettings
from bimodal.training.shared_memory import check_shared_memory
from bimodal.version import __version__

_MAX_TRACE = 2**24
"""Losses of single examples and epochs up to which a run keeps them all: 64 MiB."""


def train(
    data: str | Path | None,
    out: str | Path,
    settings: TrainSettings | None = None,
    *,
    hardware: Hardware | None = None,
    overwrite: bool = False,
    resume: bool = False,
    loggers: Sequence[str] = DEFAULT,
    callbacks: Sequence[pl.Callback] = (),
) -> Run:
    """Train a classifier on a data folder and return its run.

    Args:
        data: a folder written by `bimodal prepare`; with `resume`, None means the run's own.
        out: the run folder to write.
        settings: what to train and how; by default the paper's recipe. With `resume`, None means the run's own.
        hardware: devices and worker processes; by default one GPU if there is one, or else the CPU.
        overwrite: replace a run that is in `out`.
        resume: continue the run in `out` after its last finished epoch. The result is that of an uninterrupted run, on a
            CPU bit for bit.
        loggers: where the learning curves, settings and removals go: some of `tensorboard`, `wandb` and `mlflow`, or `none`. The
            last two are configured by their environment variables, such as `WANDB_MODE` and `MLFLOW_TRACKING_URI`.
        callbacks: further callbacks of Lightning, called after those of bimodal.

    Raises:
        InputError: data, settings, run or a logger cannot be used, or the loss becomes infinite or NaN.

    `docs/python.md` has an example that runs.
    """
    out = Path(out)
    with locked(out) if rank_zero_only.rank == 0 else nullcontext():  # type: ignore[attr-defined]
        return _train(
            data, out, settings, hardware or Hardware(), overwrite, resume, chosen(loggers or ["none"]), callbacks
        )


def _train(
    data: str | Path | None,
    out: Path,
    settings: TrainSettings | None,
    hardware: Hardware,
    overwrite: bool,
    resume: bool,
    loggers: Sequence[str],
    callbacks: Sequence[pl.Callback],
) -> Run:
    run = Run.open(out) if resume else None
    manifest, settings = _open(data, settings, run)
    if run is not None and run.is_finished:
        inform(f"{out} is finished already")
        return run
    recorded = run.environment if run is not None else {}
    training = _build(out, FaceData(manifest, settings, hardware.loader_workers), hardware, callbacks, recorded)
    is_first_process = rank_zero_only.rank == 0  # type: ignore[attr-defined]
    if is_first_process:
        check_loggers(loggers)
        _begin(out, training, run, overwrite)
    with opened_loggers(loggers if is_first_process else (), out, settings.to_dict()) as training.trainer.loggers:
        _run(out, training, run, is_first_process)
    return Run.open(out)


def _run(out: Path, training: "_Training", run: Run | None, is_first_process: bool) -> None:
    """Train, and write the results."""
    manifest, settings = training.faces.manifest, training.faces.settings
    if settings.fit == "probe":
        training.faces.setup("fit")
        if is_first_process:
            remover, predictions = fit_probe(out, manifest, training.module.model, settings)
            _finish(out, training, remover, predictions, epoch=1)
            log_finished(training.trainer.loggers, Run.open(out), remover)
    else:
        state = out / STATE if run is not None and (out / STATE).is_file() else None
        if settings.head_start == "probe" and state is None and is_first_process:  # Lightning copies it to the others
            start_head(manifest, training.module.model, settings)
        with training.processes.started():
            _fit(training, state)
            if is_first_process:
                removal = training.removal
                _finish(out, training, removal.remover, removal.predictions_at_removal, training.keeper.best[0])
            training.trainer.strategy.barrier("finished")  # no process may read what is not written yet


@dataclass(frozen=True)
class _Training:
    """All parts of a training run."""

    faces: FaceData
    module: EmotionModule
    removal: BimodalDistributionRemoval
    keeper: KeepState
    processes: Processes
    trainer: pl.Trainer
    precision: str
    bf16_time_ratio: float | None


def _open(data: str | Path | None, settings: TrainSettings | None, run: Run | None) -> tuple[Manifest, TrainSettings]:
    """Return the data and the settings to train with; check that they are those of the run to resume."""
    if run is not None and data is None:
        data = run.data
        if not data.is_dir():
            raise InputError(
                f"the data folder {data} is missing; say where it is now: "
                f"bimodal train DATA --out {shlex.quote(str(run.path))} --resume"
            )
    if data is None:
        raise InputError("expected a data folder; make one: bimodal prepare SOURCE DATA")
    manifest = Manifest.read(data)
    if run is not None:
        trained = TrainSettings.from_dict(run.config)
        if settings not in (None, trained):
            old, new = trained.to_dict(), settings.to_dict()
            changed = ", ".join(key.replace("_", "-") for key in old if old[key] != new[key])
            raise InputError(f"--resume keeps the settings of {run.path}, but these differ: {changed}; leave them out")
        if not run.was_trained_on(manifest.fingerprint):
            faces = f"other faces than {manifest.root} has now"
            raise InputError(f"{run.path} was trained on {faces}; restore them, or start again with --overwrite")
        settings = trained
    settings = settings or TrainSettings()
    check_faces(manifest, settings)
    return manifest, settings


def _build(
    out: Path,
    faces: FaceData,
    hardware: Hardware,
    callbacks: Sequence[pl.Callback],
    recorded: Mapping[str, Any],
) -> _Training:
    """Build all parts of the training; nothing is written. `recorded` is `environment.json` of the run to resume."""
    settings = faces.settings
    check_launcher(hardware)
    check_shared_memory(hardware.loader_workers, settings.batch_size * 3 * settings.image_size**2 * 4)
    if settings.batch_size < hardware.world_size:
        count = hardware.world_size
        raise InputError(f"--batch-size must be at least the {count} processes, got {settings.batch_size}")
    if settings.fit == "probe" and hardware.world_size > 1:
        raise InputError("--fit probe takes seconds in one process; leave out --devices and --num-nodes")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or matrix products on a GPU differ from run to run
    pl.seed_everything(settings.seed, verbose=False)
    model = _build_model(settings)
    precision, ratio = precision_of(model, settings, hardware, recorded)
    labels = faces.manifest.labels[faces.manifest.rows("train")]
    module = EmotionModule(
        model,
        settings.lr,
        settings.schedule,
        settings.seed,
        settings.augment == "fast",
        layer_decay=settings.layer_decay,
        label_smoothing=settings.label_smoothing,
        mixup=settings.mixup,
        class_weights=class_weights(labels, len(NAMES)) if settings.balance == "loss" else None,
        mirror=settings.mirror,
    )
    measure = partial(clean_losses, module, faces) if settings.losses == "clean" else None
    trace = len(labels) * settings.epochs <= _MAX_TRACE
    removal = BimodalDistributionRemoval(settings=settings.removal, measure=measure, trace=trace, pred_probs=True)
    average = AveragedWeights(settings.ema) if settings.ema else None
    identity = identity_of(settings, faces.manifest.fingerprint)
    keeper = KeepState(out, settings.keep, identity, average)
    task = {"settings and data": identity[:16], "precision": str(precision)}
    processes = Processes(hardware, task, how_to_resume(out, hardware))
    # augmentation depends on the epoch, which Lightning does not pass to a dataset
    epoch = LambdaCallback(on_train_epoch_start=lambda trainer, _: faces.set_epoch(trainer.current_epoch))
    averaging = [average] if average else []
    required = [processes, FreedMemory(), epoch, removal, *averaging, History(out, removal), keeper]
    trainer = _build_trainer(out, settings, hardware, precision, [*required, *callbacks])
    return _Training(faces, module, removal, keeper, processes, trainer, precision, ratio)


def _build_model(settings: TrainSettings) -> EmotionClassifier:
    model = build_classifier(settings)
    if settings.weights or settings.pretrained:
        file = Path(settings.weights) if settings.weights else weights.fetch(settings.backbone)
        weights.load_into(model.backbone, weights.read(file), settings.weights or settings.backbone)
    return model


def _build_trainer(
    out: Path, settings: TrainSettings, hardware: Hardware, precision: Any, callbacks: list[pl.Callback]
) -> pl.Trainer:
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    shows_bar = sys.stderr.isatty()
    return pl.Trainer(
        accelerator="cuda" if hardware.uses_cuda else "cpu",
        devices=hardware.devices,
        num_nodes=hardware.num_nodes,
        strategy="ddp" if hardware.world_size > 1 else "auto",
        precision=precision,
        max_epochs=settings.epochs,
        callbacks=[*callbacks, RichProgressBar(leave=False)] if shows_bar else callbacks,
        plugins=[AtomicCheckpointIO()],
        logger=False,  # they are opened when the run folder exists
        log_every_n_steps=1,
        enable_progress_bar=shows_bar,
        enable_model_summary=False,
        enable_checkpointing=True,
        num_sanity_val_steps=0,
        deterministic="warn" if hardware.uses_cuda else None,
        use_distributed_sampler=False,
    )


def _begin(out: Path, training: _Training, run: Run | None, overwrite: bool) -> None:
    """Make the run folder, or warn if a resumed run continues in another precision."""
    manifest, settings = training.faces.manifest, training.faces.settings
    training.faces.prepare_data()  # before the run folder is made: a damaged image leaves no folder behind
    if settings.starts_from_face and (overlap := pretraining_overlap(manifest, manifest.rows("val").tolist())):
        warn(f"{overlap} for validation: the validation accuracy is too optimistic")
    if run is None:
        environment = environment_of(manifest, settings.seed) | {"precision": training.precision}
        if training.bf16_time_ratio is not None:
            environment["bf16_time_ratio"] = training.bf16_time_ratio
        network = describe(training.module.model, settings.image_size)
        begin_run(out, manifest, settings.to_dict(), environment, network, overwrite)
    elif run.environment.get("precision", training.precision) != training.precision:
        warn(
            f"{out} was started in {run.environment['precision']} and continues in {training.precision}, the precision "
            "chosen for this device: the result will differ from that of an uninterrupted run"
        )


def _fit(training: _Training, state: Path | None) -> None:
    """Train, from a saved state if there is one."""
    if state is not None:
        check_state(state, training.keeper.identity)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on workers and logging intervals does not apply
            training.trainer.fit(training.module, datamodule=training.faces, ckpt_path=state, weights_only=True)
    except SystemExit:
        if training.trainer.interrupted:
            raise KeyboardInterrupt from None  # Lightning turns Ctrl-C into SystemExit
        raise


def _finish(
    out: Path, training: _Training, remover: Remover, predictions_at_removal: dict[int, tuple[int, float]], epoch: int
) -> None:
    """Predict validation with the kept weights, fit the calibration temperature on it, and write the results."""
    if remover.steps and epoch <= remover.steps[0].epoch and training.faces.settings.fit == "gradient":
        warn(
            f"the kept weights are those of epoch {epoch}, before the removal after epoch {remover.steps[0].epoch}: they equal "
            "those of a run without removal; --keep last keeps weights that were trained without the removed faces"
        )
    faces, device = training.faces, training.trainer.strategy.root_device
    manifest, rows = faces.manifest, faces.manifest.rows("val")
    model = load_model(Run.open(out), BEST).to(device)
    logits = predict_logits(model, faces.plain_dataloader(rows), device, faces.settings.mirror)
    temperature = fit_temperature(logits, manifest.labels[rows])
    predictions = predictions_table(manifest, rows, to_probabilities(logits, temperature))
    info = ModelInfo(
        out.resolve().name,
        image_size=faces.settings.image_size,
        aligned=manifest.source_info.aligned,
        temperature=temperature,
        mirror=faces.settings.mirror,
        version=__version__,
    )
    finish_run(out, manifest, remover, predictions_at_removal, predictions, info, epoch)
