"""Bimodal distribution removal in a plain PyTorch loop: record the losses of each batch, and close each epoch.

A tenth of the labels of scikit-learn's digits is made wrong. Run it: python examples/with_plain_torch.py
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

from bimodal import Remover
from bimodal.removal import RemovalSettings


def main() -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    digits = load_digits()
    wrong = rng.random(len(digits.target)) < 0.1
    labels = np.where(wrong, (digits.target + rng.integers(1, 10, len(wrong))) % 10, digits.target)
    images, targets = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(labels)

    net = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    remover = Remover(labels, RemovalSettings(epoch=6))

    for _ in range(10):
        for rows in torch.tensor(rng.permutation(np.flatnonzero(remover.kept))).split(64):
            losses = cross_entropy(net(images[rows]), targets[rows], reduction="none")
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
            remover.update(rows.numpy(), losses.detach().numpy())
        step = remover.end_epoch()
        if step is not None:
            print(
                f"after epoch {step.epoch}: removed {len(step.rows)} digits with a loss above {step.threshold:.2f}; "
                f"{wrong[step.rows].sum()} of them had wrong labels"
            )


if __name__ == "__main__":
    main()
