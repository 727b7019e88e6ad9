"""A recipe as a plain PyTorch script, and what can be made of it: the other methods of training_speed.py. It does not use the
training of bimodal."""

import csv
import io
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, DistributedSampler
from torchvision import transforms as T

from bimodal.emotions import CODES


class Pictures(Dataset[Any]):
    """The training pictures of a data folder; each access decodes and resizes the picture."""

    def __init__(self, folder: Path, side: int, augment: bool) -> None:
        with open(folder / "manifest.csv", encoding="utf-8", newline="") as file:
            self.rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
        self.folder = folder
        changes = [
            T.ColorJitter(brightness=0.2),
            T.RandomAffine(15, translate=(0.0625, 0.0625), scale=(0.9, 1.1)),
            T.Lambda(compress),
            T.ColorJitter(saturation=0.2, hue=0.05),
        ]
        augmentation = [T.RandomHorizontalFlip(), *(T.RandomApply([change], p=0.5) for change in changes)]
        self.transform = T.Compose(
            [
                T.Resize((side, side)),
                *(augmentation if augment else []),
                T.ToTensor(),
                T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.folder / self.rows[i]["image"]) as picture:
            return self.transform(picture.convert("RGB")), CODES[self.rows[i]["label"]]


def compress(picture: Image.Image) -> Image.Image:
    """Compress and decompress as JPEG of quality 60 to 100."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=random.randint(60, 100))
    return Image.open(buffer).convert("RGB")


def in_seeds_order(pictures: Pictures, batch_size: int, seed: int) -> DataLoader[Any]:
    """Return batches in the order of `bimodal train` with this seed, so that the losses can be compared."""
    return DataLoader(pictures, batch_size, sampler=DistributedSampler(pictures, 1, 0, seed=seed))


def train(
    model: nn.Module,
    loader: DataLoader[Any],
    epochs: int,
    lr: float,
    begin: Callable[[], None],
    end: Callable[[], None],
) -> list[float]:
    """Train in the plainest way; `begin` and `end` are called around each epoch. Return the loss of each step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return _train(model, optimizer, _epochs(loader, loader.sampler, epochs), begin, end)


def _train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    epochs: Iterable[Iterable[tuple[torch.Tensor, torch.Tensor]]],
    begin: Callable[[], None],
    end: Callable[[], None],
    backward: Callable[[torch.Tensor], None] = torch.Tensor.backward,
    uses_bf16: bool = False,
) -> list[float]:
    """The loop that all methods but Lightning share."""
    losses = []
    model.train()
    for batches in epochs:
        begin()
        for images, labels in batches:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=uses_bf16):
                loss = cross_entropy(model(images), labels)
            backward(loss)
            optimizer.step()
            losses.append(loss.item())
        end()
    return losses


def _epochs(loader: DataLoader[Any], sampler: Any, epochs: int) -> Iterator[DataLoader[Any]]:
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        yield loader


class PlainModule(pl.LightningModule):
    """The same training as a LightningModule."""

    def __init__(self, model: nn.Module, lr: float, begin: Callable[[], None], end: Callable[[], None]) -> None:
        super().__init__()
        self.model, self.lr, self.begin, self.end = model, lr, begin, end
        self.losses: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = cross_entropy(self.model(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)

    def on_train_epoch_start(self) -> None:
        self.begin()

    def on_train_epoch_end(self) -> None:
        self.end()


def train_with_lightning(
    model: nn.Module,
    loader: DataLoader[Any],
    epochs: int,
    lr: float,
    begin: Callable[[], None],
    end: Callable[[], None],
) -> list[float]:
    """Train as `train` does, with Lightning and its defaults."""
    module = PlainModule(model, lr, begin, end)
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    pl.Trainer(accelerator="cpu", max_epochs=epochs, enable_model_summary=False, **quiet).fit(module, loader)
    return module.losses


def train_with_accelerate(
    model: nn.Module,
    loader: DataLoader[Any],
    epochs: int,
    lr: float,
    begin: Callable[[], None],
    end: Callable[[], None],
    uses_bf16: bool,
) -> list[float]:
    """Train as `train` does, with Hugging Face accelerate and the faster precision."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if uses_bf16 else "no")
    sampler: Any = loader.sampler  # accelerate may wrap the DataLoader, not its sampler
    model, optimizer, loader = accelerator.prepare(model, torch.optim.Adam(model.parameters(), lr=lr), loader)
    return _train(model, optimizer, _epochs(loader, sampler, epochs), begin, end, accelerator.backward)


def train_in_memory(
    model: nn.Module,
    loader: DataLoader[Any],
    epochs: int,
    lr: float,
    begin: Callable[[], None],
    end: Callable[[], None],
    uses_bf16: bool,
) -> list[float]:
    """Train on batches that are made once and stay in memory: no loading, no augmentation, nothing is recorded."""
    batches = [(images.contiguous(memory_format=torch.channels_last), labels) for images, labels in loader]
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    return _train(model, optimizer, repeat(batches, epochs), begin, end, uses_bf16=uses_bf16)
