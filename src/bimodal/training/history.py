"""The course of a run: `metrics.csv`, a row an epoch; `steps.csv`, a row a step; `seconds.csv`, what each epoch took."""

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd

from bimodal.files import write_atomically
from bimodal.progress import inform
from bimodal.removal import RemovalStep
from bimodal.training.callback import BimodalDistributionRemoval


class History(pl.Callback):
    """Writes both tables after each epoch; their rows lie in the checkpoint, so a resumed run continues them.

    Args:
        folder: the run folder.
        removal: the removal callback, which must come first.
    """

    def __init__(self, folder: Path, removal: BimodalDistributionRemoval) -> None:
        self.folder = folder
        self.removal = removal
        self.epochs: list[dict[str, float]] = []
        self.steps: list[dict[str, float]] = []
        self.seconds: list[dict[str, float]] = []  # in a file of its own: the others are the same in every run
        self._started = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        right = (outputs["logits"].argmax(dim=1) == batch["label"]).float().mean()
        step = {
            "step": trainer.global_step,
            "epoch": trainer.current_epoch + 1,
            "train_loss": float(outputs["loss"]),
            "train_accuracy": float(right),
            "examples": len(batch["label"]),
        }
        self.steps.append(step)
        pl_module.log_dict({"train_loss": step["train_loss"], "train_accuracy": step["train_accuracy"]}, prog_bar=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        steps = pd.DataFrame([step for step in self.steps if step["epoch"] == epoch])
        weights = steps["examples"] / steps["examples"].sum()
        summary = self.removal.remover.ledger.epochs[-1]
        val = {name: float(trainer.callback_metrics[name]) for name in ("val_loss", "val_accuracy")}
        row = {
            "epoch": epoch,
            "step": trainer.global_step,
            "train_loss": float((steps["train_loss"] * weights).sum()),
            "train_accuracy": float((steps["train_accuracy"] * weights).sum()),
            **val,
            "loss_mean": summary.mean,
            "loss_variance": summary.variance,
            "examples": summary.examples,
        }
        self.epochs.append(row)
        self.seconds.append({"epoch": epoch, "seconds": round(time.perf_counter() - self._started, 3)})
        pl_module.log_dict({"loss_mean": summary.mean, "loss_variance": summary.variance, "examples": row["examples"]})
        if not trainer.is_global_zero:
            return
        write_atomically(self.folder / "metrics.csv", pd.DataFrame(self.epochs).set_index("epoch").to_csv)
        write_atomically(self.folder / "seconds.csv", pd.DataFrame(self.seconds).set_index("epoch").to_csv)
        write_atomically(
            self.folder / "steps.csv", pd.DataFrame(self.steps).drop(columns="examples").set_index("step").to_csv
        )
        inform(
            f"epoch {epoch:>3}/{trainer.max_epochs}  train loss {row['train_loss']:.3f}  val loss {val['val_loss']:.3f}"
            f"  val accuracy {val['val_accuracy']:.3f}  faces {row['examples']}"
        )
        removals = [step for step in self.removal.remover.steps if step.epoch == epoch]
        if epoch in self.removal.remover.looked and not removals:
            inform("  the rule of removal looked, and found nobody to remove")
        for removal in removals:
            guard = f", {removal.spared} more spared by the guards" if removal.spared else ""
            inform(f"  removed {len(removal.rows)} faces with {_beyond(removal)}{guard}")

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "steps": self.steps, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs, self.steps, self.seconds = (list(state_dict[key]) for key in ("epochs", "steps", "seconds"))


def _beyond(step: RemovalStep) -> str:
    if step.rule == "two-modes":
        return f"odds of more than {np.exp(step.threshold):.2f} to 1 against their label"
    return f"a loss beyond {step.threshold:.3f}"
