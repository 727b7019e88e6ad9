"""Bimodal distribution removal as a callback for any Lightning training."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning_utilities.core.apply_func import apply_to_collection
from numpy.typing import NDArray
from torch import Tensor, distributed
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler, SequentialSampler, Subset

from bimodal.errors import InputError
from bimodal.removal import RULES, RemovalSettings, Remover
from bimodal.training.sampler import BatchShareSampler

_UNKNOWN_CLASS = np.iinfo(np.int64).max  # until the first epoch has shown the labels
_SAME_OPTIONS = (
    *("num_workers", "collate_fn", "pin_memory", "drop_last", "timeout", "worker_init_fn"),
    *("multiprocessing_context", "generator", "prefetch_factor", "persistent_workers"),
)
Losses = dict[str, NDArray[Any]]
"""The losses of an epoch: `index` (n,), `loss` (n,) and `label` (n,); with logits also `predicted` (n,) and `confidence` (n,),
and `logits` (n, C) if predicted probabilities are recorded."""


class BimodalDistributionRemoval(pl.Callback):
    """Removes examples with implausible labels from the training set while a LightningModule trains.

    Requirements: each training batch is a mapping with `index` (B,), the position of each example in the dataset, and
    `label` (B,), its class; `training_step` returns a mapping with `loss` and `sample_loss` (B,), the loss of each
    example, best measured without dropout. If it also returns `logits` (B, C), the prediction for each removed example is
    recorded; the rule `two-modes` needs them.

    After each epoch the rule decides; from the next epoch on, the training DataLoader is rebuilt without the removed
    examples. Validation and test sets never change. Several processes remove the same examples as one. The state is part of
    the checkpoint. For a `torch.utils.data.Subset`, `index` is the position in the underlying dataset.

    Args:
        rule: name of a registered rule: `wang` (the paper's), `slade-gedeon`, `two-modes` or `none`.
        settings: complete settings, in place of `rule` and `changes`.
        measure: returns the losses of an epoch for the given positions, in place of those of the training pass.
        trace: keep the losses of every epoch in `remover.ledger.trace`.
        pred_probs: record predicted probabilities in `remover.ledger.pred_probs`; always on if the rule needs them.
        **changes: fields of `RemovalSettings`, such as `epoch=6, k=1.0, max_share=0.2`; the others keep the rule's defaults.

    Attributes:
        remover: losses, the examples that are still in training, and the removals so far.
        predictions_at_removal: for each removed example, the predicted class at that time and its probability.

    Raises:
        InputError: for settings outside their range; in `fit`, if a batch or a step lacks a required value, or the
            DataLoader has a sampler that cannot be rebuilt.

    Example:
        >>> from lightning.pytorch import Trainer
        >>> trainer = Trainer(callbacks=[BimodalDistributionRemoval(rule="wang", epoch=6, k=1.0)], logger=False)
    """

    def __init__(
        self,
        rule: str = "wang",
        *,
        settings: RemovalSettings | None = None,
        measure: Callable[[NDArray[np.int64]], Losses] | None = None,
        trace: bool = False,
        pred_probs: bool = False,
        **changes: Any,
    ) -> None:
        if settings is not None and changes:
            raise InputError(f"expected either settings or single values, got settings and {', '.join(changes)}")
        self.settings = settings or RemovalSettings.preset(rule, **changes)
        self.measure, self.trace = measure, trace
        self.pred_probs = pred_probs or RULES[self.settings.rule].needs_pred_probs
        self._remover: Remover | None = None
        self._saved: dict[str, Any] | None = None
        self._batches: list[dict[str, Tensor]] = []
        self.predictions_at_removal: dict[int, tuple[int, float]] = {}

    @property
    def remover(self) -> Remover:
        """Losses, the examples that are still in training, and the removals so far; available once training has begun."""
        if self._remover is None:
            raise RuntimeError("there is no remover before Lightning has built the training DataLoader; call fit first")
        return self._remover

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # Lightning gets every training DataLoader from this object, wherever the user defined it; there is no public hook.
        source = trainer.fit_loop._data_source
        if stage == "fit" and not isinstance(source, _SourceWithoutRemoved):
            trainer.fit_loop._data_source = _SourceWithoutRemoved(source, self)  # type: ignore[assignment]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.remover.ledger.epochs and self.remover.should_stop_training:  # resumed after the halt
            trainer.should_stop = True

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning has already reloaded the DataLoader for this epoch.
        trainer.reload_dataloaders_every_n_epochs = 0  # type: ignore[attr-defined]
        self._batches = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.measure is not None:
            return
        try:
            losses = {"index": batch["index"], "label": batch["label"], "loss": outputs["sample_loss"].detach().float()}
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(
                "BimodalDistributionRemoval needs batches with 'index' and 'label', and a training_step that returns "
                f"'loss' and 'sample_loss' (one loss for each example); missing: {error}"
            ) from error
        if "logits" in outputs:
            logits = outputs["logits"].detach().float()
            losses["confidence"], losses["predicted"] = logits.softmax(dim=1).max(dim=1)
            if self.pred_probs:
                losses["logits"] = logits
        self._batches.append(losses)  # on their device: a copy to the CPU would wait for it

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.measure is None:
            losses = {key: torch.cat([b[key] for b in self._batches]).cpu().numpy() for key in self._batches[0]}
        else:
            losses = self.measure(np.flatnonzero(self.remover.kept))
        self._batches = []
        losses, remover = _gather(losses), self.remover
        remover.labels[losses["index"]] = losses["label"]
        remover.update(losses["index"], losses["loss"], losses.get("logits") if self.pred_probs else None)
        step = remover.end_epoch()
        if step is not None:
            # The length of a DataLoader is fixed when it is built, and with several processes Lightning builds its sampler.
            trainer.reload_dataloaders_every_n_epochs = 1  # type: ignore[attr-defined]
            if "predicted" in losses:
                rows = np.isin(losses["index"], step.rows)
                predictions = zip(losses["predicted"][rows].tolist(), losses["confidence"][rows].tolist(), strict=True)
                self.predictions_at_removal |= zip(losses["index"][rows].tolist(), predictions, strict=True)
        if remover.should_stop_training:
            trainer.should_stop = True

    def without_removed(self, loader: Any) -> Any:
        """Return the training DataLoader without the removed examples; the same DataLoader if none has been removed."""
        if not isinstance(loader, DataLoader) or loader.batch_size is None or not _is_supported(loader.sampler):
            sampler = f" with {type(loader.sampler).__name__}" if isinstance(loader, DataLoader) else ""
            raise InputError(
                "BimodalDistributionRemoval needs one DataLoader with a batch_size, and with shuffle or a "
                f"DistributedSampler instead of another sampler; got {type(loader).__name__}{sampler}"
            )
        dataset, positions = _unwrap(loader.dataset)
        if self._remover is None:
            labels = np.full(len(dataset), -1, dtype=np.int64)
            labels[positions] = _UNKNOWN_CLASS
            self._remover = Remover(labels, self.settings, self.trace)
            if self._saved is not None:
                self._remover.load_state_dict(self._saved)
        kept = positions[self.remover.kept[positions]]
        return loader if len(kept) == len(positions) else _rebuild(loader, Subset(dataset, kept.tolist()))

    def state_dict(self) -> dict[str, Any]:
        if self._remover is None:
            return {}
        # Tensors, not arrays: a checkpoint of tensors and plain values can be read without pickle.
        remover = apply_to_collection(self._remover.state_dict(), np.ndarray, torch.from_numpy)
        return {"remover": remover, "predictions_at_removal": dict(self.predictions_at_removal)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved = apply_to_collection(state_dict.get("remover"), Tensor, Tensor.numpy)
        self.predictions_at_removal = dict(state_dict.get("predictions_at_removal", {}))


class _SourceWithoutRemoved:
    """Lightning's source of the training DataLoader, without the removed examples."""

    def __init__(self, source: Any, callback: BimodalDistributionRemoval) -> None:
        self._source, self._callback = source, callback

    def dataloader(self) -> Any:
        return self._callback.without_removed(self._source.dataloader())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def _is_supported(sampler: Any) -> bool:
    if isinstance(sampler, RandomSampler):
        return not sampler.replacement and sampler._num_samples is None
    return isinstance(sampler, SequentialSampler | DistributedSampler)


def _unwrap(dataset: Any) -> tuple[Any, NDArray[np.int64]]:
    """Return the dataset under any subsets, and the positions of it that are in use."""
    positions = np.arange(len(dataset))
    while isinstance(dataset, Subset):
        positions = np.asarray(dataset.indices, dtype=np.int64)[positions]
        dataset = dataset.dataset
    return dataset, positions


def _rebuild(loader: DataLoader[Any], dataset: Subset[Any]) -> DataLoader[Any]:
    old = loader.sampler
    sampler: DistributedSampler[Any] | None = None
    if isinstance(old, BatchShareSampler):
        sampler = old.over(dataset)
    elif isinstance(old, DistributedSampler):
        sampler = type(old)(dataset, old.num_replicas, old.rank, old.shuffle, old.seed, old.drop_last)
        sampler.set_epoch(old.epoch)
    shuffle = isinstance(old, RandomSampler) if sampler is None else None
    same = {name: getattr(loader, name) for name in _SAME_OPTIONS}
    return DataLoader(dataset, loader.batch_size, sampler=sampler, shuffle=shuffle, **same)


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Return integers in the fewest bytes that hold them, for the way to the other processes."""
    if values.dtype.kind == "i" and len(values):
        for kind in (np.int16, np.int32):
            limits = np.iinfo(kind)
            if limits.min <= values.min() and values.max() <= limits.max:
                return values.astype(kind)
    return values


def _gather(losses: Losses) -> Losses:
    """Return the losses of all processes, sorted by index, each example once."""
    losses = {key: _narrow(values) for key, values in losses.items()}
    parts: list[Any] = [losses]
    if distributed.is_available() and distributed.is_initialized():
        parts = [None] * distributed.get_world_size()
        distributed.all_gather_object(parts, losses)
    joined = {key: np.concatenate([part[key] for part in parts]) for key in losses}
    _, first = np.unique(joined["index"], return_index=True)
    return {key: values[first] for key, values in joined.items()}
