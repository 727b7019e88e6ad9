"""The learning curves of a run: `metrics.csv` (by epoch), `steps.csv` (by training step), `seconds.csv` (time by epoch)."""

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd

from bimodal.files import write_csv
from bimodal.progress import inform
from bimodal.removal.rule import RULES
from bimodal.training.callback import BimodalDistributionRemoval
from bimodal.training.loggers import log_removals


class History(pl.Callback):
    """Writes the learning curves after each epoch; the checkpoint holds them, so that a resumed run continues them.

    The removal callback must come before this one in the trainer's callbacks.
    """

    def __init__(self, folder: Path, removal: BimodalDistributionRemoval) -> None:
        self.folder, self.removal = folder, removal
        self.epochs: list[dict[str, float]] = []
        self.steps: list[dict[str, float]] = []
        self.seconds: list[dict[str, float]] = []  # a separate file, because only this one depends on the machine
        self._start = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        row = {"step": trainer.global_step, "epoch": trainer.current_epoch + 1}
        measures = {name: float(outputs[name.replace("train", "batch")]) for name in ("train_loss", "train_accuracy")}
        self.steps.append({**row, **measures, "examples": outputs["batch_size"]})
        pl_module.log_dict(measures, prog_bar=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        steps = pd.DataFrame([step for step in self.steps if step["epoch"] == epoch])
        weights = steps["examples"] / steps["examples"].sum()
        summary = self.removal.remover.ledger.epochs[-1]
        losses = {"loss_mean": summary.mean, "loss_variance": summary.variance, "examples": summary.examples}
        row = {
            "epoch": epoch,
            "step": trainer.global_step,
            **{name: float((steps[name] * weights).sum()) for name in ("train_loss", "train_accuracy")},
            **{name: float(trainer.callback_metrics[name]) for name in ("val_loss", "val_accuracy")},
            **losses,
        }
        self.epochs.append(row)
        self.seconds.append({"epoch": epoch, "seconds": round(time.perf_counter() - self._start, 3)})
        pl_module.log_dict(losses)
        if not trainer.is_global_zero:
            return
        write_csv(self.folder / "metrics.csv", pd.DataFrame(self.epochs))
        write_csv(self.folder / "seconds.csv", pd.DataFrame(self.seconds))
        write_csv(self.folder / "steps.csv", pd.DataFrame(self.steps).drop(columns="examples"))
        inform(
            f"epoch {epoch:>3}/{trainer.max_epochs}  train loss {row['train_loss']:.3f}  val loss {row['val_loss']:.3f}"
            f"  val accuracy {row['val_accuracy']:.3f}  faces {row['examples']}"
        )
        self._report_removal(epoch)
        log_removals(trainer.loggers, self.removal.remover, epoch, trainer.global_step)

    def _report_removal(self, epoch: int) -> None:
        remover = self.removal.remover
        steps = [step for step in remover.steps if step.epoch == epoch]
        if epoch in remover.checked_epochs and not steps:
            inform("  removal rule applied: no faces removed")
        for step in steps:
            limits = f"; the limits kept {step.kept_by_limits} more" if step.kept_by_limits else ""
            threshold = RULES[step.rule].describe_threshold(step.threshold)
            inform(f"  removed {len(step.rows)} faces with {threshold}{limits}")

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "steps": self.steps, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs, self.steps, self.seconds = (list(state_dict[key]) for key in ("epochs", "steps", "seconds"))
