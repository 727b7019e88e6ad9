"""The devices and worker processes of a training run, and the precision that a device computes natively."""

import os
from dataclasses import dataclass
from typing import Any

import torch

from bimodal.errors import InputError
from bimodal.settings import check_choice


@dataclass(frozen=True)
class Hardware:
    """Where to train; another machine gives the same result within rounding.

    Attributes:
        accelerator: `auto` (a GPU if there is one), `cpu` or `cuda`.
        devices: number of training processes on this machine, one for each GPU or share of the CPU.
        num_nodes: number of machines; start the same command on each under torchrun.
        workers: number of processes for each device that load and augment images, 0 to 256. None: 0 on a CPU, where the
            training process is as fast by itself, and up to 8 for a GPU.

    Raises:
        InputError: a value is out of range or the device is missing; the message names the option.
    """

    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    workers: int | None = None

    def __post_init__(self) -> None:
        check_choice("accelerator", self.accelerator, ("auto", "cpu", "cuda"))
        if self.accelerator == "cuda" and not torch.cuda.is_available():
            raise InputError("--accelerator cuda needs a CUDA device, but PyTorch finds none; use cpu or auto")
        gpus = torch.cuda.device_count() if self.uses_cuda else None
        if self.devices < 1 or (gpus is not None and self.devices > gpus):
            raise InputError(f"--devices must be from 1 to {gpus or 'the number of cores'}, got {self.devices}")
        if self.num_nodes < 1:
            raise InputError(f"--num-nodes must be at least 1, got {self.num_nodes}")
        if self.workers is not None and not 0 <= self.workers <= 256:
            raise InputError(f"--workers must be from 0 to 256, got {self.workers}")

    @property
    def device(self) -> torch.device:
        """The device of one training process."""
        return torch.device("cuda" if self.uses_cuda else "cpu")

    @property
    def uses_cuda(self) -> bool:
        """Whether training runs on GPUs."""
        return self.accelerator != "cpu" and torch.cuda.is_available()

    @property
    def world_size(self) -> int:
        """Number of training processes on all machines together."""
        return self.devices * self.num_nodes

    @property
    def loader_workers(self) -> int:
        """Number of worker processes for each device."""
        if self.workers is not None:
            return self.workers
        return min(8, (os.cpu_count() or 1) // self.devices) if self.uses_cuda else 0


def choose_precision(precision: str, cuda: bool) -> Any:
    """Return Lightning's name of a precision.

    Args:
        precision: `32`, `bf16`, or `auto`: bf16 where the device computes it natively (elsewhere PyTorch emulates it, which
            is slower than fp32).
        cuda: whether the device is a GPU.
    """
    if precision == "auto":
        native = torch.cuda.is_bf16_supported(including_emulation=False) if cuda else _cpu_has_bf16()
        precision = "bf16" if native else "32"
    return "bf16-mixed" if precision == "bf16" else "32-true"


def _cpu_has_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
