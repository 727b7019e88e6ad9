"""Checkpoints after each epoch: the state to resume from, and the best weights so far."""

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint
from safetensors.torch import save

from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.runs.run import BEST, STATE
from bimodal.training.averaging import AveragedWeights
from bimodal.training.settings import TrainSettings


class KeepState(Checkpoint):
    """Writes `last.ckpt` after each epoch, and `best.safetensors` whenever the weights are to be kept.

    Lightning calls a `Checkpoint` after all other callbacks, so the state includes their changes of this epoch. `keep` is
    `best` (the epoch with the highest validation accuracy; of equal ones the first) or `last`. With `average`, the averaged
    weights are written.
    """

    def __init__(self, folder: Path, keep: str, identity: str, average: AveragedWeights | None = None) -> None:
        self.folder, self.keep, self.identity, self.average = folder, keep, identity, average
        self.best = (0, -1.0)  # (epoch, validation accuracy) of the kept weights

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        accuracy = float(trainer.callback_metrics["val_accuracy"])
        if self.keep == "last" or accuracy > self.best[1]:
            self.best = (trainer.current_epoch + 1, accuracy)
            if trainer.is_global_zero:
                module: Any = self.average.module if self.average else pl_module
                weights = {name: value.contiguous() for name, value in module.model.state_dict().items()}
                content = save(weights, metadata={"epoch": str(self.best[0])})
                write_atomically(self.folder / BEST, lambda part: part.write_bytes(content))
        trainer.save_checkpoint(self.folder / STATE)  # on all processes: some strategies gather the state

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "identity": self.identity}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = tuple(state_dict["best"])


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to a temporary file in its own folder; Lightning uses the temporary folder of the system."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        buffer = BytesIO()  # PyTorch's writer would not name a full disk in its error
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), lambda part: part.write_bytes(buffer.getbuffer()))


def identity_of(settings: TrainSettings, fingerprint: str) -> str:
    """Return a digest of all settings and the fingerprint of the data; equal for two runs with the same result."""
    return hashlib.sha256(json.dumps([settings.to_dict(), fingerprint], sort_keys=True).encode()).hexdigest()


def check_state(state: Path, identity: str) -> None:
    """Raise an `InputError` for a damaged state or one of another run, before Lightning loads it; no code in it runs."""
    try:
        with ZipFile(state) as archive:  # PyTorch does not compare the checksums of the parts
            if (part := archive.testzip()) is not None:
                raise ValueError(f"{part} does not match its checksum")
        content = torch.load(state, map_location="cpu", weights_only=True, mmap=True)
        is_same_run = content["callbacks"]["KeepState"]["identity"] == identity
        is_complete = {"state_dict", "loops", "optimizer_states", "lr_schedulers"} <= content.keys()
    except Exception as error:  # a damaged or hostile file can make PyTorch raise anything
        raise InputError(
            f"{state} is damaged or was not written by bimodal ({type(error).__name__}); start again with --overwrite"
        ) from error
    if not (is_same_run and is_complete):
        raise InputError(f"{state} is the state of another run; start again with --overwrite")
