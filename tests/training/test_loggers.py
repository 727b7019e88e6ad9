"""Experiment trackers get settings, learning curves and removals; a missing one is one line before anything is written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.runs.run import Run
from bimodal.training.loggers import check_loggers, chosen
from tests.conftest import SMALL, Outcome, fails_with_one_line

RECIPE = [*SMALL, "--epochs", "3", "--removal-epoch", "2", "--removal-k", "0.5", "--removal-min-per-class", "1"]


@pytest.fixture
def trackers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the environment of trackers on this machine; return MLflow's address."""
    address = f"sqlite:///{tmp_path / 'store.db'}"
    for name in ("WANDB_PROJECT", "WANDB_API_KEY", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    values = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "MLFLOW_TRACKING_URI": address}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return address


def check_removals(run: Run, found: dict[str, float]) -> None:
    assert found["removal/removed"] == len(run.removed) > 0
    assert found["removal/threshold"] == pytest.approx(run.removal_steps["threshold"][0])
    assert found["removal/m1"] == pytest.approx(run.removal_steps["m1"][0])


def test_mlflow_gets_settings_curves_and_removals(
    tiny_data: Path, tmp_path: Path, trackers: str, cli: Callable[..., Outcome]
) -> None:
    mlflow = pytest.importorskip("mlflow")
    result = cli("train", tiny_data, "--out", tmp_path / "run", *RECIPE, "--logger", "mlflow,tensorboard")
    assert result.returncode == 0, result.stderr
    run, client = Run.open(tmp_path / "run"), mlflow.MlflowClient(trackers)
    (record,) = client.search_runs([client.get_experiment_by_name("bimodal").experiment_id])
    assert record.info.status == "FINISHED"
    assert record.info.run_name == "run"
    assert record.data.params["backbone"] == "test_resnet"
    assert record.data.params["removal/k"] == "0.5"
    curve = client.get_metric_history(record.info.run_id, "val_accuracy")
    assert [one.value for one in curve] == pytest.approx(run.metrics["val_accuracy"].tolist())
    steps = client.get_metric_history(record.info.run_id, "train_loss")
    assert [one.value for one in steps] == pytest.approx(run.steps["train_loss"].tolist())
    check_removals(run, record.data.metrics)
    assert json.loads((run.path / "trackers.json").read_text()) == {"mlflow": record.info.run_id}
    (run.path / "model.safetensors").rename(run.path / "best.safetensors")  # as interrupted after its last epoch
    assert cli("train", "--out", run.path, "--resume", "--logger", "mlflow").returncode == 0
    assert len(client.search_runs([record.info.experiment_id])) == 1, "a resumed run began another record"


def test_wandb_offline_gets_settings_curves_and_removals(
    tiny_data: Path, tmp_path: Path, trackers: str, cli: Callable[..., Outcome]
) -> None:
    pytest.importorskip("wandb")
    result = cli("train", tiny_data, "--out", tmp_path / "run", *RECIPE, "--logger", "wandb")
    assert result.returncode == 0, result.stderr
    run = Run.open(tmp_path / "run")
    (file,) = (run.path / "wandb").glob("offline-run-*/run-*.wandb")
    assert file.stem == f"run-{json.loads((run.path / 'trackers.json').read_text())['wandb']}"
    config, history = read_wandb(file)
    assert config["backbone"] == "test_resnet"
    assert config["removal/k"] == 0.5
    curve = [row["val_accuracy"] for row in history if "val_accuracy" in row]
    assert curve == pytest.approx(run.metrics["val_accuracy"].tolist())
    assert sum("train_loss" in row for row in history) == len(run.steps)
    (removal,) = (row for row in history if "removal/removed" in row)
    check_removals(run, removal)


def read_wandb(file: Path) -> tuple[dict[str, object], list[dict[str, float]]]:
    """Return the settings and the rows of measures in a file of W&B."""
    from wandb.proto import wandb_internal_pb2

    content, position, part = file.read_bytes(), 7, b""  # records of LevelDB's log format, in blocks of 32 KiB
    config: dict[str, object] = {}
    history = []
    while position + 7 <= len(content):
        if (left := 32768 - position % 32768) < 7:
            position += left
            continue
        size, kind = int.from_bytes(content[position + 4 : position + 6], "little"), content[position + 6]
        part += content[position + 7 : position + 7 + size]
        position += 7 + size
        if kind not in (1, 4):  # whole, or last
            continue
        record, part = wandb_internal_pb2.Record.FromString(part), b""
        config |= {update.key: json.loads(update.value_json) for update in record.config.update}
        if record.history.item:
            history.append(
                {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
            )
    return config, history


def test_a_missing_package_is_one_line_and_no_folder(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr("bimodal.training.loggers.find_spec", lambda name: None)
    out = tmp_path / "run"
    for more in ([], ["--folds", "2"]):
        result = cli("train", tiny_data, "--out", out, *RECIPE, "--logger", "wandb", *more)
        fails_with_one_line(result, "--logger wandb needs the package wandb", "pip install 'bimodal[wandb]'")
        assert not out.exists()


def test_wandb_without_a_key_names_login_and_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("wandb").teardown()  # it has kept the mode of an earlier test
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"wandb login.*WANDB_MODE=offline"):
        check_loggers(["wandb"])


@pytest.mark.parametrize(
    ("names", "words"), [(["comet"], "got 'comet'"), (["none,wandb"], "none excludes"), ([","], "no name")]
)
def test_unknown_names_are_refused(names: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        chosen(names)
