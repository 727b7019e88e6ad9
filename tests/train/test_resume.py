"""A run that is interrupted in mid-epoch ends as one that never was: the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import SMALL, bimodal, fails_with_one_line

RECIPE = [*SMALL, "--epochs", "5", "--removal-epoch", "2", "--removal-every", "2"]
SAME = [
    "model.safetensors",
    "removed.csv",
    "metrics.csv",
    "steps.csv",
    "predictions_val.csv",
    "README.md",
    "config.yaml",
]


@pytest.fixture(scope="module")
def whole(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    result = bimodal("train", tiny_data, "--out", run, *RECIPE)
    assert result.returncode == 0, result.stderr
    return run


def interrupt(tiny_data: Path, run: Path, sign: signal.Signals, after_epoch: int) -> tuple[int, str]:
    """Start the real command and send it a signal while the epoch after `after_epoch` is under way."""
    command = [sys.executable, "-u", "-m", "bimodal", "train", str(tiny_data), "--out", str(run), *RECIPE]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line
            if line.startswith(f"epoch   {after_epoch}/"):
                break
        while not (run / "last.ckpt").exists():
            time.sleep(0.002)
        time.sleep(0.05)
        process.send_signal(sign)
        output += process.stdout.read()
    return process.returncode, output


@pytest.mark.parametrize(("sign", "after_epoch"), [(signal.SIGINT, 1), (signal.SIGKILL, 2), (signal.SIGTERM, 3)])
def test_interrupted_runs_end_the_same(
    whole: Path, tiny_data: Path, tmp_path: Path, sign: signal.Signals, after_epoch: int
) -> None:
    run = tmp_path / "run"
    code, output = interrupt(tiny_data, run, sign, after_epoch)
    assert code != 0
    assert "Traceback" not in output
    assert not (run / "model.safetensors").exists(), "the signal came too late to be a test"
    if sign is signal.SIGINT:
        assert code == 130
        assert f"go on with: bimodal train --out {run} --resume" in output
    result = bimodal("train", "--out", run, "--resume")
    assert result.returncode == 0, result.stderr
    assert "epoch   1/" not in result.stdout, "it began anew"
    for name in SAME:
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name


def test_the_seed_gives_the_same_run_and_another_seed_another(whole: Path, tiny_data: Path, tmp_path: Path) -> None:
    for seed, same in ((0, True), (1, False)):
        run = tmp_path / str(seed) / "run"
        assert bimodal("train", tiny_data, "--out", run, *RECIPE, "--seed", seed).returncode == 0
        assert ((run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()) is same


def test_resume_says_what_does_not_fit(whole: Path, tiny_data: Path, tmp_path: Path) -> None:
    fails_with_one_line(
        bimodal("train", "--out", whole, "--resume", "--preset", "small"), "settings", "differ", "backbone"
    )
    fails_with_one_line(bimodal("train", tmp_path, "--out", whole, "--resume"), "was trained on", str(tiny_data))
    fails_with_one_line(bimodal("train", "--out", tmp_path, "--resume"), "no config.yaml")
    finished = bimodal("train", "--out", whole, "--resume")
    assert finished.returncode == 0
    assert "finished already" in finished.stdout


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a checkpoint", b"\x80\x04\x95cos\nsystem\n."])
def test_a_damaged_state_is_one_line(tiny_data: Path, tmp_path: Path, content: bytes) -> None:
    run = tmp_path / "run"
    interrupt(tiny_data, run, signal.SIGKILL, 1)
    (run / "last.ckpt").write_bytes(content)
    fails_with_one_line(bimodal("train", "--out", run, "--resume"), "last.ckpt", "damaged")
