"""Train the stages of the pretraining, one after the other."""

import logging
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch.callbacks import RichProgressBar, WeightAveraging
from lightning.pytorch.loggers import Logger
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from bimodal.experiments.pretrain.batches import PREDICT_BATCH, FaceBatches, Shuffled
from bimodal.experiments.pretrain.faces import Faces
from bimodal.experiments.pretrain.module import PretrainModule
from bimodal.experiments.pretrain.recipe import Recipe, Stage
from bimodal.experiments.pretrain.two_heads import TwoHeads, predict_teacher
from bimodal.files import write_csv
from bimodal.memory import keep_freed_memory
from bimodal.progress import inform
from bimodal.training.checkpoint import AtomicCheckpointIO
from bimodal.training.hardware import choose_precision


def train_stages(faces: Mapping[str, Faces], out: Path, recipe: Recipe, cuda: bool, loggers: list[Logger]) -> TwoHeads:
    """Train all stages, or resume them, and return the network with its averaged weights, on the CPU.

    Args:
        faces: by split.
        out: folder for `log.csv`, and for the checkpoint of each stage.
        recipe: the settings.
        cuda: whether to train on a GPU.
        loggers: where the learning curves go, beside `log.csv`.
    """
    keep_freed_memory()
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    log = _Log(out, sum(stage.epochs for stage in recipe.stages), loggers)
    model = None
    for stage in recipe.stages:
        log.stage += 1
        model = _train_stage(faces, recipe, stage, cuda, model, log)
    assert model is not None  # there is at least one stage
    return model


def _train_stage(
    faces: Mapping[str, Faces], recipe: Recipe, stage: Stage, cuda: bool, teacher: TwoHeads | None, log: "_Log"
) -> TwoHeads:
    pl.seed_everything(recipe.seed, verbose=False)
    order = Shuffled(len(faces["train"]), recipe.batch_size, recipe.seed, stage.start)
    module = PretrainModule(recipe, stage, stage.start * len(order))
    predictions = None
    if teacher is not None:
        module.model.load_state_dict(teacher.state_dict())
        inform("predicting the training faces, as targets of the second stage")
        predictions = predict_teacher(teacher, faces["train"])
    shows_bar = sys.stderr.isatty()
    bar = [RichProgressBar(leave=False)] if shows_bar else []
    trainer = pl.Trainer(
        accelerator="cuda" if cuda else "cpu",
        devices=1,
        precision=choose_precision("auto", cuda),
        max_epochs=stage.epochs,
        callbacks=[WeightAveraging(avg_fn=running_average(recipe.average)), log, *bar],
        plugins=[AtomicCheckpointIO()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=shows_bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    in_order = BatchSampler(SequentialSampler(faces["val"]), PREDICT_BATCH, drop_last=False)
    train = DataLoader(FaceBatches(faces["train"], predictions), batch_size=None, sampler=order)
    val = DataLoader(FaceBatches(faces["val"]), batch_size=None, sampler=in_order)
    begun = log.checkpoint if log.checkpoint.is_file() else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning recommends more workers
            trainer.fit(module, train, val, ckpt_path=begun, weights_only=True)
    except SystemExit:
        if trainer.interrupted:
            raise KeyboardInterrupt from None  # Lightning turns Ctrl-C into SystemExit
        raise
    # The checkpoint holds the averaged weights. If a resumed stage has no epoch left, Lightning leaves the weights of the
    # last step in the module.
    module.load_state_dict(torch.load(log.checkpoint, map_location="cpu", weights_only=True)["state_dict"])
    return module.model.cpu().eval()


def running_average(share: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return the function that averages the weights over the steps; it follows them faster in the first steps.

    Args:
        share: share of the previous average in the new one, after the first steps.
    """

    def average(old: Tensor, new: Tensor, steps: Tensor) -> Tensor:
        kept = min(share, (1 + float(steps)) / (10 + float(steps)))
        return old + (1 - kept) * (new - old)

    return average


class _Log(pl.Callback):
    """Writes `log.csv`, logs one line and saves the checkpoint after each epoch."""

    def __init__(self, out: Path, epochs: int, loggers: list[Logger]) -> None:
        self.stage, self.loggers = 0, loggers
        self._out, self._epochs = out, epochs
        self._start = time.monotonic()
        self._rows: list[dict[str, Any]] = []

    @property
    def checkpoint(self) -> Path:
        """The checkpoint of the current stage."""
        return self._out / f"stage-{self.stage}.ckpt"

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        stage: Any = pl_module.stage
        row = {
            "epoch": stage.start + trainer.current_epoch + 1,
            "size": stage.size(trainer.current_epoch),
            "loss": round(metrics["loss"], 5),
            "val_votes": round(metrics["val_votes"], 5),
            "val_own": round(metrics["val_own"], 5),
            "seconds": round(time.monotonic() - self._start, 1),
        }
        self._rows.append(row)
        write_csv(self._out / "log.csv", pd.DataFrame(self._rows))
        inform(
            f"epoch {row['epoch']} of {self._epochs}: loss {row['loss']:.3f}, validation accuracy "
            f"{100 * row['val_votes']:.1f} % (votes), {100 * row['val_own']:.1f} % (FER2013's labels), {row['seconds']:.0f} s"
        )
        for logger in self.loggers:  # one record for all stages, whose steps Lightning counts apart
            logger.log_metrics({name: float(value) for name, value in row.items()}, int(row["epoch"]))
        trainer.save_checkpoint(self.checkpoint)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._rows = list(state_dict["rows"])
