"""The presets hold the paper's numbers; preset, file and command line are merged in this order."""

import subprocess
import sys
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.removal import RULES
from bimodal.training.settings import TrainSettings, load_yaml


def test_the_default_is_the_papers_recipe() -> None:
    paper = TrainSettings.preset("paper")
    assert paper == TrainSettings()
    assert (paper.backbone, paper.pretrained, paper.image_size) == ("resnet50.tv_in1k", True, 224)
    assert (paper.dropout_features, paper.hidden, paper.dropout_hidden) == (0.6, 512, 0.8)
    assert (paper.lr, paper.batch_size, paper.epochs, paper.schedule) == (1e-4, 64, 31, "constant")
    assert (paper.removal.rule, paper.removal.k, paper.removal.epoch, paper.removal.every) == ("wang", 1.0, 6, 0)
    assert -(-891 // paper.batch_size) * paper.epochs == 434


def test_the_command_line_wins_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("preset: small\nlr: 1e-2\nepochs: 7\nbatch-size: 8\nremoval: {k: 2, epoch: 3}\n")
    settings = TrainSettings.load(file=file, changes={"epochs": 9, "removal": {"epoch": 4}})
    assert (settings.preset_name, settings.lr, settings.epochs, settings.batch_size) == ("small", 0.01, 9, 8)
    assert (settings.removal.rule, settings.removal.k, settings.removal.epoch) == ("wang", 2, 4)


def test_settings_survive_their_own_file() -> None:
    settings = TrainSettings.preset("small", {"removal": {"rule": "slade-gedeon", "k": 0.25}, "weights": "w.pth"})
    assert settings.removal.every == 50
    assert TrainSettings.from_dict(settings.to_dict()) == settings
    assert TrainSettings.load(changes={"bimodal": "0", "data": "/d", **settings.to_dict()}) == settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "--epochs must be a whole number from 1 to 100000, got 0"),
        ({"epochs": 2.5}, "--epochs must be a whole number"),
        ({"lr": "fast"}, "lr must be a number, got 'fast'"),
        ({"lr": float("nan")}, "--lr must be a number from"),
        ({"batch_size": 1}, "--batch-size"),
        ({"image_size": 8}, "--image-size must be a whole number from 32 to 1024, got 8"),
        ({"epoch": 3}, "unknown setting 'epoch'; similar: epochs"),
        ({"removal": {"thresh": 3}}, "unknown removal setting 'thresh'"),
        ({"removal": "wong"}, "--removal must be one of wang, slade-gedeon, two-modes, none, got 'wong'"),
        ({"removal": 3}, "removal must be one of"),
        ({"keep": "first"}, "--keep must be one of best, last, got 'first'"),
        ({"backbone": 50}, "--backbone must be text"),
        ({"pretrained": "yes"}, "--pretrained must be true or false"),
    ],
)
def test_bad_values_are_named(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainSettings.preset("paper", changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"- 1\n", "as 'name: value', got a list"), (b"a: [", "not readable as YAML"), (b"\xff\xfe", "not readable")],
)
def test_bad_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_yaml(file)
    with pytest.raises(InputError, match="there is none at"):
        load_yaml(tmp_path / "none.yaml")


def test_a_file_that_would_run_code_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"lr: !!python/object/apply:os.mkdir [{tmp_path / 'made'}]\n")
    with pytest.raises(InputError, match="not readable as YAML"):
        load_yaml(file)
    assert not (tmp_path / "made").exists()


def test_two_modes_is_applied_late_by_default() -> None:
    assert TrainSettings.preset("small", {"removal": "two-modes"}).removal.epoch == 16
    assert TrainSettings.preset("paper", {"removal": "two-modes", "epochs": 10}).removal.epoch == 8
    own = TrainSettings.preset("small", {"removal": {"rule": "two-modes", "epoch": 3}})
    assert own.removal.epoch == 3
    assert TrainSettings.preset("small", {"removal": "wang"}).removal.epoch == 12


def test_a_precision_may_be_a_number_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("precision: 32\n")
    assert TrainSettings.load(file=file).precision == "32"
    with pytest.raises(InputError, match="--precision must be one of auto, 32, bf16, got '64'"):
        TrainSettings.preset("paper", {"precision": 64})


def test_given_settings_are_the_start_unless_a_preset_is_named(tmp_path: Path) -> None:
    start = TrainSettings.preset("small", {"epochs": 7, "removal": {"k": 2}})
    assert TrainSettings.load(start=start) == start
    changed = TrainSettings.load(changes={"lr": 0.5, "removal": {"epoch": 3}}, start=start)
    assert (changed.preset_name, changed.epochs, changed.lr) == ("small", 7, 0.5)
    assert (changed.removal.k, changed.removal.epoch) == (2, 3)
    assert TrainSettings.load("paper", start=start) == TrainSettings()
    file = tmp_path / "settings.yaml"
    file.write_text("preset: face\n")
    assert TrainSettings.load(file=file, start=start) == TrainSettings.preset("face")


@pytest.mark.parametrize("rule", list(RULES))
def test_another_rule_starts_from_its_own_defaults(rule: str) -> None:
    for other in RULES:
        start = TrainSettings.preset("small", {"removal": {"rule": other}})
        changed = TrainSettings.load(changes={"removal": rule}, start=start)
        assert changed == TrainSettings.preset("small", {"removal": rule})
    start = TrainSettings.preset("small", {"removal": {"rule": "none", "k": 1.0, "max_share": 0.3, "epoch": 2}})
    assert TrainSettings.load(changes={"removal": "two-modes"}, start=start).removal.max_share == 0.6
    assert TrainSettings.load(changes={"removal": "two-modes"}, start=start).removal.epoch == 16
    changed = TrainSettings.load(changes={"removal": {"rule": "slade-gedeon", "every": 3}}, start=start)
    assert (changed.removal.k, changed.removal.every) == (0.5, 3)
    same = TrainSettings.load(changes={"removal": {"rule": "none", "min_per_class": 2}}, start=start)
    assert (same.removal.epoch, same.removal.min_per_class) == (2, 2)


def test_another_rule_on_the_command_line_drops_the_numbers_of_the_rule_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("removal: {rule: wang, k: 2}\n")
    assert TrainSettings.load(file=file, changes={"removal": "slade-gedeon"}).removal.k == 0.5
    file.write_text("removal: {k: 0.7}\n")  # numbers without a rule belong to any rule
    assert TrainSettings.load(file=file, changes={"removal": "slade-gedeon"}).removal.k == 0.7


def test_bad_settings_are_reported_before_pytorch_is_loaded(tmp_path: Path) -> None:
    code = """
import sys
from bimodal.cli.main import run
sys.argv = ["bimodal", "train", "data", "--out", "run", "--lr", "50"]
try:
    run()
except SystemExit as stop:
    assert stop.code == 2
assert "torch" not in sys.modules
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "--lr must be a number from 1e-09 to 10, got 50.0" in result.stderr
