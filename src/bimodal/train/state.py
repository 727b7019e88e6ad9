"""What a run keeps after each epoch: the state to resume from, and the best weights so far."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint
from safetensors.torch import save_file

from bimodal.files import write_atomically

BEST = "best.safetensors"
STATE = "last.ckpt"


class KeepState(Checkpoint):
    """Writes `last.ckpt` after each epoch, and the weights whenever validation accuracy rose (or each time, for `last`).

    Lightning calls a `Checkpoint` after all other callbacks, so the state holds what they did in this epoch.

    Args:
        folder: the run folder.
        keep: `best` or `last`; of equally good epochs the earlier is kept.
    """

    def __init__(self, folder: Path, keep: str) -> None:
        self.folder = folder
        self.keep = keep
        self.best: tuple[int, float] = (0, -1.0)
        """(epoch, validation accuracy) of the kept weights."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        accuracy = float(trainer.callback_metrics["val_accuracy"])
        if self.keep == "last" or accuracy > self.best[1]:
            self.best = (trainer.current_epoch + 1, accuracy)
            if trainer.is_global_zero:
                model: Any = pl_module.model
                weights = {name: value.contiguous() for name, value in model.state_dict().items()}
                write_atomically(
                    self.folder / BEST, lambda file: save_file(weights, file, metadata={"epoch": str(self.best[0])})
                )
        part = self.folder / f".{STATE}.part"
        trainer.save_checkpoint(part)  # on all processes: some strategies gather the state
        if trainer.is_global_zero:
            part.replace(self.folder / STATE)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = tuple(state_dict["best"])
