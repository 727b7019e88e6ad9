"""An exponential moving average of the weights, which is validated and kept in place of the last weights."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class AveragedWeights(WeightAveraging):
    """Averages weights and batch-norm statistics after each step; Lightning swaps them in for validation.

    The decay after n steps is at most (1 + n) / (10 + n), so that the average of a short training does not consist of its
    first weights. The averaged weights are part of the checkpoint.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
            steps = int(count)
            update: Any = get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))  # type: ignore[no-untyped-call]
            update(averaged, current, count)

        super().__init__(multi_avg_fn=average)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.to(trainer.strategy.root_device)  # Lightning moves the module itself after this call

    @property
    def module(self) -> nn.Module:
        """The LightningModule with averaged weights; available during training."""
        if self._average_model is None:
            raise RuntimeError("there is no average before training")
        return self._average_model.module
