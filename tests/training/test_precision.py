"""`--precision auto` on a CPU with bf16: measured once for each network, recorded, and taken over by `--resume`."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from bimodal.models import EmotionClassifier
from bimodal.runs.run import Run
from bimodal.training import precision
from bimodal.training.hardware import Hardware
from bimodal.training.precision import bf16_time_ratio, precision_of
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train
from tests.training.conftest import settings

CPU = Hardware("cpu")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, float]:
    """A processor with bf16 and an empty cache; `ratio` is what is measured, `count` how often."""
    state = {"ratio": 1.4, "count": 0}

    def measure(*_: object) -> float:
        state["count"] += 1
        return state["ratio"]

    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(precision, "bf16_time_ratio", measure)
    return state


@pytest.fixture(scope="module")
def model() -> EmotionClassifier:
    return EmotionClassifier("test_resnet", 16, 0.5, 0.5, 32)


def auto(**changes: object) -> TrainSettings:
    return settings(precision="auto", **changes)


def test_measuring_changes_neither_weights_nor_random_numbers(model: EmotionClassifier) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    assert 0.05 < bf16_time_ratio(model, 32, 8) < 100
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(("ratio", "expected"), [(1.4, "32-true"), (1.0, "32-true"), (0.6, "bf16-mixed")])
def test_the_faster_precision_is_taken(
    measured: dict[str, float], model: EmotionClassifier, ratio: float, expected: str
) -> None:
    measured["ratio"] = ratio
    assert precision_of(model, auto(), CPU, {}) == (expected, ratio)


def test_a_network_is_measured_once_on_a_machine(
    measured: dict[str, float], model: EmotionClassifier, tmp_path: Path
) -> None:
    first = precision_of(model, auto(), CPU, {})
    measured["ratio"] = 0.5
    assert precision_of(model, auto(seed=3, lr=0.01), CPU, {}) == first
    assert precision_of(model, auto(), Hardware("cpu", devices=2), {}) == first
    assert measured["count"] == 1
    assert precision_of(model, auto(image_size=40), CPU, {}) == ("bf16-mixed", 0.5)
    for file in (tmp_path / "cache/bimodal").iterdir():
        file.write_text("damaged")
    assert precision_of(model, auto(), CPU, {}) == ("bf16-mixed", 0.5)


def test_nothing_is_measured_where_there_is_no_choice(
    measured: dict[str, float], model: EmotionClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert precision_of(model, settings(precision="bf16"), CPU, {}) == ("bf16-mixed", None)
    assert precision_of(model, settings(precision="32"), CPU, {}) == ("32-true", None)
    recorded = {"precision": "bf16-mixed", "bf16_time_ratio": 0.7}
    assert precision_of(model, auto(), CPU, recorded) == ("bf16-mixed", 0.7)
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True}, raising=False)
    assert precision_of(model, auto(), CPU, {}) == ("32-true", None)
    assert measured["count"] == 0


def test_the_precision_is_recorded_and_resumed(measured: dict[str, float], tiny_data: Path, tmp_path: Path) -> None:
    measured["ratio"] = 0.5
    whole = train(tiny_data, tmp_path / "run", auto(epochs=2, removal="none"))
    environment = json.loads((tmp_path / "run/environment.json").read_text())
    assert (environment["precision"], environment["bf16_time_ratio"]) == ("bf16-mixed", 0.5)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(whole.path, unfinished)
    for name in ("model.safetensors", "last.ckpt"):
        (unfinished / name).unlink()
    shutil.rmtree(tmp_path / "cache")
    measured["ratio"] = 1.5
    resumed = train(None, unfinished, resume=True)
    assert (resumed.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()
    again = train(tiny_data, tmp_path / "again", auto(epochs=2, removal="none"))
    assert Run.open(again.path).environment["precision"] == "32-true"
    assert (again.path / "model.safetensors").read_bytes() != (whole.path / "model.safetensors").read_bytes()
