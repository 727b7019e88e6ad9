"""A training run from end to end: its files, the removed examples, and its errors."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from bimodal.data.manifest import Manifest
from bimodal.model_files import packaged
from bimodal.models import EmotionClassifier
from bimodal.models.face_net import FaceNet
from bimodal.removal import wang
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training.evaluate import evaluate
from bimodal.training.module import EmotionModule, learning_rate_factor
from bimodal.training.predict import load_model, predict
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train
from tests import forked
from tests.conftest import SMALL, Outcome, bimodal, fails_with_one_line, write_data
from tests.training.conftest import settings


def test_the_run_folder_is_complete_and_agrees_with_itself(run: Run, tiny_data: Path) -> None:
    expected = (
        "config.yaml manifest.csv metrics.csv steps.csv seconds.csv losses.npz removed.csv removal_steps.csv model.safetensors last.ckpt"
        " predictions_val.csv environment.json network.json model.json README.md tensorboard"
    )
    assert {file.name for file in run.path.iterdir()} == set(expected.split())
    assert run.metrics["epoch"].tolist() == [1, 2, 3, 4]
    assert run.steps["step"].tolist() == list(range(1, run.metrics["step"].iloc[-1] + 1))
    removed = run.removed
    assert len(removed) > 0
    assert run.metrics["examples"].tolist() == [70, 70, 70 - len(removed), 70 - len(removed)]
    assert run.environment["data_fingerprint"] == Manifest.read(tiny_data).fingerprint
    assert run.environment["seed"] == 0
    assert list((run.path / "tensorboard").glob("events*"))
    assert not list(run.path.glob(".*")), "a temporary file was left"
    assert "validation accuracy" in (run.path / "README.md").read_text()


def test_the_removed_examples_are_those_that_the_rule_selects_by_their_losses(run: Run) -> None:
    losses = run.losses
    cut = wang(losses["before"], k=0.5)
    rows = losses["rows"][cut.remove]
    assert sorted(run.removed["row"]) == sorted(rows)
    assert (np.isnan(losses["after"]) == cut.remove).all()
    assert (losses["kept"] == ~cut.remove).all()
    assert run.removal_steps["threshold"].tolist() == pytest.approx([cut.threshold])
    assert run.removal_steps["removed"].tolist() == [len(rows)]
    assert run.removed["rank"].tolist() == list(range(1, len(rows) + 1))
    assert (run.removed["loss"].diff().dropna() <= 0).all()
    assert set(run.manifest["split"].iloc[run.removed["row"]]) == {"train"}
    assert run.removed["confidence"].between(1 / 7, 1).all()


def test_the_losses_of_every_epoch_are_kept(run: Run) -> None:
    losses, by_epoch = run.losses, run.losses["by_epoch"]
    assert by_epoch.shape == (70, 4)
    epoch = int(run.removed["epoch"].iloc[0])
    assert (np.isnan(by_epoch[:, epoch:]).all(axis=1) == ~losses["kept"]).all()
    assert np.isfinite(by_epoch[:, :epoch]).all()
    np.testing.assert_array_equal(by_epoch[:, epoch - 1], losses["before"])
    np.testing.assert_allclose(np.nanmean(by_epoch, axis=1), losses["mean"], rtol=1e-5)
    np.testing.assert_allclose(np.nanmean(by_epoch, axis=0), run.metrics["loss_mean"], rtol=1e-5)


def test_losses_are_computed_without_dropout_and_without_another_pass_over_the_backbone() -> None:
    model = EmotionClassifier("test_resnet", 16, 0.6, 0.8, 32)
    module = EmotionModule(model)
    module.train()
    passes = []
    model.backbone.register_forward_hook(lambda *_: passes.append(1))
    batch = {"image": torch.randn(8, 3, 32, 32), "label": torch.arange(8) % 7, "index": torch.arange(8)}
    first, second = module.training_step(batch, 0), module.training_step(batch, 0)
    assert len(passes) == 2
    assert first["loss"] != second["loss"], "dropout is off in training"
    torch.testing.assert_close(first["sample_loss"], second["sample_loss"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(first["sample_loss"], cross_entropy(first["logits"], batch["label"], reduction="none"))
    assert all(part.training for part in model.modules())


def test_a_last_batch_of_one_face_is_trained_on(tmp_path: Path) -> None:
    data = write_data(tmp_path / "d", {"train": 33, "val": 14})
    run = train(data, tmp_path / "run", settings(epochs=1))
    assert run.metrics["examples"].tolist() == [33]


def test_clean_losses_come_from_a_pass_of_their_own(tiny_data: Path, tmp_path: Path) -> None:
    changes = {
        "removal": {"epoch": 1, "min_per_class": 1},
        "losses": "clean",
        "augment": "none",
        "epochs": 1,
        "keep": "last",
    }
    run = train(tiny_data, tmp_path / "run", settings(**changes))
    faces = Manifest.read(tiny_data)
    table = predict(load_model(run), faces, faces.rows("train"), settings(), torch.device("cpu"))
    labels = faces.labels[faces.rows("train")]
    expected = -np.log(table[PROBABILITIES].to_numpy()[np.arange(len(labels)), labels])
    np.testing.assert_allclose(run.losses["last"], expected, rtol=1e-3, atol=1e-4)


def test_last_keeps_the_last_weights(tiny_data: Path, tmp_path: Path) -> None:
    run = train(tiny_data, tmp_path / "run", settings(keep="last", removal="none"))
    evaluation = evaluate(run, "val")
    assert evaluation.measures.accuracy.value == pytest.approx(run.metrics["val_accuracy"].iloc[-1])
    assert len(run.removed) == 0


def test_validation_is_not_rounded_to_bf16_as_the_predictions_are_not(tiny_data: Path, tmp_path: Path) -> None:
    run = train(tiny_data, tmp_path / "run", settings(keep="last", removal="none", precision="bf16", epochs=2))
    faces = Manifest.read(tiny_data)
    rows = faces.rows("val")
    table = predict(load_model(run), faces, rows, settings(), torch.device("cpu"))
    loss = -np.log(table[PROBABILITIES].to_numpy()[np.arange(len(rows)), faces.labels[rows]]).mean()
    assert run.metrics["val_loss"].iloc[-1] == pytest.approx(loss, rel=1e-5), "rounded, it differs by 4e-5 and more"


def test_slade_gedeon_repeats_the_removal_and_ends_training(tiny_data: Path, tmp_path: Path) -> None:
    removal = {"rule": "slade-gedeon", "every": 1, "min_per_class": 1, "stop_variance": 0.25}
    run = train(tiny_data, tmp_path / "run", settings(removal=removal, epochs=6))
    assert len(run.metrics) == 1, "any normalised variance is at most 0.25, so training ends after the first step"
    assert set(run.removal_steps["rule"]) == {"slade-gedeon"}


@pytest.mark.slow
def test_two_processes_train_one_model_and_write_one_run(tiny_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    recipe = [*SMALL, "--epochs", "3", "--removal-epoch", "2", "--removal-min-per-class", "1"]
    result = bimodal("train", tiny_data, "--out", out, *recipe, "--devices", "2", "--accelerator", "cpu")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("epoch   1/3") == 1, "both processes print"
    assert "bimodal:" not in result.stderr, "one of the two failed"
    run = Run.open(out)
    assert run.metrics["examples"].tolist() == [70, 70, 70 - len(run.removed)]
    assert len(run.removed) > 0


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_from_a_file(tiny_data: Path, tmp_path: Path, suffix: str, cli: Callable[..., Outcome]) -> None:
    torch.manual_seed(1)
    weights = EmotionClassifier("test_resnet", 16, image_size=32).backbone.state_dict()
    file = tmp_path / f"weights{suffix}"
    save_file(weights, file) if suffix == ".safetensors" else torch.save(weights, file)
    recipe = [option for option in SMALL if option != "--no-pretrained"]
    out = tmp_path / "run"
    result = cli("train", tiny_data, "--out", out, *recipe, "--weights", file, "--epochs", "1", "--lr", "1e-9")
    assert result.returncode == 0, result.stderr
    trained = EmotionClassifier("test_resnet", 16, image_size=32)
    from safetensors.torch import load_file

    trained.load_state_dict(load_file(out / "model.safetensors"))
    torch.testing.assert_close(trained.backbone.conv1[0].weight, weights["conv1.0.weight"], atol=1e-5, rtol=1e-3)


BAD_OPTIONS = [
    (["--batch-size", "71"], ["--batch-size must be at most the 70 training faces, got 71"]),
    (["--lr", "0"], ["--lr must be a number from"]),
    (["--removal", "wong"], ["--removal must be one of"]),
    (["--removal-k", "-1"], ["--removal-k must be a number"]),
    (["--backbone", "resnet5"], ["--backbone must be bimodal/face-s or a model of timm", "resnet50"]),
    (["--preset", "big"], ["--preset must be one of paper, small"]),
    (["--config", "none.yaml"], ["--config must be a YAML file"]),
    (["--weights", "none.pth"], ["none.pth"]),
    (["--devices", "0"], ["--devices must be a whole number of at least 1"]),
    (["--devices", "17", "--accelerator", "cpu"], ["--batch-size must be at least the 17 processes, got 16"]),
    (["--accelerator", "tpu"], ["--accelerator must be one of auto, cpu, cuda"]),
]


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS)
def test_bad_options_are_one_line_and_write_nothing(
    tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome], options: list[str], words: list[str]
) -> None:
    out = tmp_path / "run"
    fails_with_one_line(cli("train", tiny_data, "--out", out, *SMALL, *options), *words)
    assert not out.exists()


def test_bad_data_is_one_line_and_writes_nothing(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    def train(data: Path) -> Outcome:
        return cli("train", data, "--out", tmp_path / "run", *SMALL)

    fails_with_one_line(train(tmp_path / "none"), "expected a data folder", "bimodal prepare")
    fails_with_one_line(train(write_data(tmp_path / "noval", {"train": 28})), "no faces in split val", "--val-share")
    one = write_data(tmp_path / "one", {"train": 28, "val": 7})
    table = pd.read_csv(one / "manifest.csv").assign(label="happy")
    table.to_csv(one / "manifest.csv", index=False)
    fails_with_one_line(train(one), "at least two emotions", "happy")
    broken = write_data(tmp_path / "broken", {"train": 28, "val": 7})
    (broken / "images/train-0003.png").write_bytes(b"no picture")
    fails_with_one_line(train(broken), "train-0003.png", "cannot be read")
    assert not (tmp_path / "run").exists()


def test_an_existing_folder_is_not_overwritten(tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/love.txt").write_text("dear")
    for options in ([], ["--overwrite"]):
        result = cli("train", tiny_data, "--out", tmp_path / "letters", *SMALL, *options)
        assert result.returncode == 2
    assert (tmp_path / "letters/love.txt").read_text() == "dear"
    run = tmp_path / "run"
    assert cli("train", tiny_data, "--out", run, *SMALL, "--epochs", "1").returncode == 0
    fails_with_one_line(cli("train", tiny_data, "--out", run, *SMALL, "--epochs", "2"), "exists", "--overwrite")
    assert len(Run.open(run).metrics) == 1
    assert cli("train", tiny_data, "--out", run, *SMALL, "--epochs", "2", "--overwrite").returncode == 0
    assert len(Run.open(run).metrics) == 2


def test_ctrl_c_before_the_run_is_described_leaves_no_folder(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bimodal.runs.writer.yaml.safe_dump", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_data, tmp_path / "runs/run", TrainSettings.preset("small", {"epochs": 1, "batch_size": 16}))
    assert not list((tmp_path / "runs").iterdir())


def test_a_loss_that_explodes_stops_and_keeps_the_last_good_state(
    tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = EmotionModule._logits_without_dropout

    def spoil(module: EmotionModule, features: torch.Tensor) -> torch.Tensor:
        if module.current_epoch == 1:
            module.model.head[1].weight.data.fill_(float("nan"))
        return step(module, features)

    monkeypatch.setattr(EmotionModule, "_logits_without_dropout", spoil)
    result = cli("train", tiny_data, "--out", tmp_path / "run", *SMALL, "--epochs", "3")
    assert result.returncode == 2
    line = result.stderr.strip().splitlines()[-1]
    assert "the loss became nan at step 7 (epoch 2)" in line
    monkeypatch.undo()
    assert (tmp_path / "run/last.ckpt").exists()
    assert not (tmp_path / "run/model.safetensors").exists()
    again = forked.bimodal("train", "--out", tmp_path / "run", "--resume")
    assert again.returncode == 0, again.stderr
    assert len(Run.open(tmp_path / "run").metrics) == 3


def test_overwrite_deletes_nothing_of_the_users(
    run: Run, tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    (copy / "notes.txt").write_text("dear")
    (tmp_path / "link").symlink_to(copy)
    fails_with_one_line(cli("train", tiny_data, "--out", copy, *SMALL, "--overwrite"), "'notes.txt'", "move it away")
    fails_with_one_line(
        cli("train", tiny_data, "--out", tmp_path / "link", *SMALL, "--overwrite"), "replaces only a folder"
    )
    assert (copy / "notes.txt").read_text() == "dear"


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 20])
def test_every_epoch_of_the_cycle_has_a_learning_rate(epochs: int) -> None:
    factors = [learning_rate_factor(epoch, epochs) for epoch in range(epochs)]
    assert all(0 < factor <= 1 for factor in factors)
    assert max(factors) == 1


def test_pretraining_on_the_validation_and_test_faces_is_reported(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = Manifest.read(tiny_data)
    known = [*manifest.rows("val")[:2], *manifest.rows("test")[:3]]
    np.save(
        tmp_path / packaged.TRAINING_DIGESTS, packaged.short_digests([manifest.pixel_digests[row] for row in known])
    )
    save_file(
        {name: tensor.contiguous() for name, tensor in FaceNet().state_dict().items()}, tmp_path / packaged.WEIGHTS
    )
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    face = TrainSettings.preset("face", {"epochs": 1, "batch_size": 16, "head_start": "random"})
    run = train(tiny_data, tmp_path / "run", face)
    assert f"{packaged.FACE} was pretrained on 2 of these 21 pictures for validation: " in caplog.text
    remarks = evaluate(run).remarks
    assert any(
        remark.startswith(f"{packaged.FACE} was pretrained on 3 of these 21 pictures, and") for remark in remarks
    )
    assert "whose images have no clear licence" in (run.path / "README.md").read_text()
