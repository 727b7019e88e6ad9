"""Freed memory is kept for the next training step, and returned to the system in long epochs."""

from typing import Any

import lightning.pytorch as pl

from bimodal.memory import keep_freed_memory, return_freed_memory

_STEPS = 500
"""Steps of an epoch after which freed memory is returned: so many that the time does not count."""


class FreedMemory(pl.Callback):
    """Reuses what a step has freed, without letting the process grow in an epoch of many steps."""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        keep_freed_memory()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % _STEPS == _STEPS - 1:
            return_freed_memory()
