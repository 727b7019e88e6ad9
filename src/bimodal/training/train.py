"""A data folder and settings in, a run folder out."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import LambdaCallback, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from bimodal.data.cache import decoded
from bimodal.data.leakage import pretraining_overlap
from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.models import EmotionClassifier, weights
from bimodal.progress import inform, warn
from bimodal.runs.run import Run
from bimodal.training.callback import BimodalDistributionRemoval, Losses
from bimodal.training.checkpoint import STATE, AtomicCheckpointIO, KeepState, check_state, identity_of
from bimodal.training.datamodule import FaceData
from bimodal.training.history import History
from bimodal.training.memory import keep_freed_memory
from bimodal.training.module import EmotionModule
from bimodal.training.predict import build_classifier, predict_logits
from bimodal.training.record import begin_run, check_resumed, finish_run
from bimodal.training.settings import TrainSettings


@dataclass(frozen=True)
class Hardware:
    """Where to train; the result is the same on one machine and another only within rounding.

    Attributes:
        accelerator: `auto`, `cpu` or `cuda`.
        devices: processes on this machine, one a GPU or a share of the CPU.
        num_nodes: machines; start the same command on each under torchrun.
        workers: processes that augment, for each device; None: none on a CPU, where the training process is as fast
            by itself, and up to 8 for a GPU.
    """

    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.accelerator not in ("auto", "cpu", "cuda"):
            raise InputError(f"--accelerator must be auto, cpu or cuda, got {self.accelerator!r}")
        if self.accelerator == "cuda" and not torch.cuda.is_available():
            raise InputError("--accelerator cuda needs a CUDA device, but PyTorch finds none; use cpu or auto")
        gpus = torch.cuda.device_count() if self.uses_cuda else None
        if self.devices < 1 or (gpus is not None and self.devices > gpus):
            raise InputError(f"--devices must be from 1 to {gpus or 'the number of cores'}, got {self.devices}")
        if self.num_nodes < 1 or (self.workers is not None and not 0 <= self.workers <= 256):
            raise InputError("--num-nodes must be at least 1, --workers from 0 to 256")

    @property
    def device(self) -> torch.device:
        """Where one process computes."""
        return torch.device("cuda" if self.uses_cuda else "cpu")

    @property
    def uses_cuda(self) -> bool:
        return self.accelerator != "cpu" and torch.cuda.is_available()


def train(
    data: Path | None,
    out: Path,
    settings: TrainSettings | None = None,
    hardware: Hardware | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
    callbacks: Sequence[pl.Callback] = (),
) -> Run:
    """Train a classifier on a data folder and return its run.

    Args:
        data: a folder written by `bimodal prepare`; with `resume`, None takes the run's own.
        out: the run folder to write.
        settings: the recipe; the paper's by default. With `resume`, None takes the run's own.
        hardware: devices and worker processes.
        overwrite: replace a run that is there.
        resume: go on from the last finished epoch of the run that is there, to the same end as if it had never been
            interrupted (on a CPU bit for bit).
        callbacks: further ones of Lightning's, after ours.

    Raises:
        InputError: if data, settings or run cannot be used, or the loss stops being finite.
    """
    out, run = Path(out), None
    if resume:
        run = Run.open(out)
        data = data or run.data
        if not data.is_dir():
            raise InputError(
                f"the data folder {data} is gone; say where it is now: bimodal train DATA --out {out} --resume"
            )
    if data is None:
        raise InputError("expected a data folder; make one: bimodal prepare SOURCE DATA")
    manifest = Manifest.read(Path(data))
    if run is not None:
        settings = check_resumed(run, manifest, settings)
        if run.is_finished:
            inform(f"{out} is finished already")
            return run
    settings = settings or TrainSettings()
    hardware = hardware or Hardware()
    precision = choose_precision(settings.precision, hardware.uses_cuda)
    if settings.batch_size % (hardware.devices * hardware.num_nodes):
        raise InputError(f"--batch-size {settings.batch_size} cannot be shared equally by all devices; take a multiple")
    check_faces(manifest, settings)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or matrix products on a GPU differ from run to run
    pl.seed_everything(settings.seed, verbose=False)
    model = _build_model(settings)
    is_first = rank_zero_only.rank == 0  # type: ignore[attr-defined]
    if is_first:
        decoded(manifest, settings.image_size)  # before the run folder is made: a broken picture leaves no trace
    known = (
        pretraining_overlap(manifest, manifest.rows("val").tolist()) if is_first and settings.starts_from_face else ""
    )
    if known:
        warn(f"{known} for validation: its accuracy will flatter")
    if is_first and not resume:
        begin_run(out, manifest, settings, precision, model, overwrite)
    began_in = precision if run is None else run.environment.get("precision", precision)
    if is_first and began_in != precision:
        warn(f"{out} began in {began_in} and goes on in {precision}, which this device is fast at: its end will differ")
    faces = FaceData(manifest, settings, _count_workers(hardware))
    removal = BimodalDistributionRemoval(settings.removal, pred_probs=True)
    history = History(out, removal)
    keeper = KeepState(out, settings.keep, identity_of(settings, manifest.fingerprint))
    module = EmotionModule(model, settings.lr, settings.schedule, settings.seed, settings.augment == "fast")
    if settings.losses == "clean":
        removal.measure = _clean_pass(module, faces)
    state = out / STATE
    goes_on = resume and state.is_file()
    if goes_on:
        check_state(state, keeper.identity)
    trainer = _build_trainer(
        out, settings, hardware, precision, [_epoch_for(faces), removal, history, keeper, *callbacks]
    )
    keep_freed_memory()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on workers and intervals: chosen here on purpose
            trainer.fit(module, datamodule=faces, ckpt_path=state if goes_on else None, weights_only=True)
    except SystemExit:
        if trainer.interrupted:
            raise KeyboardInterrupt from None  # Lightning turns Ctrl-C into an exit of its own
        raise
    if is_first:
        finish_run(out, manifest, settings, removal, keeper.best[0], trainer.strategy.root_device)
    trainer.strategy.barrier("finished")  # or another process would read what is not written yet
    return Run.open(out)


def check_faces(manifest: Manifest, settings: TrainSettings) -> None:
    """Refuse faces that cannot be trained on with these settings."""
    rows = manifest.rows("train")
    classes = np.unique(manifest.labels[rows])
    if len(rows) < 2 or len(classes) < 2:
        found = ", ".join(NAMES[code] for code in classes) or "none"
        raise InputError(f"training needs faces of at least two emotions in split train; {manifest.root} has: {found}")
    if settings.batch_size > len(rows):
        raise InputError(
            f"--batch-size {settings.batch_size} is larger than the {len(rows)} training faces; take a smaller one"
        )
    if len(manifest.rows("val")) == 0:
        raise InputError(
            f"{manifest.root} has no faces in split val, on which the weights are chosen; prepare with --val-share"
        )


def _build_model(settings: TrainSettings) -> EmotionClassifier:
    model = build_classifier(settings)
    if settings.weights:
        weights.load_into(model.backbone, weights.read(Path(settings.weights)), settings.weights)
    elif settings.pretrained:
        file = weights.fetch(settings.backbone)
        weights.load_into(model.backbone, weights.read(file), settings.backbone)
    return model


def _build_trainer(
    out: Path, settings: TrainSettings, hardware: Hardware, precision: Any, callbacks: list[Any]
) -> pl.Trainer:
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if sys.stderr.isatty():
        callbacks = [*callbacks, RichProgressBar(leave=False)]
    several = hardware.devices * hardware.num_nodes > 1
    return pl.Trainer(
        accelerator="cuda" if hardware.uses_cuda else "cpu",
        devices=hardware.devices,
        num_nodes=hardware.num_nodes,
        strategy="ddp" if several else "auto",
        precision=precision,
        max_epochs=settings.epochs,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        log_every_n_steps=1,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        enable_checkpointing=True,
        num_sanity_val_steps=0,
        deterministic="warn" if hardware.uses_cuda else None,
        use_distributed_sampler=False,
    )


def choose_precision(precision: str, cuda: bool) -> Any:
    """Return Lightning's name for a precision: of `auto`, bf16 where the device multiplies it itself."""
    if precision == "auto":
        native = torch.cuda.is_bf16_supported(including_emulation=False) if cuda else _cpu_has_bf16()
        precision = "bf16" if native else "32"
    return "bf16-mixed" if precision == "bf16" else "32-true"


