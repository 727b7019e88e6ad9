"""How commands end: signals, and errors of the machine in one line."""

import signal
import subprocess
import sys
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


def prepare_and_signal(data: Path, number: signal.Signals, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run `prepare`, which gets a signal when it inspects a picture."""
    code = (
        "import os, signal, sys, time, bimodal.data.inspection as inspection\n"
        f"{before}\n"
        "def signalled(source):\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    time.sleep(0.1)\n"
        "    return decode(source)\n"
        "decode, inspection.decode_reduced = inspection.decode_reduced, signalled\n"
        "sys.argv = ['bimodal', 'prepare', *sys.argv[1:]]\n"
        "from bimodal.cli.main import run; run()\n"
    )
    arguments = [sys.executable, "-c", code, str(write_faces(data.parent / "faces")), str(data)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def write_faces(folder: Path) -> Path:
    for number in range(40):
        place = folder / ("happy", "sad")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(number).integers(0, 255, (30, 30, 3), np.uint8)
        Image.fromarray(picture).save(place / f"{number}.png")
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_command_and_leave_nothing(tmp_path: Path, number: signal.Signals) -> None:
    default = f"signal.signal({int(number)}, signal.{'default_int_handler' if number == signal.SIGINT else 'SIG_DFL'})"
    result = prepare_and_signal(tmp_path / "data", number, default)  # the tests may run under nohup
    assert result.returncode == 128 + number, result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "data").exists()
    assert not [path for path in tmp_path.glob(".bimodal-*") if not path.name.startswith(".bimodal-prepare-")]


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    result = prepare_and_signal(tmp_path / "data", signal.SIGHUP, "signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "data" / "manifest.csv").is_file()
