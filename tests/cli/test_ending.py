"""How commands end: signals, and errors of the machine in one line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Outcome, fails_with_one_line

FAILURES = {
    "MemoryError()": "too little memory (MemoryError)",
    "MemoryError('Unable to allocate 6.1 GiB for an array')": "6.1 GiB",
    "RuntimeError('could not create a primitive')": "too little memory",
    "RuntimeError('DefaultCPUAllocator: can\\'t allocate memory: you tried to allocate 8 bytes')": "smaller batch",
    "ImportError('libtorch_cpu.so: failed to map segment from shared object')": "too little memory",
    "RuntimeError('can\\'t start new thread')": "ulimit -u",
    "BlockingIOError(11, 'Resource temporarily unavailable')": "Resource temporarily unavailable",
    "UnicodeEncodeError('utf-8', 'a\\udcff', 1, 2, 'surrogates not allowed')": "is no UTF-8",
}


@pytest.mark.parametrize("error", FAILURES)
def test_errors_of_the_machine_are_one_line(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: str
) -> None:
    import bimodal.synthetic.dataset

    def fail(*_: object, **__: object) -> None:
        raise eval(error)  # noqa: S307

    monkeypatch.setattr(bimodal.synthetic.dataset, "write_set", fail)
    fails_with_one_line(cli("draw", tmp_path / "out"), FAILURES[error])


def test_a_defect_keeps_its_traceback(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import bimodal.synthetic.dataset

    def fail(*_: object, **__: object) -> None:
        raise ValueError("out of memory")  # a text is not enough: the type must be one that libraries raise for it

    monkeypatch.setattr(bimodal.synthetic.dataset, "write_set", fail)
    with pytest.raises(ValueError, match="out of memory"):
        cli("draw", tmp_path / "out")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many pictures that `prepare` is still at work when a signal comes."""
    folder = tmp_path_factory.mktemp("many")
    picture = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    for number in range(1500):
        place = folder / ("happy", "sad")[number % 2]
        place.mkdir(exist_ok=True)
        if number < 2:
            Image.fromarray(picture + np.uint8(number)).save(place / f"{number}.png", compress_level=1)
        else:
            os.link(folder / ("happy", "sad")[number % 2] / f"{number % 2}.png", place / f"{number}.png")
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_command_and_leave_nothing(many: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bimodal", "prepare", many, tmp_path / "data"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.glob(".bimodal-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    assert not (tmp_path / "data").exists()
    assert not [path for path in tmp_path.glob(".bimodal-*") if not path.name.startswith(".bimodal-prepare-")]


def test_a_signal_that_is_ignored_stays_ignored(many: Path, tmp_path: Path) -> None:
    arguments = ["bimodal", "prepare", str(many), str(tmp_path / "data"), "--val-share", "0", "--test-share", "0"]
    code = (
        "import runpy, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        f"sys.argv = {arguments}; runpy.run_module('bimodal', run_name='__main__')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    while not list(tmp_path.glob(".bimodal-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    assert process.wait() == 0
    assert (tmp_path / "data" / "manifest.csv").is_file()