def _cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 itself; PyTorch emulates it elsewhere, slower than fp32."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _count_workers(hardware: Hardware) -> int:
    if hardware.workers is not None:
        return hardware.workers
    return min(8, (os.cpu_count() or 1) // hardware.devices) if hardware.uses_cuda else 0


def _epoch_for(faces: FaceData) -> pl.Callback:
    """Tell the training faces which epoch it is: their augmentation depends on it."""

    def set_epoch(trainer: pl.Trainer, _: pl.LightningModule) -> None:
        faces.train_faces.epoch = trainer.current_epoch

    return LambdaCallback(on_train_epoch_start=set_epoch)


def _clean_pass(module: EmotionModule, faces: FaceData) -> Callable[[NDArray[np.int64]], Losses]:
    """Return the measurement of `--losses clean`: plain pictures, evaluation mode, one more pass each epoch."""

    def measure(rows: NDArray[np.int64]) -> Losses:
        module.eval()
        logits = predict_logits(module, faces.rows_loader(rows), module.device)
        module.train()
        labels = torch.from_numpy(faces.manifest.labels[rows])
        loss = cross_entropy(logits, labels, reduction="none")
        confidence, predicted = logits.softmax(dim=1).max(dim=1)
        return {
            "index": rows,
            "label": labels.numpy(),
            "loss": loss.numpy(),
            "logits": logits.numpy(),
            "predicted": predicted.numpy(),
            "confidence": confidence.numpy(),
        }

    return measure
