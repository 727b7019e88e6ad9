"""Batches of faces for the pretraining, in a reproducible order."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from bimodal.experiments.pretrain.faces import Faces

PREDICT_BATCH = 256


class FaceBatches(Dataset[dict[str, Tensor]]):
    """Returns a whole batch for a list of rows: `{"picture", "votes", "label"}`.

    Args:
        faces: n faces.
        teacher: predicted probabilities of the previous stage for votes and labels, (n,8) and (n,7); the batch then has
            `teacher_votes` and `teacher_label`, too.
    """

    def __init__(self, faces: Faces, teacher: tuple[Tensor, Tensor] | None = None) -> None:
        self._columns = {
            "picture": torch.from_numpy(faces.pictures),
            "votes": torch.from_numpy(faces.votes),
            "label": torch.from_numpy(faces.labels),
        }
        if teacher is not None:
            self._columns |= {"teacher_votes": teacher[0], "teacher_label": teacher[1]}

    def __len__(self) -> int:
        return len(self._columns["label"])

    def __getitem__(self, rows: list[int]) -> dict[str, Tensor]:
        return {name: values[rows] for name, values in self._columns.items()}


class Shuffled(Sampler[list[int]]):
    """Yields batches of rows in an order that depends on (seed, epoch) only; the last, smaller batch is dropped."""

    def __init__(self, count: int, batch_size: int, seed: int, epochs_before: int = 0) -> None:
        self._count, self._size, self._seed = count, min(batch_size, count), seed
        self._before, self._epoch = epochs_before, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count // self._size

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng((self._seed, self._before + self._epoch)).permutation(self._count)
        for start in range(0, len(self) * self._size, self._size):
            yield order[start : start + self._size].tolist()
