"""Bimodal distribution removal in a Lightning training of your own: one callback, one more value to return.

Digits with a tenth of the training labels wrong. Run it: python examples/with_lightning.py
"""

import lightning.pytorch as pl
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from bimodal.removal import RemovalSettings
from bimodal.training.callback import BimodalDistributionRemoval


class Digits(Dataset):
    """Each item says which one it is: that is how the callback knows whom a loss belongs to."""

    def __init__(self, labels: np.ndarray) -> None:
        self.images = torch.tensor(load_digits().data / 16, dtype=torch.float32)
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, object]:
        return {"image": self.images[index], "label": int(self.labels[index]), "index": index}


class Classifier(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> dict[str, torch.Tensor]:
        losses = cross_entropy(self.net(batch["image"]), batch["label"], reduction="none")
        return {"loss": losses.mean(), "sample_loss": losses}  # sample_loss is all that the callback asks for

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main() -> None:
    pl.seed_everything(0, verbose=False)
    rng = np.random.default_rng(0)
    true = load_digits().target
    wrong = rng.random(len(true)) < 0.1
    labels = np.where(wrong, (true + rng.integers(1, 10, len(true))) % 10, true)

    removal = BimodalDistributionRemoval(RemovalSettings(epoch=6))
    trainer = pl.Trainer(
        max_epochs=10, callbacks=[removal], accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Classifier(), DataLoader(Digits(labels), batch_size=64, shuffle=True))

    gone = removal.remover.steps[0].rows
    print(f"removed {len(gone)} of {len(labels)} digits; {wrong[gone].sum()} of them were truly wrong")


if __name__ == "__main__":
    main()
