"""The devices and worker processes of a training run, and the precision that a device computes natively."""

import os
from dataclasses import dataclass
from typing import Any

import torch

from bimodal.errors import InputError
from bimodal.settings import check_fields, check_range, option


@dataclass(frozen=True)
class Hardware:
    """Where to train; another machine gives the same result within rounding.

    Raises:
        InputError: a value is out of range or the device is missing; the message names the option.
    """

    accelerator: str = option(
        "auto", "device: auto (a GPU if there is one), cpu or cuda", choices=("auto", "cpu", "cuda")
    )
    devices: int = option(
        1, "number of training processes on this machine, one for each GPU or share of the CPU, from 1", 1
    )
    num_nodes: int = option(1, "number of machines; start the same command on each under torchrun", 1)
    workers: int | None = option(
        None,
        "number of processes for each device that load and augment images, 0 to 256; by default 0 on a CPU, where the "
        "training process is as fast by itself, and up to 8 for a GPU",
        0,
        256,
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if self.accelerator == "cuda" and not torch.cuda.is_available():
            raise InputError("--accelerator cuda needs a CUDA device, but PyTorch finds none; use cpu or auto")
        if self.uses_cuda:
            check_range("devices", self.devices, 1, torch.cuda.device_count(), whole=True)

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
    """Return Lightning's name of a precision, `32`, `bf16` or `auto`, on a GPU or (without `cuda`) the CPU.

    `auto` is bf16 where the device computes it natively. Elsewhere PyTorch emulates it, which is slower than fp32. On a CPU,
    `precision_of` also measures whether bf16 is faster.
    """
    if precision == "auto":
        native = torch.cuda.is_bf16_supported(including_emulation=False) if cuda else _cpu_has_bf16()
        precision = "bf16" if native else "32"
    return "bf16-mixed" if precision == "bf16" else "32-true"


def _cpu_has_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
