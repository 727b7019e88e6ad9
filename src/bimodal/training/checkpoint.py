"""What a run keeps after each epoch: the state to resume from, and the best weights so far."""

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint
from safetensors.torch import save

from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.training.settings import TrainSettings

BEST = "best.safetensors"
STATE = "last.ckpt"


class KeepState(Checkpoint):
    """Writes `last.ckpt` after each epoch, and the weights whenever validation accuracy rose (or each time, for `last`).

    Lightning calls a `Checkpoint` after all other callbacks, so the state holds what they did in this epoch.

    Args:
        folder: the run folder.
        keep: `best` or `last`; of equally good epochs the earlier is kept.
        identity: says which run a state belongs to; see `identity_of`.
    """

    def __init__(self, folder: Path, keep: str, identity: str) -> None:
        self.folder = folder
        self.keep = keep
        self.identity = identity
        self.best: tuple[int, float] = (0, -1.0)
        """(epoch, validation accuracy) of the kept weights."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        accuracy = float(trainer.callback_metrics["val_accuracy"])
        if self.keep == "last" or accuracy > self.best[1]:
            self.best = (trainer.current_epoch + 1, accuracy)
            if trainer.is_global_zero:
                model: Any = pl_module.model
                weights = {name: value.contiguous() for name, value in model.state_dict().items()}
                content = save(weights, metadata={"epoch": str(self.best[0])})
                write_atomically(self.folder / BEST, lambda part: part.write_bytes(content))
        trainer.save_checkpoint(self.folder / STATE)  # on all processes: some strategies gather the state

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "identity": self.identity}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = tuple(state_dict["best"])


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's way of writing a state, but beside its place instead of in the system's temporary folder."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        buffer = BytesIO()  # PyTorch's own writer hides a full disk behind an error of its own
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), lambda part: part.write_bytes(buffer.getbuffer()))


def identity_of(settings: TrainSettings, fingerprint: str) -> str:
    """Return what two runs have in common only if they would end the same: all settings and the data's fingerprint."""
    return hashlib.sha256(json.dumps([settings.to_dict(), fingerprint], sort_keys=True).encode()).hexdigest()


def check_state(state: Path, identity: str) -> None:
    """Refuse a state that is damaged or of another run before Lightning meets it; nothing in it is unpickled.

    Raises:
        InputError: the message says what to do.
    """
    try:
        content = torch.load(state, map_location="cpu", weights_only=True, mmap=True)
        own = content["callbacks"]["KeepState"]["identity"] == identity
        known = {"state_dict", "loops", "optimizer_states", "lr_schedulers"} <= content.keys()
    except Exception as error:  # whatever a damaged or hostile file makes PyTorch raise
        raise InputError(
            f"{state} is damaged or no state of ours ({type(error).__name__}); train anew with --overwrite"
        ) from error
    if not (own and known):
        raise InputError(f"{state} is the state of another run; train anew with --overwrite")
