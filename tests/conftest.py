"""Fixtures of all tests: one thread each, since tests run in parallel; tiny data folders; the command line."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["OMP_NUM_THREADS"] = "1"  # read when numpy and torch are imported

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bimodal.emotions import NAMES

if TYPE_CHECKING:
    from bimodal.label_audit.audit import Audit

for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):  # they make rich take pipes for terminals
    os.environ.pop(name, None)
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs inherit a handler that ignores it

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("BIMODAL_SHARED", ROOT.parent / "shared"))


def write_data(folder: Path, counts: dict[str, int], seed: int = 0, size: int = 40, wrong: int = 0) -> Path:
    """Write a data folder of blobs, one position for each emotion; the first `wrong` training labels are wrong."""
    rng = np.random.default_rng(seed)
    rows = []
    for split, count in counts.items():
        for i in range(count):
            label = i % len(NAMES)
            picture = rng.normal(110, 25, (size, size, 3))
            picture[8:32, 4 + 4 * label : 12 + 4 * label] += [60, 10 * label, -60]
            name = f"images/{split}-{i:04}.png"
            (folder / "images").mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / name)
            given = (label + 3) % len(NAMES) if split == "train" and i < wrong else label
            rows.append((name, NAMES[given], split, "", "", NAMES[label] if given != label else "", ""))
    columns = ["image", "label", "split", "group", "original_label", "true_label", "flag"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with 70 training, 21 validation and 21 test pictures; 7 training labels are wrong."""
    return write_data(tmp_path_factory.mktemp("data"), {"train": 70, "val": 21, "test": 21}, wrong=7)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> "Audit":
    """An audit of blobs by a training; here, so that tests of audits and of reviews share it."""
    from tests.label_audit.conftest import train_audit

    return train_audit(tmp_path_factory.mktemp("trained"))


SMALL = [
    *("--backbone", "test_resnet", "--no-pretrained", "--image-size", "32", "--hidden", "16", "--batch-size", "16"),
    *("--dropout-features", "0.2", "--dropout-hidden", "0.2", "--lr", "0.003"),
    *("--precision", "32"),  # what auto measures may differ from run to run
]
"""Options of a network of half a million weights, for runs that take seconds."""


def bimodal(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "bimodal", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment | dict(options.pop("env", {})),  # type: ignore[call-overload]
        **options,  # type: ignore[call-overload]
    )


@dataclass(frozen=True)
class Outcome:
    """The exit code, output and errors of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Call the entry point in this process, which avoids the seconds that importing PyTorch takes."""

    def call(*arguments: object) -> Outcome:
        from bimodal.cli.main import run

        monkeypatch.setattr(sys, "argv", ["bimodal", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        capfd.readouterr()
        try:
            run()
            code: object = 0
        except SystemExit as stop:
            code = stop.code or 0
        return Outcome(code if isinstance(code, int) else 1, *capfd.readouterr())

    return call


def fails_with_one_line(result: subprocess.CompletedProcess[str] | Outcome, *words: str) -> None:
    """Check the result of bad input: exit code 2, and one line that contains all of `words`."""
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0], lines[0]
