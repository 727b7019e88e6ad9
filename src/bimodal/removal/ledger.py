"""Per-example losses and predicted probabilities over the epochs, in memory that does not grow with the epochs."""

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.removal.moments import moments

_CHUNK = 1 << 20


@dataclass(frozen=True)
class EpochSummary:
    """The number of examples in an epoch, and mean and variance of their losses (paper, figure 7).

    `normalised_variance`, 0 to 0.25, is the variance of the losses divided by the largest one, so that they lie in 0 to 1 like
    the errors of Slade & Gedeon (1993).
    """

    examples: int
    mean: float
    variance: float
    normalised_variance: float


class LossLedger:
    """Records the last and the mean loss, and the mean predicted probabilities, of each of `size` examples.

    Call `update` with each batch and `end_epoch` after the last one. In one epoch an example counts once: repeats, with
    which samplers of several processes fill the epoch, are ignored.

    Args:
        size: number of examples, the upper bound of the indices.
        trace: also keep the losses of every epoch, in `trace`; this needs 4 bytes for each example and epoch.

    Attributes:
        last: (size,) float32, the loss in the latest epoch with the example; NaN before.
        mean: (size,) float32, the mean loss over the epochs with the example; NaN before.
        count: (size,) uint32, the number of epochs with the example.
        epochs: an `EpochSummary` for each finished epoch.
        trace: a (size,) float32 array for each finished epoch, NaN for examples not in it; None without `trace`.
        pred_probs: (size, C) float32, the predicted probabilities averaged over the epochs with the example. Epoch e has
            weight e: later networks predict better, and early ones have not memorised labels yet. NaN before; None as
            long as no logits were given.

    Raises:
        InputError: for a size below 1.

    >>> ledger = LossLedger(3)
    >>> ledger.update([0, 2], [1.0, 3.0])
    >>> ledger.end_epoch().mean
    2.0
    >>> ledger.last.tolist()
    [1.0, nan, 3.0]
    """

    def __init__(self, size: int, trace: bool = False) -> None:
        if size < 1:
            raise InputError(f"a ledger needs at least one example, got {size}")
        self.last, self.mean = np.full((2, size), np.nan, dtype=np.float32)
        self.count: NDArray[np.uint32] = np.zeros(size, dtype=np.uint32)
        self.epochs: list[EpochSummary] = []
        self.trace: list[NDArray[np.float32]] | None = [] if trace else None
        self.pred_probs: NDArray[np.float32] | None = None
        self._weights: NDArray[np.float32] = np.zeros(size, dtype=np.float32)
        self._in_epoch: NDArray[np.bool_] = np.zeros(size, dtype=bool)

    def __len__(self) -> int:
        return self.last.size

    def update(self, index: ArrayLike, losses: ArrayLike, logits: ArrayLike | None = None) -> None:
        """Record the losses of a batch, and its logits.

        Args:
            index: (B,) integers, 0 to size - 1, the position of each example.
            losses: (B,) finite numbers.
            logits: (B, C) finite numbers; either all batches have logits or none.

        Raises:
            InputError: for shapes that do not fit each other or the ledger, or values that are not finite; the ledger
                stays unchanged.
        """
        index, losses = np.asarray(index), np.asarray(losses, dtype=np.float32)
        if index.ndim != 1 or index.shape != losses.shape:
            raise InputError(f"expected an index and a loss for each example, got shapes {index.shape}, {losses.shape}")
        if index.size == 0:
            return
        if index.dtype.kind not in "iu" or index.min() < 0 or index.max() >= len(self):
            raise InputError(f"indices must be integers from 0 to {len(self) - 1}, got {index.min()} to {index.max()}")
        if not np.isfinite(losses).all():
            raise InputError(f"losses must be finite, but that of example {index[~np.isfinite(losses)][0]} is not")
        if logits is None and self.pred_probs is not None:
            raise InputError("earlier batches had logits, so every batch needs them; got none")
        scores = None if logits is None else np.asarray(logits, dtype=np.float32)
        if scores is not None:
            self._check_logits(scores, index.size)
        for start in range(0, index.size, _CHUNK):
            rows = index[start : start + _CHUNK]
            _, first = np.unique(rows, return_index=True)  # of repeats within the chunk
            new = np.sort(first)
            new = new[~self._in_epoch[rows[new]]]
            self._record(rows[new], losses[start + new])
            if scores is not None:
                self._average(rows[new], scores[start + new])

    def _check_logits(self, scores: NDArray[np.float32], count: int) -> None:
        classes = None if self.pred_probs is None else self.pred_probs.shape[1]
        if scores.ndim != 2 or len(scores) != count or scores.shape[1] < 2 or classes not in (None, scores.shape[1]):
            raise InputError(
                f"expected logits of {count} examples for {classes or 'at least 2'} classes, got {scores.shape}"
            )
        if not np.isfinite(scores).all():
            raise InputError("logits must be finite")

    def _record(self, index: NDArray[np.integer], losses: NDArray[np.float32]) -> None:
        self._in_epoch[index] = True
        self.count[index] += 1
        before = np.nan_to_num(self.mean[index])
        self.mean[index] = before + (losses - before) / self.count[index]
        self.last[index] = losses

    def _average(self, index: NDArray[np.integer], logits: NDArray[np.float32]) -> None:
        if self.pred_probs is None:
            self.pred_probs = np.full((len(self), logits.shape[1]), np.nan, dtype=np.float32)
        weight = np.float32(len(self.epochs) + 1)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        before = np.nan_to_num(self.pred_probs[index])
        self._weights[index] += weight
        self.pred_probs[index] = before + (probabilities - before) * (weight / self._weights[index])[:, None]

    def end_epoch(self) -> EpochSummary:
        """Close the epoch and return its summary, which is also appended to `epochs`; an epoch has at least one example."""
        losses = self.last[self._in_epoch]
        if losses.size == 0:
            raise InputError("end_epoch was called before any loss was recorded; call update with each batch")
        mean, std = moments(losses)
        largest = float(losses.max())
        normalised = (std / largest) ** 2 if largest > 0 else 0.0
        self.epochs.append(EpochSummary(losses.size, mean, std**2, normalised))
        if self.trace is not None:
            self.trace.append(np.where(self._in_epoch, self.last, np.float32(np.nan)))
        self._in_epoch[:] = False
        return self.epochs[-1]

    def state_dict(self) -> dict[str, Any]:
        """Return everything that `load_state_dict` needs to continue exactly; arrays and plain values only."""
        return {
            "last": self.last.copy(),
            "mean": self.mean.copy(),
            "count": self.count.astype(np.int64),  # a type that PyTorch checkpoints support
            "epochs": [astuple(summary) for summary in self.epochs],
            "trace": None if self.trace is None else [losses.copy() for losses in self.trace],
            "pred_probs": None if self.pred_probs is None else self.pred_probs.copy(),
            "weights": self._weights.copy(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict()` taken between two epochs, of a ledger with as many examples."""
        if len(state["last"]) != len(self):
            raise InputError(f"the saved ledger has {len(state['last'])} examples, this one {len(self)}")
        self.last = np.array(state["last"], dtype=np.float32)
        self.mean = np.array(state["mean"], dtype=np.float32)
        self.count = np.array(state["count"], dtype=np.uint32)
        self.epochs = [EpochSummary(*numbers) for numbers in state["epochs"]]
        self.trace = None if state["trace"] is None else [np.array(t, dtype=np.float32) for t in state["trace"]]
        probs = state["pred_probs"]
        self.pred_probs = None if probs is None else np.array(probs, dtype=np.float32)
        self._weights = np.array(state["weights"], dtype=np.float32)
        self._in_epoch[:] = False
