"""`--preset probe`: a logistic regression on frozen features gives a full run folder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.features.embedder import packaged_embedder
from bimodal.features.probe import Probe
from bimodal.features.store import features_of
from bimodal.models.head import build_head
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training.evaluate import evaluate
from bimodal.training.hardware import Hardware
from bimodal.training.predict import load_model
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train


def test_a_probe_is_a_full_run_whose_head_is_the_regression(tiny_data: Path, tmp_path: Path) -> None:
    run = train(tiny_data, tmp_path / "run", TrainSettings.preset("probe"))
    assert run.is_finished
    assert len(run.metrics) == 1
    assert run.removed.empty
    manifest = Manifest.read(tiny_data)
    rows = manifest.rows("train")
    values = np.asarray(features_of(manifest, packaged_embedder()).values, dtype=np.float32)
    model = load_model(run)
    penalties = [
        Probe.fit(values[rows], manifest.labels[rows], 7, penalty).logits(values)
        for penalty in (0.0003, 0.001, 0.003, 0.01, 0.03)
    ]
    with torch.inference_mode():
        logits = model.head(torch.from_numpy(values)).numpy()
    centred = logits - logits.mean(axis=1, keepdims=True)
    assert min(np.abs(centred - (other - other.mean(axis=1, keepdims=True))).max() for other in penalties) < 1e-2
    result = evaluate(run.path, "test")
    assert result.measures.accuracy.value > 0.25  # the blobs differ in colour, which this network does not see
    table = run.predictions("val")
    best = table[PROBABILITIES].to_numpy().argmax(axis=1)
    assert [f"p_{name}" for name in table["predicted"]] == [PROBABILITIES[code] for code in best]
    np.testing.assert_allclose(table[PROBABILITIES].sum(axis=1), 1, atol=1e-6)


def test_removal_is_applied_once_to_out_of_sample_losses(tiny_data: Path, tmp_path: Path) -> None:
    removal = {"rule": "wang", "epoch": 1, "k": 0, "min_per_class": 1}
    run = train(tiny_data, tmp_path / "run", TrainSettings.preset("probe", {"removal": removal}))
    assert len(run.removed) > 0
    assert run.removed["epoch"].eq(1).all()
    assert run.losses["kept"].sum() == len(run.losses["kept"]) - len(run.removed)


def test_the_same_seed_gives_the_same_weights(tiny_data: Path, tmp_path: Path) -> None:
    first, second = (train(tiny_data, tmp_path / name, TrainSettings.preset("probe")) for name in "ab")
    weights = [(run.path / "model.safetensors").read_bytes() for run in (first, second)]
    assert weights[0] == weights[1]


def test_another_backbone_from_random_weights(tiny_data: Path, tmp_path: Path) -> None:
    changes = {"backbone": "test_resnet", "pretrained": False, "image_size": 32}
    run = train(tiny_data, tmp_path / "run", TrainSettings.preset("probe", changes))
    assert Run.open(run.path).is_finished


def test_a_probe_needs_a_linear_head_and_one_process(tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--hidden 0"):
        TrainSettings.preset("probe", {"hidden": 8})
    with pytest.raises(InputError, match="one process"):
        train(tiny_data, tmp_path / "run", TrainSettings.preset("probe"), hardware=Hardware("cpu", devices=2))
    assert not (tmp_path / "run").exists()


def test_a_head_without_a_hidden_layer_is_linear() -> None:
    assert [type(layer).__name__ for layer in build_head(8, 0)] == ["Dropout", "Linear"]


def test_kept_weights_that_are_older_than_the_removal_are_reported(
    tiny_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {
        "backbone": "test_resnet", "pretrained": False, "image_size": 32, "hidden": 16, "batch_size": 16, "epochs": 3,
        "lr": 1e-9, "keep": "best", "removal": {"rule": "wang", "epoch": 3, "k": 0, "min_per_class": 1},
    }  # fmt: skip
    with caplog.at_level("WARNING", logger="bimodal"):
        run = train(tiny_data, tmp_path / "run", TrainSettings.preset("paper", changes))
    assert len(run.removed) > 0
    assert "before the removal after epoch 3" in caplog.text
