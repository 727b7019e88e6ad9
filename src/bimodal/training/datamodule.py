"""The faces of a data folder as Lightning wants them."""

import lightning.pytorch as pl
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.training.augmentation import PaperAugmentation, Plain
from bimodal.training.loader import FaceDataset, plain_loader, train_loader
from bimodal.training.settings import TrainSettings


class FaceData(pl.LightningDataModule):
    """Training and validation batches of a manifest; pictures come from the cache.

    Args:
        manifest: the faces.
        settings: size, augmentation, batch size and seed.
        workers: processes that augment, for each training process; 0: the training process itself.
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

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        assert self.trainer is not None
        self.train_faces.epoch = self.trainer.current_epoch
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
        # Each process sees all of it: shared out, the last batch would be padded with repeats and the accuracy off.
        return plain_loader(self.plain_faces, self.manifest.rows("val"), 2 * self.settings.batch_size, self.workers)

    def rows_loader(self, rows: NDArray[np.int64]) -> DataLoader[dict[str, Tensor]]:
        """Return plain batches of any rows."""
        return plain_loader(self.plain_faces, rows, 2 * self.settings.batch_size, self.workers)
