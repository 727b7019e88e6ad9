"""The choice of precision and the checks of devices and worker processes."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bimodal.errors import InputError
from bimodal.training.hardware import Hardware, choose_precision
from bimodal.training.shared_memory import check_shared_memory


@pytest.mark.parametrize(("has", "precision"), [({"avx512_bf16": True}, "bf16-mixed"), ({"avx2": True}, "32-true")])
def test_auto_is_bf16_where_the_processor_computes_it_natively(
    has: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: has, raising=False)
    assert choose_precision("auto", cuda=False) == precision
    assert choose_precision("32", cuda=False) == "32-true"
    assert choose_precision("bf16", cuda=False) == "bf16-mixed"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"accelerator": "tpu"}, "--accelerator must be one of auto, cpu, cuda, got 'tpu'"),
        ({"devices": 0}, "--devices must be a whole number of at least 1, got 0"),
        ({"num_nodes": 0}, "--num-nodes must be a whole number of at least 1, got 0"),
        ({"workers": 257}, "--workers must be a whole number from 0 to 256, got 257"),
    ],
)
def test_bad_values_are_named(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Hardware(**{"accelerator": "cpu", **values})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/shm is of Linux")
def test_batches_that_do_not_fit_into_shared_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_bavail=60, f_frsize=2**20))
    check_shared_memory(workers=2, batch_bytes=10 * 2**20)  # three batches each
    with pytest.raises(
        InputError, match=r"--workers 3 needs 90\.0 MiB in /dev/shm, which has 60\.0 MiB free; use --workers 0"
    ):
        check_shared_memory(workers=3, batch_bytes=10 * 2**20)
    check_shared_memory(workers=0, batch_bytes=2**60)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/shm is of Linux")
def test_missing_shared_memory_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bimodal.training.shared_memory.SHARED_MEMORY", tmp_path / "shm")
    with pytest.raises(InputError, match=r"--workers 1 needs .*shm, which cannot be used \(No such file"):
        check_shared_memory(workers=1, batch_bytes=1)
