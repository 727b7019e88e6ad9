"""The faces of a data folder as a LightningDataModule."""

import lightning.pytorch as pl
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.training.augmentation import PaperAugmentation, Plain
from bimodal.training.loader import FaceDataset, plain_loader, train_loader
from bimodal.training.settings import TrainSettings


class FaceData(pl.LightningDataModule):
    """Training and validation batches of a manifest; the decoded images come from a cache.

    Args:
        manifest: the faces.
        settings: image size, augmentation, batch size and seed.
        workers: processes that augment, for each training process; 0: the training process augments.
    """

    def __init__(self, manifest: Manifest, settings: TrainSettings, workers: int = 0) -> None:
        super().__init__()
        self.manifest = manifest
        self.settings = settings
        self.workers = workers

    def prepare_data(self) -> None:
        decoded(self.manifest, self.settings.image_size)  # one process fills the cache, the others wait

    def setup(self, stage: str) -> None:
        pictures = decoded(self.manifest, self.settings.image_size)
        augmentation = PaperAugmentation() if self.settings.augment == "paper" else Plain()
        self.train_faces = FaceDataset(self.manifest, pictures, augmentation, self.settings.seed)
        self.plain_faces = FaceDataset(self.manifest, pictures, Plain())

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch (from 0), on which the augmentation depends."""
        self.train_faces.epoch = epoch

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        assert self.trainer is not None
        self.set_epoch(self.trainer.current_epoch)
        return train_loader(
            self.train_faces,
            self.manifest.rows("train"),
            self.settings.batch_size // self.trainer.world_size,
            seed=self.settings.seed,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
            workers=self.workers,
        )

    def val_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        # Each process reads the whole split: a shared one would be padded with repeats, which change the accuracy.
        return self.plain_dataloader(self.manifest.rows("val"), self.workers)

    def plain_dataloader(self, rows: NDArray[np.int64], workers: int = 0) -> DataLoader[dict[str, Tensor]]:
        """Return batches of the given rows in their order, without augmentation."""
        return plain_loader(self.plain_faces, rows, 2 * self.settings.batch_size, workers)


def check_faces(manifest: Manifest, settings: TrainSettings) -> None:
    """Check that the faces of a manifest suffice for training with these settings.

    Raises:
        InputError: there are too few training faces or emotions, or no validation faces.
    """
    rows = manifest.rows("train")
    present = np.unique(manifest.labels[rows])
    if len(rows) < 2 or len(present) < 2:
        names = ", ".join(NAMES[code] for code in present) or "none"
        raise InputError(f"training needs faces of at least two emotions in split train; {manifest.root} has: {names}")
    if settings.batch_size > len(rows):
        raise InputError(
            f"--batch-size must be at most the number of training faces, {len(rows)}, got {settings.batch_size}"
        )
    if len(manifest.rows("val")) == 0:
        raise InputError(
            f"{manifest.root} has no faces in split val, which are needed to choose the weights; prepare with --val-share"
        )
