"""How the loss of one face developed in a training of the same faces, beside the median of its class."""

import threading
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.runs.run import Run

_KEPT_S = 5.0  # for which a choice of the run stands: the folders are not searched for each face


@dataclass(frozen=True)
class LossHistory:
    """The losses of a face in a training.

    Attributes:
        run: the name of the run folder.
        mean: cross-entropy, averaged over the epochs in which the face was in training.
        last: of the last of these epochs.
        epochs: how many.
        above: share of the training faces with a lower mean loss, 0 to 1.
        removed_after: the epoch after which the run removed the face; None if it did not.
        by_epoch: of each epoch of the training, None for those without the face; empty if the run has kept only the above.
        class_median: the same, the median over the faces with the same label that were in training.
    """

    run: str
    mean: float
    last: float
    epochs: int
    above: float
    removed_after: int | None
    by_epoch: list[float | None]
    class_median: list[float | None]


class TrainingLosses:
    """The losses of all faces in one run of their training split."""

    def __init__(self, run: Run) -> None:
        """Read `losses.npz` and the labels with which the run was trained.

        Raises:
            InputError: the run is unfinished or damaged.
        """
        losses, self._run = run.losses, run.name
        self._mean, self._last = losses["mean"].astype(np.float64), losses["last"].astype(np.float64)
        self._count, self._kept = losses["count"], losses["kept"]
        self._by_epoch: NDArray[np.float32] | None = losses.get("by_epoch")
        rows, table = losses["rows"], run.manifest
        if len(rows) and rows.max() >= len(table):
            raise InputError(f"{run.path}: losses.npz has rows that manifest.csv lacks; the run is damaged")
        self._labels = table["label"].to_numpy()[rows]
        self._position = {int(row): position for position, row in enumerate(rows)}

    @property
    def has_epochs(self) -> bool:
        """Whether the run has kept the losses of each epoch."""
        return self._by_epoch is not None

    def of(self, row: int) -> LossHistory | None:
        """Return the losses of a row of the manifest; None if it has never been in training."""
        at = self._position.get(row)
        if at is None or not self._count[at] or not np.isfinite(self._mean[at]):
            return None
        own = np.zeros(0, np.float32) if self._by_epoch is None else self._by_epoch[at]
        epochs = np.flatnonzero(np.isfinite(own)) + 1
        return LossHistory(
            self._run,
            float(self._mean[at]),
            float(self._last[at]),
            int(self._count[at]),
            float((self._mean < self._mean[at]).sum() / max(len(self._mean) - 1, 1)),
            int(epochs[-1]) if len(epochs) and not self._kept[at] else None,
            _numbers(own),
            _numbers(self._medians.get(self._labels[at], own[:0])),
        )

    @cached_property
    def _medians(self) -> dict[str, NDArray[np.float32]]:
        """The median of each epoch by label, (epochs,)."""
        by_epoch = self._by_epoch
        if by_epoch is None:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a class all of whose faces have been removed
            return {label: np.nanmedian(by_epoch[self._labels == label], axis=0) for label in set(self._labels)}


class LossHistories:
    """The losses of faces in the newest finished run that was trained on them. Threads may share it."""

    def __init__(self, runs: Callable[[], Iterable[Path]], kept_s: float = _KEPT_S) -> None:
        """Name the runs.

        Args:
            runs: returns the folders of the runs that are there now.
            kept_s: seconds for which a choice stands before the runs are searched again.
        """
        self._runs, self._kept_s, self._lock = runs, kept_s, threading.Lock()
        self._read: dict[tuple[Path, int], TrainingLosses | None] = {}
        self._chosen: TrainingLosses | None = None
        self._until = 0.0

    def of(self, manifest: Manifest, row: int) -> LossHistory | None:
        """Return the losses of a face; None if no finished run was trained on these faces and labels."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._chosen = self._choose(manifest.fingerprint)
                self._until = time.monotonic() + self._kept_s
            chosen = self._chosen
        return chosen.of(row) if chosen is not None else None

    def _choose(self, fingerprint: str) -> TrainingLosses | None:
        """Return the losses of the newest run; one that has kept the losses of each epoch goes before one that has not."""
        found: dict[tuple[Path, int], TrainingLosses | None] = {}
        for path in self._runs():
            try:
                key = path, (path / "losses.npz").stat().st_mtime_ns
            except OSError:
                continue
            found[key] = self._read[key] if key in self._read else _read(path, fingerprint)
        self._read = found
        usable = [(losses.has_epochs, key[1], losses) for key, losses in found.items() if losses is not None]
        return max(usable, key=lambda each: each[:2])[2] if usable else None


def _read(path: Path, fingerprint: str) -> TrainingLosses | None:
    try:
        run = Run.open(path)
        return TrainingLosses(run) if run.is_finished and run.was_trained_on(fingerprint) else None
    except (InputError, OSError):
        return None  # the tab Runs says what is wrong with it


def _numbers(values: NDArray[np.float32]) -> list[float | None]:
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]
