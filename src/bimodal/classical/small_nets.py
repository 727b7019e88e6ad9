"""Small fully connected networks on a few principal components of the descriptors, with removal during training."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bimodal.classical.checks import check_codes, finite_features
from bimodal.classical.net_settings import SIMPLE, NetSettings
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.removal import RemovalSettings, Remover

HISTORY = ("epoch", "step", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "examples")


@dataclass(frozen=True, eq=False)
class TrainedNet:
    """A trained network.

    Attributes:
        probabilities: (N,7), predicted for all faces with the weights of the epoch with the best validation accuracy.
        remover: the recorded losses and removals.
        history: one row for each epoch, with the columns `HISTORY`.
    """

    probabilities: NDArray[np.float64]
    remover: Remover
    history: pd.DataFrame


def components(train: ArrayLike, features: ArrayLike, count: int) -> NDArray[np.float32]:
    """Return the leading principal components of standardised features, fitted on training faces, float32 (N,count).

    Their variance over the training faces is 1, or 0 in directions in which these do not vary. The largest loading of each
    component is positive, so that the signs are reproducible.

    Args:
        train: (n,D), finite features of the training faces.
        features: (N,D), finite features of all faces.
        count: number of components, fewer than n and than D.

    Raises:
        InputError: there are too few faces or features, or one is not finite.

    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(50, 8))
    >>> components(features, features, 3).std(axis=0).round(1).tolist()
    [1.0, 1.0, 1.0]
    """
    fitted, everything = finite_features(train), finite_features(features)
    if fitted.shape[1] != everything.shape[1]:
        raise InputError(f"expected features (n,D) and (N,D), got {fitted.shape} and {everything.shape}")
    if not 1 <= count < min(fitted.shape):
        raise InputError(
            f"{count} components need more training faces and more features than components, got {fitted.shape}"
        )
    scaler = StandardScaler().fit(fitted)
    scaled = scaler.transform(fitted)
    if np.abs(scaled).max() < 1e-6:  # all faces are the same up to rounding
        return np.zeros((len(everything), count), dtype=np.float32)
    # as exact as the full singular value decomposition, in a tenth of the time
    pca = PCA(count, svd_solver="arpack", random_state=0).fit(scaled)
    variance = pca.explained_variance_
    scale = np.where(variance > 1e-9 * variance[0], 1 / np.sqrt(np.maximum(variance, 1e-30)), 0)
    return np.asarray(pca.transform(scaler.transform(everything)) * scale, dtype=np.float32)


def train_net(
    inputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    train_rows: NDArray[np.int64],
    val_rows: NDArray[np.int64],
    settings: NetSettings = SIMPLE,
    removal: RemovalSettings | None = None,
    seed: int = 0,
) -> TrainedNet:
    """Train a small network, and predict all faces with the weights of the best validation accuracy.

    The training is a plain loop: with ten inputs, an engine would cost more time than the training. The losses for the
    removal are measured on each batch before its optimiser step, without dropout. Global random state is not changed.

    Args:
        inputs: (N,F), of all faces, finite.
        labels: (N,), codes 0 to 6.
        train_rows, val_rows: which faces to learn from and to choose on.
        settings: the network and its recipe.
        removal: rule and schedule; default: none.
        seed: random seed for weights, data order and dropout, at least 0.

    Raises:
        InputError: no faces to learn from or to choose on, arrays that do not fit, or a loss that is not finite.

    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(90) % 3
    >>> inputs = (rng.normal(size=(90, 2)) + 4 * labels[:, None]).astype(np.float32)
    >>> net = train_net(inputs, labels, np.arange(60), np.arange(60, 90), NetSettings(hidden=(32,), lr=0.03))
    >>> bool((net.probabilities.argmax(axis=1) == labels).mean() > 0.9)
    True
    """
    if len(train_rows) == 0 or len(val_rows) == 0:
        raise InputError(f"expected training and validation faces, got {len(train_rows)} and {len(val_rows)}")
    if inputs.ndim != 2 or labels.shape != inputs.shape[:1] or not np.isfinite(inputs).all():
        raise InputError(f"expected finite inputs (N,F) and labels (N,), got {inputs.shape} and {labels.shape}")
    check_codes(labels[np.concatenate([train_rows, val_rows])])
    masked = np.full(len(labels), -1, dtype=np.int64)
    masked[train_rows] = labels[train_rows]
    remover = Remover(masked, removal or RemovalSettings(rule="none"))
    faces, targets = torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64)
    best: tuple[float, Tensor] = (-1.0, faces)
    history: list[tuple[float, ...]] = []
    step = 0
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net = _build(faces.shape[1], settings)
        optimizer = torch.optim.Adam(net.parameters(), lr=settings.lr)
        for epoch in range(1, settings.epochs + 1):
            rows = np.flatnonzero(remover.kept)
            order = torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(rows))
            loss = right = 0.0
            for batch in torch.split(order, settings.batch_size):
                logits = _logits(net, faces[batch])
                losses = cross_entropy(logits, targets[batch], reduction="none")
                remover.update(batch.numpy(), losses.numpy())
                loss += float(losses.sum())
                right += float((logits.argmax(dim=1) == targets[batch]).sum())
                _take_step(net, optimizer, faces[batch], targets[batch])
                step += 1
            everything = _logits(net, faces)
            val_loss = float(cross_entropy(everything[val_rows], targets[val_rows]))
            val_accuracy = float((everything[val_rows].argmax(dim=1) == targets[val_rows]).double().mean())
            if val_accuracy > best[0]:
                best = (val_accuracy, everything)
            history.append((epoch, step, loss / len(rows), right / len(rows), val_loss, val_accuracy, len(rows)))
            remover.end_epoch()
            if remover.should_stop_training:
                break
    return TrainedNet(best[1].double().softmax(dim=1).numpy(), remover, pd.DataFrame(history, columns=list(HISTORY)))


def _build(inputs: int, settings: NetSettings) -> nn.Sequential:
    layers: list[nn.Module] = []
    widths = (inputs, *settings.hidden)
    for width, hidden in pairwise(widths):
        layers.append(nn.Linear(width, hidden))
        if settings.batch_norm:
            layers.append(nn.BatchNorm1d(hidden))
        layers += [nn.ReLU(), nn.Dropout(settings.dropout)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], len(NAMES)))


def _take_step(net: nn.Module, optimizer: torch.optim.Optimizer, faces: Tensor, targets: Tensor) -> None:
    net.train(len(faces) > 1)  # batch norm needs more than one face
    optimizer.zero_grad()
    loss: Tensor = cross_entropy(net(faces), targets)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@torch.no_grad()
def _logits(net: nn.Module, faces: Tensor) -> Tensor:
    net.eval()
    logits: Tensor = net(faces)
    return logits
