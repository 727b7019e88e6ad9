"""The order of the training examples, and which of them each of several processes gets."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, DistributedSampler

from bimodal.training.batch_share import BatchShare, share_of


class BatchShareSampler(DistributedSampler[Any]):
    """Shuffles the examples, and gives each process its share of each batch of a training on one process.

    The order depends on (seed, epoch) only. The shares of the processes together are the batches of one process, in their
    order; no example is repeated or missing. (PyTorch's sampler repeats examples until all processes have equally many.)

    Args:
        dataset: of the training examples.
        batch_size: examples of a batch, over all processes.
        processes, process: number of processes, and which of them (from 0) this is.
        seed: random seed of the order.

    >>> samplers = [BatchShareSampler(range(7), 4, 2, process) for process in range(2)]
    >>> [len(sampler) for sampler in samplers], [sampler.loader_batch_size for sampler in samplers]
    ([4, 3], [2, 2])
    """

    def __init__(
        self, dataset: Dataset[Any], batch_size: int, processes: int = 1, process: int = 0, seed: int = 0
    ) -> None:
        super().__init__(dataset, processes, process, shuffle=True, seed=seed)
        self.batch_size = batch_size

    @property
    def loader_batch_size(self) -> int:
        """Batch size of the DataLoader of this process."""
        return share_of(self.batch_size, self.rank, self.num_replicas).size

    def over(self, dataset: Dataset[Any]) -> Self:
        """Return the same sampler over another dataset."""
        sampler = type(self)(dataset, self.batch_size, self.num_replicas, self.rank, self.seed)
        sampler.set_epoch(self.epoch)
        return sampler

    def share(self, batch: int) -> BatchShare:
        """Return the share of this process in a batch of the epoch, from 0."""
        count = min(self.batch_size, self._examples - batch * self.batch_size)
        return share_of(count, self.rank, self.num_replicas)

    def order(self) -> NDArray[np.int64]:
        """Return the positions of all examples of the epoch, over all processes; a list would take five times the memory."""
        return np.asarray(torch.randperm(self._examples, generator=self._generator()).numpy())

    def __iter__(self) -> Iterator[int]:
        order = self.order()
        for batch in range(self._batches):
            share, start = self.share(batch), batch * self.batch_size
            yield from order[start + share.start : start + share.stop].tolist()

    def __len__(self) -> int:
        return sum(self.share(batch).size for batch in range(self._batches))

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed + self.epoch)

    @property
    def _examples(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    @property
    def _batches(self) -> int:
        return -(-self._examples // self.batch_size)
