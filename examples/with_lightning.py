"""Bimodal distribution removal in your own Lightning training: one callback, and one more value that the step returns.

A tenth of the labels of scikit-learn's digits is made wrong. Run it: python examples/with_lightning.py
"""

import lightning.pytorch as pl
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from bimodal import BimodalDistributionRemoval


class Digits(Dataset):
    """Each item has its `index`, with which the callback assigns losses to examples."""

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
        return {"loss": losses.mean(), "sample_loss": losses}  # the callback reads sample_loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main() -> None:
    pl.seed_everything(0, verbose=False)
    rng = np.random.default_rng(0)
    true = load_digits().target
    wrong = rng.random(len(true)) < 0.1
    labels = np.where(wrong, (true + rng.integers(1, 10, len(true))) % 10, true)

    removal = BimodalDistributionRemoval(rule="wang", epoch=6)
    trainer = pl.Trainer(
        max_epochs=10, callbacks=[removal], accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Classifier(), DataLoader(Digits(labels), batch_size=64, shuffle=True))

    removed = removal.remover.steps[0].rows
    print(f"removed {len(removed)} of {len(labels)} digits; {wrong[removed].sum()} of them had wrong labels")


if __name__ == "__main__":
    main()
