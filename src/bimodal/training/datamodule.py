"""The faces of a data folder as a LightningDataModule."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from bimodal.data.cache import decoded, read_rows
from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.training.augmentation import Transform
from bimodal.training.balance import BalancedSampler
from bimodal.training.sampler import BatchShareSampler
from bimodal.training.settings import TrainSettings


class FaceDataset(Dataset[dict[str, Any]]):
    """All faces of a manifest, augmented or only normalised; item `i` is row `i`. Use a `Subset` for one split.

    The augmentation of a face depends on (seed, epoch, row) only; the caller sets `epoch`, from 0.
    """

    def __init__(self, manifest: Manifest, image_size: int, augment: bool = False, seed: int = 0) -> None:
        self.labels, self.pictures = manifest.labels, decoded(manifest, image_size)
        self.transform = Transform(augment)
        self.seed, self.epoch = seed, 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> dict[str, Any]:
        seed = 0
        if self.transform.augment:
            seed = int(np.random.SeedSequence((self.seed, self.epoch, row)).generate_state(1)[0]) % 2**31
        image = self.transform(read_rows(self.pictures, row, row + 1)[0], seed)
        return {"image": image, "label": self.labels[row], "index": row}


class FaceData(pl.LightningDataModule):
    """Training and validation batches of a manifest, with decoded images from a cache.

    `workers` processes for each training process load and augment; with 0 the training process does.
    """

    def __init__(self, manifest: Manifest, settings: TrainSettings, workers: int = 0) -> None:
        super().__init__()
        self.manifest, self.settings, self.workers = manifest, settings, workers

    def prepare_data(self) -> None:
        decoded(self.manifest, self.settings.image_size)  # one process fills the cache, the others wait

    def setup(self, stage: str) -> None:
        size, is_augmented = self.settings.image_size, self.settings.augment == "paper"
        self.train_faces = FaceDataset(self.manifest, size, is_augmented, self.settings.seed)
        self.plain_faces = FaceDataset(self.manifest, size)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch (from 0), on which the augmentation depends."""
        self.train_faces.epoch = epoch

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the shuffled batches of one of the training processes.

        The order depends on (seed, epoch) only, so that a resumed run gets the batches of an uninterrupted one. The last
        batch of an epoch is smaller, as in the paper (891 faces in 14 steps of 64). With `--balance sampling`, a face can be
        missing from an epoch, or be in it several times.
        """
        assert self.trainer is not None
        self.set_epoch(self.trainer.current_epoch)
        subset = Subset(self.train_faces, self.manifest.rows("train").tolist())
        kind = BalancedSampler if self.settings.balance == "sampling" else BatchShareSampler
        processes, process = self.trainer.world_size, self.trainer.global_rank
        sampler = kind(subset, self.settings.batch_size, processes, process, self.settings.seed)
        batch_size = sampler.loader_batch_size
        return DataLoader(subset, batch_size, sampler=sampler, num_workers=self.workers, collate_fn=_collate)

    def val_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        # Each process reads the whole split: a shared one would be padded with repeats, which change the accuracy.
        return self.plain_dataloader(self.manifest.rows("val"), self.workers)

    def plain_dataloader(self, rows: NDArray[np.int64], workers: int = 0) -> DataLoader[dict[str, Tensor]]:
        """Return batches of the given rows in their order, without augmentation."""
        subset, batch_size = Subset(self.plain_faces, rows.tolist()), 2 * self.settings.batch_size
        return DataLoader(subset, batch_size, num_workers=workers, collate_fn=_collate)


def check_faces(manifest: Manifest, settings: TrainSettings) -> None:
    """Raise an `InputError` if a manifest has too few training faces or emotions, or no validation faces."""
    rows = manifest.rows("train")
    present = np.unique(manifest.labels[rows])
    if len(rows) < 2 or len(present) < 2:
        names = ", ".join(NAMES[code] for code in present) or "none"
        raise InputError(f"training needs faces of at least two emotions in split train; {manifest.root} has: {names}")
    if settings.batch_size > len(rows):
        raise InputError(f"--batch-size must be at most the {len(rows)} training faces, got {settings.batch_size}")
    if len(manifest.rows("val")) == 0:
        raise InputError(
            f"{manifest.root} has no faces in split val to choose the weights by; prepare with --val-share"
        )


def _collate(items: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Stack faces into a batch; images are (B,3,S,S) with channels last in memory, the fastest layout for convolutions."""
    images = torch.from_numpy(np.stack([item["image"] for item in items]))  # (B,S,S,3)
    return {
        "image": images.permute(0, 3, 1, 2),
        "label": torch.tensor([int(item["label"]) for item in items]),
        "index": torch.tensor([int(item["index"]) for item in items]),
    }
