"""A resumed run has the same result as an uninterrupted one, byte for byte."""

import json
import shutil
import signal
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from bimodal.runs.run import Run
from tests import forked
from tests.conftest import SMALL, Outcome, fails_with_one_line, write_data
from tests.forked import bimodal

RECIPE = [*SMALL, "--epochs", "5", "--removal-epoch", "2", "--removal-every", "2"]
SAME = [
    "model.safetensors",
    "removed.csv",
    "removal_steps.csv",
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


def interrupt(
    tiny_data: Path, run: Path, sign: signal.Signals, after_epoch: int, recipe: list[str] = RECIPE
) -> tuple[int, str]:
    """Run the command, which gets a signal in the second batch of the epoch after `after_epoch`; return its code and output."""
    code = (
        "import os\n"
        "from bimodal.training.module import EmotionModule\n"
        "step = EmotionModule.training_step\n"
        "def signalled(module, batch, number):\n"
        f"    if module.current_epoch == {after_epoch} and number == 1: os.kill(os.getpid(), {int(sign)})\n"
        "    return step(module, batch, number)\n"
        "EmotionModule.training_step = signalled\n"
    )
    result = forked.python(code + forked.COMMAND, "train", tiny_data, "--out", run, *recipe)
    return result.returncode, result.stdout + result.stderr


@pytest.mark.slow
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
        assert f"resume with: bimodal train --out {run} --resume" in output
    result = bimodal("train", "--out", run, "--resume")
    assert result.returncode == 0, result.stderr
    assert "epoch   1/" not in result.stdout, "it started from the first epoch"
    for name in SAME:
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.slow
def test_pred_probs_and_batch_augmentation_are_resumed(tiny_data: Path, tmp_path: Path) -> None:
    recipe = [*SMALL, "--epochs", "5", "--removal", "two-modes", "--removal-epoch", "4", "--augment", "fast"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert bimodal("train", tiny_data, "--out", whole, *recipe).returncode == 0
    interrupt(tiny_data, run, signal.SIGKILL, 2, recipe)
    assert bimodal("train", "--out", run, "--resume").returncode == 0
    for name in ("model.safetensors", "metrics.csv", "removed.csv"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    one, other = Run.open(whole).losses["pred_probs"], Run.open(run).losses["pred_probs"]
    assert (one == other).all()
    assert one.sum(axis=1) == pytest.approx(np.ones(len(one)), abs=1e-4)


@pytest.mark.slow
def test_the_seed_gives_the_same_run_and_another_seed_another(whole: Path, tiny_data: Path, tmp_path: Path) -> None:
    for seed, same in ((0, True), (1, False)):
        run = tmp_path / str(seed) / "run"
        assert bimodal("train", tiny_data, "--out", run, *RECIPE, "--seed", seed).returncode == 0
        assert ((run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()) is same


def test_resume_names_settings_and_data_that_differ(
    whole: Path, tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome]
) -> None:
    line = cli("train", "--out", whole, "--resume", "--epochs", "9")
    fails_with_one_line(line, "settings", "differ: epochs;")
    other = write_data(tmp_path / "other", {"train": 70, "val": 21}, seed=9)
    fails_with_one_line(cli("train", other, "--out", whole, "--resume"), "was trained on other faces", str(other))
    fails_with_one_line(cli("train", "--out", tmp_path, "--resume"), "no config.yaml")
    fails_with_one_line(cli("train", "--out", whole, "--resume", "--overwrite"), "exclude each other")
    finished = cli("train", "--out", whole, "--resume", "--epochs", "5")
    assert finished.returncode == 0
    assert "finished already" in finished.stdout


@pytest.fixture(scope="module")
def interrupted(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("interrupted") / "run"
    interrupt(tiny_data, run, signal.SIGKILL, 1)
    return run


def state_of(kind: str, run: Path, tiny_data: Path, tmp_path: Path) -> bytes:
    if kind == "another run":
        other = tmp_path / "other"
        assert bimodal("train", tiny_data, "--out", other, *RECIPE, "--epochs", "1", "--hidden", "8").returncode == 0
        return (other / "last.ckpt").read_bytes()
    if kind == "no callbacks":
        content = torch.load(run / "last.ckpt", weights_only=True)
        buffer = BytesIO()
        torch.save(content | {"callbacks": {}}, buffer)
        return buffer.getvalue()
    if kind == "cut short":
        return (run / "last.ckpt").read_bytes()[:5000]
    if kind == "one byte":
        content = bytearray((run / "last.ckpt").read_bytes())
        with ZipFile(run / "last.ckpt") as archive:
            largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        content[largest.header_offset + 200 + largest.file_size // 2] ^= 1
        return bytes(content)
    return {"empty": b"", "no zip": b"PK\x03\x04 not a checkpoint", "pickle": b"\x80\x04\x95cos\nsystem\n."}[kind]


@pytest.mark.parametrize("kind", ["empty", "no zip", "pickle", "cut short", "one byte", "no callbacks", "another run"])
def test_a_damaged_or_foreign_state_is_one_line(
    interrupted: Path, tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome], kind: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(interrupted, run)
    (run / "last.ckpt").write_bytes(state_of(kind, interrupted, tiny_data, tmp_path))
    fails_with_one_line(cli("train", "--out", run, "--resume"), "last.ckpt", "start again with --overwrite")


def test_a_change_of_precision_is_reported(interrupted: Path, tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    run = tmp_path / "run"
    shutil.copytree(interrupted, run)
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps(environment | {"precision": "64-true"}))
    result = cli("train", "--out", run, "--resume")
    assert result.returncode == 0, result.stderr
    assert f"was started in 64-true and continues in {environment['precision']}" in result.stderr


def test_a_run_is_resumed_after_its_data_have_moved(
    interrupted: Path, tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome]
) -> None:
    run, moved = tmp_path / "run", tmp_path / "moved"
    shutil.copytree(interrupted, run)
    shutil.copytree(tiny_data, moved)
    text = (run / "config.yaml").read_text().replace(str(tiny_data), str(tmp_path / "gone"))
    (run / "config.yaml").write_text(text)
    fails_with_one_line(cli("train", "--out", run, "--resume"), "is missing; say where it is now")
    assert cli("train", moved, "--out", run, "--resume").returncode == 0
