"""The earlier work's small networks on a few principal components, with removal while they train.

The paper (section 4) prints their accuracies and says what goes in; widths, rates and epochs are ours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.removal import RemovalSettings, Remover


@dataclass(frozen=True)
class NetSettings:
    """A small network and how it is trained.

    Attributes:
        hidden: widths of the hidden layers.
        batch_norm: whether each is normalised.
        dropout: after each, 0 to 1.
        epochs, batch_size, lr: of Adam.
    """

    hidden: tuple[int, ...]
    batch_norm: bool = False
    dropout: float = 0.0
    epochs: int = 40
    batch_size: int = 64
    lr: float = 1e-3


SIMPLE = NetSettings(hidden=(32,))
DEEP = NetSettings(hidden=(128, 64, 32), batch_norm=True, dropout=0.3)
REMOVAL_EPOCH = 10
"""After which the paper's step is taken: later, so small a network knows its training faces by heart."""


@dataclass(frozen=True, eq=False)
class TrainedNet:
    """A trained network: what it says of all faces, and how it came to it.

    Attributes:
        probabilities: (N,7), with the weights of the best validation accuracy.
        remover: ledger of losses and removals.
        history: a row an epoch: epoch, step, train_loss, train_accuracy, val_loss, val_accuracy, examples.
    """

    probabilities: NDArray[np.float64]
    remover: Remover
    history: pd.DataFrame


def components(train: ArrayLike, features: ArrayLike, count: int) -> NDArray[np.float32]:
    """Return the leading principal components of features, fitted on training faces, with variance 1 there.

    Args:
        train: (n,D), the training faces' features.
        features: (N,D), all faces'.
        count: components, at most min(n, D).

    Returns:
        float32 (N,count); in each component the largest loading is positive, so that signs are always the same.

    Raises:
        InputError: too few faces or features.

    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(50, 8))
    >>> components(features, features, 3).std(axis=0).round(1).tolist()
    [1.0, 1.0, 1.0]
    """
    known, everything = np.asarray(train, dtype=np.float64), np.asarray(features, dtype=np.float64)
    if count > min(known.shape):
        raise InputError(f"{count} components need as many training faces and features, got {known.shape}")
    scaler = StandardScaler().fit(known)
    pca = PCA(count, svd_solver="full").fit(scaler.transform(known))
    largest = np.take_along_axis(pca.components_, np.abs(pca.components_).argmax(axis=1)[:, None], axis=1)
    projected = pca.transform(scaler.transform(everything)) * np.sign(largest[:, 0])
    spread = np.sqrt(np.maximum(pca.explained_variance_, 1e-12))
    return np.asarray(projected / spread, dtype=np.float32)


def train_net(
    inputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    train_rows: NDArray[np.int64],
    val_rows: NDArray[np.int64],
    settings: NetSettings = SIMPLE,
    removal: RemovalSettings | None = None,
    seed: int = 0,
) -> TrainedNet:
    """Train a small network; the weights of the best validation accuracy are kept.

    A plain loop: with ten inputs a training engine would cost more than the training. The losses for removal are
    measured without dropout, after each step, on that step's faces.

    Args:
        inputs: (N,F), of all faces.
        labels: (N,), codes.
        train_rows, val_rows: which faces to learn from and to choose on.
        settings: the network and its recipe.
        removal: rule and schedule; default: none.
        seed: of weights, order and dropout.

    Raises:
        InputError: no faces to learn from or to choose on.

    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(90) % 3
    >>> inputs = (rng.normal(size=(90, 2)) + 4 * labels[:, None]).astype(np.float32)
    >>> net = train_net(inputs, labels, np.arange(60), np.arange(60, 90), NetSettings(hidden=(32,), lr=0.03))
    >>> bool((net.probabilities.argmax(axis=1) == labels).mean() > 0.9)
    True
    """
    if len(train_rows) == 0 or len(val_rows) == 0:
        raise InputError(f"expected training and validation faces, got {len(train_rows)} and {len(val_rows)}")
    masked = np.full(len(labels), -1, dtype=np.int64)
    masked[train_rows] = labels[train_rows]
    remover = Remover(masked, removal or RemovalSettings(rule="none"))
    faces, targets = torch.from_numpy(inputs), torch.from_numpy(labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _build(inputs.shape[1], settings)
        optimizer = torch.optim.Adam(net.parameters(), lr=settings.lr)
        best: tuple[float, NDArray[np.float64]] = (-1.0, np.empty(0))
        history: list[dict[str, float]] = []
        step = 0
        for epoch in range(1, settings.epochs + 1):
            rows = np.flatnonzero(remover.kept)
            order = torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(rows))
            loss_sum = right = 0.0
            for batch in torch.split(order, settings.batch_size):
                logits = _step(net, optimizer, faces[batch], targets[batch])
                losses = cross_entropy(logits, targets[batch], reduction="none")
                remover.update(batch.numpy(), losses.numpy())
                loss_sum += float(losses.sum())
                right += float((logits.argmax(dim=1) == targets[batch]).sum())
                step += 1
            everything = _logits(net, faces)
            val_loss = float(cross_entropy(everything[val_rows], targets[val_rows]))
            val_accuracy = float((everything[val_rows].argmax(dim=1) == targets[val_rows]).float().mean())
            if val_accuracy > best[0]:
                best = (val_accuracy, everything.double().softmax(dim=1).numpy())
            history.append(
                {
                    "epoch": epoch,
                    "step": step,
                    "train_loss": loss_sum / len(rows),
                    "train_accuracy": right / len(rows),
                    "val_loss": val_loss,
                    "val_accuracy": val_accuracy,
                    "examples": len(rows),
                }
            )
            remover.end_epoch()
            if remover.should_stop_training:
                break
    return TrainedNet(best[1], remover, pd.DataFrame(history))


def _build(inputs: int, settings: NetSettings) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = inputs
    for hidden in settings.hidden:
        layers.append(nn.Linear(width, hidden))
        if settings.batch_norm:
            layers.append(nn.BatchNorm1d(hidden))
        layers.append(nn.ReLU())
        if settings.dropout:
            layers.append(nn.Dropout(settings.dropout))
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, len(NAMES)))


def _step(net: nn.Module, optimizer: Any, faces: Tensor, targets: Tensor) -> Tensor:
    """Take one step; return what the network says of these faces then, without dropout."""
    net.train(len(faces) > 1)  # batch norm has no statistics of a single face
    optimizer.zero_grad()
    loss: Any = cross_entropy(net(faces), targets)
    loss.backward()
    optimizer.step()
    return _logits(net, faces)


@torch.no_grad()
def _logits(net: nn.Module, faces: Tensor) -> Tensor:
    net.eval()
    logits: Tensor = net(faces)
    return logits
