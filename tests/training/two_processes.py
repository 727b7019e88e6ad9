"""Train a model with known losses; run by test_callback as a script to train on two processes."""

import json
import sys

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, Dataset

from bimodal.training.callback import BimodalDistributionRemoval

SIZE = 101  # odd, so that two processes pad the epoch with a repeat


class Numbers(Dataset):
    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, index: int) -> dict[str, int]:
        return {"index": index, "label": index % 7}


class KnownLosses(pl.LightningModule):
    """The loss of an example depends on its index and the epoch alone."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[list[int]] = []

    def on_train_epoch_start(self) -> None:
        self.seen.append([])

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> dict[str, torch.Tensor]:
        index = batch["index"]
        self.seen[-1] += index.tolist()
        losses = ((index * 37) % SIZE / 20.0) ** 2 / (self.current_epoch + 1)
        predicted = torch.where(index % 4 == 0, index + 3, index) % 7  # differs from every fourth label
        logits = 2 * torch.nn.functional.one_hot(predicted, 7) + torch.sin(index[:, None] * torch.arange(7))
        return {"loss": (self.weight * losses).mean(), "sample_loss": losses, "logits": logits}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def train(devices: int, workers: int, rule: str) -> dict[str, list] | None:
    """Return the removals (epoch, threshold, rows) and the examples of each epoch; None in all processes but the first."""
    removal = BimodalDistributionRemoval(rule, epoch=2, every=2, min_per_class=2)
    module = KnownLosses()
    trainer = pl.Trainer(
        accelerator="cpu", devices=devices, strategy="ddp" if devices > 1 else "auto", max_epochs=7,
        callbacks=[removal], logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    context = "forkserver" if workers else None  # a fork of this process, whose other threads hold locks, can hang
    loader = DataLoader(Numbers(), batch_size=10, shuffle=True, num_workers=workers, multiprocessing_context=context)
    trainer.fit(module, loader)
    seen: list = [module.seen]
    if devices > 1:
        seen = [None] * devices
        torch.distributed.all_gather_object(seen, module.seen)
    if not trainer.is_global_zero:
        return None
    epochs = [[i for part in parts for i in part] for parts in zip(*seen, strict=True)]
    return {"steps": [[s.epoch, s.threshold, s.rows.tolist()] for s in removal.remover.steps], "epochs": epochs}


if __name__ == "__main__":
    result = train(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    if result is not None:
        print("RESULT " + json.dumps(result))
