"""Batches of faces as `{"image", "label", "index"}`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset

from bimodal.data.manifest import Manifest
from bimodal.training.augmentation import Transform


class FaceDataset(Dataset[dict[str, Any]]):
    """All faces of a manifest; item `i` is row `i` of the manifest. Use a `Subset` for one split.

    Args:
        manifest: N faces.
        pictures: uint8 (N,S,S,3), from `decoded`.
        transform: augmentation, or normalisation only.
        seed: random seed; the augmentation of a face depends on (seed, epoch, row) only.

    Attributes:
        epoch: the current epoch, from 0; the caller sets it.
    """

    def __init__(self, manifest: Manifest, pictures: NDArray[np.uint8], transform: Transform, seed: int = 0) -> None:
        self.labels = manifest.labels
        self.pictures = pictures
        self.transform = transform
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> dict[str, Any]:
        seed = np.random.SeedSequence((self.seed, self.epoch, row)).generate_state(1)[0]
        image = self.transform(np.asarray(self.pictures[row]), int(seed) % 2**31)
        return {"image": image, "label": self.labels[row], "index": row}


def collate(items: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Stack faces into a batch; images are (B,3,S,S) with channels last in memory, the fastest layout for convolutions."""
    images = torch.from_numpy(np.stack([item["image"] for item in items]))  # (B,S,S,3)
    return {
        "image": images.permute(0, 3, 1, 2),
        "label": torch.tensor([int(item["label"]) for item in items]),
        "index": torch.tensor([int(item["index"]) for item in items]),
    }


def train_loader(
    dataset: FaceDataset,
    rows: NDArray[np.int64],
    batch_size: int,
    *,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
) -> DataLoader[dict[str, Tensor]]:
    """Return the shuffled batches of some rows, for one of `world_size` processes.

    The order depends on (seed, epoch) only, so that a resumed run gets the batches of an uninterrupted one. The last batch
    of an epoch is smaller, as in the paper (891 faces in 14 steps of 64).
    """
    subset = Subset(dataset, rows.tolist())
    sampler: DistributedSampler[Any] = DistributedSampler(subset, world_size, rank, shuffle=True, seed=seed)
    return DataLoader(subset, batch_size, sampler=sampler, num_workers=workers, collate_fn=collate)


def plain_loader(
    dataset: FaceDataset, rows: NDArray[np.int64], batch_size: int, workers: int = 0
) -> DataLoader[dict[str, Tensor]]:
    """Return batches of some rows in their order, each row once."""
    return DataLoader(Subset(dataset, rows.tolist()), batch_size, num_workers=workers, collate_fn=collate)
