"""Options of the recipe: the start of the head, learning rates by stage, smoothing, mixup, averaged weights, mirror images."""

import signal
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, one_hot

import bimodal
from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.export.export import export_run
from bimodal.features.probe import INVERSE_PENALTIES, Probe
from bimodal.features.store import features_of
from bimodal.label_audit.network import network_outputs
from bimodal.model_files.network import Network
from bimodal.models import EmotionClassifier
from bimodal.models.face_net import FaceNet
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training.evaluate import evaluate
from bimodal.training.layer_decay import learning_rate_groups
from bimodal.training.module import EmotionModule
from bimodal.training.predict import load_model
from bimodal.training.probe import _embedder
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train
from tests.conftest import SMALL
from tests.forked import bimodal as command
from tests.training.conftest import settings
from tests.training.test_resume import interrupt

OPTIONS = ("head_start", "layer_decay", "label_smoothing", "mixup", "ema", "mirror")
OFF = {"head_start": "random", "layer_decay": 1.0, "label_smoothing": 0.0, "mixup": 0.0, "ema": 0.0, "mirror": False}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of weights of the small backbone, in place of pretrained ones."""
    torch.manual_seed(5)
    file = tmp_path_factory.mktemp("weights") / "backbone.pth"
    torch.save(EmotionClassifier("test_resnet", 0, image_size=32).backbone.state_dict(), file)
    return str(file)


def classifier(hidden: int = 16) -> EmotionClassifier:
    torch.manual_seed(0)
    return EmotionClassifier("test_resnet", hidden, 0.0, 0.0, 32)


def batch(count: int = 8) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {"image": torch.randn(count, 3, 32, 32), "label": torch.arange(count) % 7, "index": torch.arange(count)}


@pytest.mark.parametrize("preset", ["paper", "small"])
def test_every_option_is_off(preset: str) -> None:
    values = TrainSettings.preset(preset).to_dict()
    assert {name: values[name] for name in OPTIONS} == OFF


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer_decay": 0}, "--layer-decay must be a number from 0.01 to 1, got 0"),
        ({"label_smoothing": 1}, "--label-smoothing must be a number from 0 to 0.9, got 1"),
        ({"mixup": -1}, "--mixup must be a number from 0 to 10, got -1"),
        ({"ema": 1}, "--ema must be a number from 0 to 0.9999, got 1"),
        ({"mirror": "yes"}, "--mirror must be true or false"),
        ({"head_start": "svm"}, "--head-start must be one of random, probe, got 'svm'"),
        ({"head_start": "probe"}, "--head-start probe needs a linear head, --hidden 0"),
        ({"head_start": "probe", "hidden": 0, "pretrained": False}, "--head-start probe needs a pretrained backbone"),
    ],
)
def test_bad_values_are_named(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainSettings.preset("paper", changes)


def test_label_smoothing_changes_the_loss_but_not_the_losses_of_examples() -> None:
    model, faces = classifier(), batch()
    plain = EmotionModule(model).train().training_step(faces, 0)
    smooth = EmotionModule(model, label_smoothing=0.3).train().training_step(faces, 0)
    targets = 0.7 * one_hot(faces["label"], 7) + 0.3 / 7
    expected = -(targets * plain["logits"].log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(smooth["loss"], expected)
    torch.testing.assert_close(smooth["sample_loss"], plain["sample_loss"])
    assert abs(smooth["loss"] - plain["loss"]) > 1e-3


def test_mixup_trains_on_mixtures_but_measures_losses_on_unmixed_faces_and_labels() -> None:
    model, faces = classifier(), batch()
    module = EmotionModule(model, mixup=5.0).train()
    inputs: list[torch.Tensor] = []
    handle = model.backbone.register_forward_pre_hook(lambda _, given: inputs.append(given[0].clone()))
    passes = {name: value.clone() for name, value in model.named_buffers() if "num_batches" in name}
    torch.manual_seed(2)
    result = module.training_step(faces, 0)
    handle.remove()
    assert len(inputs) == 2
    assert torch.equal(inputs[1], faces["image"])
    neighbours = faces["image"].roll(1, 0)
    share = ((inputs[0] - neighbours) / (faces["image"] - neighbours)).median()
    assert 0.05 < share < 0.95
    torch.testing.assert_close(inputs[0], share * faces["image"] + (1 - share) * neighbours, atol=1e-4, rtol=1e-4)
    assert passes
    assert all(value - passes[name] == 1 for name, value in model.named_buffers() if name in passes)
    assert all(part.training for part in model.modules())
    with torch.no_grad():
        logits = module.eval()(faces["image"])
    torch.testing.assert_close(result["logits"], logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(result["sample_loss"], cross_entropy(result["logits"], faces["label"], reduction="none"))


def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses() -> None:
    model, faces = classifier(), batch()
    module = EmotionModule(model, mixup=1.0, label_smoothing=0.1).train()
    torch.manual_seed(2)
    images, targets = module.mix(faces["image"], faces["label"])  # type: ignore[misc]
    share = targets[1, 1]
    torch.manual_seed(2)
    loss = module.training_step(faces, 0)["loss"]
    logits = model(images)
    labels = faces["label"]
    ends = [cross_entropy(logits, each, label_smoothing=0.1) for each in (labels, labels.roll(1))]
    torch.testing.assert_close(loss, share * ends[0] + (1 - share) * ends[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["bimodal/face-s", "test_resnet", "test_vit"])
def test_each_parameter_has_one_learning_rate_and_lower_stages_lower_ones(name: str) -> None:
    size = {"test_vit": 160}.get(name, 44)
    model = EmotionClassifier(name, 0, image_size=size)
    groups = learning_rate_groups(model, 0.1, 0.5)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in model.parameters())
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert {rates[id(parameter)] for parameter in model.head.parameters()} == {0.1}
    assert [group["lr"] for group in groups] == [0.1 * 0.5**depth for depth in range(len(groups))]
    if isinstance(model.backbone, FaceNet):
        last, first = (rates[id(next(part.parameters()))] for part in (model.backbone.stages[2], model.backbone.stem))
        assert (last, first) == (0.05, 0.1 * 0.5**4)


def test_layer_decay_moves_the_first_stages_less(tiny_data: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    start = FaceNet().state_dict()
    file = tmp_path / "start.pth"
    torch.save(start, file)
    moved = {}
    for decay in (1.0, 0.1):
        changes = {
            "backbone": "bimodal/face-s",
            "weights": str(file),
            "layer_decay": decay,
            "epochs": 1,
            "keep": "last",
        }
        run = train(tiny_data, tmp_path / str(decay), settings(**changes, schedule="cycle"))
        end = load_file(run.path / "model.safetensors")
        moved[decay] = [
            float((end[f"backbone.{name}"] - start[name]).abs().mean())
            for name in ("stem.0.weight", "stages.2.1.first.0.weight")
        ]
    assert moved[0.1][0] < 0.01 * moved[1.0][0]
    assert 0.03 < moved[0.1][1] / moved[1.0][1] < 0.3


def test_a_head_starts_as_the_probe_on_the_features_of_its_backbone(
    tiny_data: Path, tmp_path: Path, weights: str
) -> None:
    changes = {"hidden": 0, "weights": weights, "epochs": 1, "lr": 1e-9, "keep": "last", "removal": "none"}
    run = train(tiny_data, tmp_path / "run", settings(**changes, head_start="probe"))
    manifest = Manifest.read(tiny_data)
    untrained = EmotionClassifier("test_resnet", 0, image_size=32)
    untrained.backbone.load_state_dict(torch.load(weights))
    values = np.asarray(features_of(manifest, _embedder(untrained, settings(**changes))).values, dtype=np.float32)
    rows = manifest.rows("train")
    probes = [
        Probe.fit(values[rows], manifest.labels[rows], 7, penalty).logits(values) for penalty in INVERSE_PENALTIES
    ]
    other = train(tiny_data, tmp_path / "random", settings(**changes))
    distances = []
    for each in (run, other):
        with torch.inference_mode():
            logits = load_model(each).head(torch.from_numpy(values)).numpy()
        distances.append(min(np.abs(logits - expected).max() for expected in probes))
    assert distances[0] < 1e-2
    assert distances[1] > 0.05


def test_averaged_weights_are_the_moving_average_of_the_weights_after_each_step(
    tiny_data: Path, tmp_path: Path
) -> None:
    weights: list[torch.Tensor] = []

    class Record(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: object) -> None:
            weights.append(pl_module.model.head[1].weight.detach().clone())  # type: ignore[union-attr,index]

    changes = {"ema": 0.8, "keep": "last", "epochs": 2, "removal": "none"}
    run = train(tiny_data, tmp_path / "run", settings(**changes), callbacks=[Record()])
    assert len(weights) == 10
    expected = weights[0]
    for count, weight in enumerate(weights[1:], start=1):
        decay = min(0.8, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * weight
    kept = load_file(run.path / "model.safetensors")["head.1.weight"]
    torch.testing.assert_close(kept, expected)
    assert (kept - weights[-1]).abs().max() > 1e-4
    assert evaluate(run, "val").measures.accuracy.value == pytest.approx(run.metrics["val_accuracy"].iloc[-1])


@pytest.mark.slow
def test_a_resumed_run_with_all_options_equals_an_uninterrupted_one(
    tiny_data: Path, tmp_path: Path, weights: str
) -> None:
    recipe = [
        *SMALL,
        "--epochs",
        "5",
        "--hidden",
        "0",
        "--head-start",
        "probe",
        "--layer-decay",
        "0.5",
        "--mixup",
        "0.4",
    ]
    recipe += ["--label-smoothing", "0.1", "--ema", "0.9", "--mirror", "--schedule", "cycle", "--removal-epoch", "2"]
    recipe += ["--keep", "last", "--weights", weights]
    whole, run = tmp_path / "whole", tmp_path / "run"
    result = command("train", tiny_data, "--out", whole, *recipe)
    assert result.returncode == 0, result.stderr
    interrupt(tiny_data, run, signal.SIGKILL, 2, recipe)
    assert not (run / "model.safetensors").exists(), "the signal came too late to be a test"
    result = command("train", "--out", run, "--resume")
    assert result.returncode == 0, result.stderr
    assert "starts as a logistic regression" not in result.stdout
    for name in ("model.safetensors", "metrics.csv", "steps.csv", "removed.csv", "predictions_val.csv"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.fixture(scope="module")
def mirrored(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A run, and the same run with `mirror`."""
    folder = tmp_path_factory.mktemp("mirror")
    changes = {"keep": "last", "removal": "none", "epochs": 2, "augment": "none"}
    return (
        train(tiny_data, folder / "plain", settings(**changes)),
        train(tiny_data, folder / "mirrored", settings(**changes, mirror=True)),
    )


def test_mirror_averages_the_logits_of_both_views_wherever_a_run_predicts(
    mirrored: tuple[Run, Run], tiny_data: Path, tmp_path: Path
) -> None:
    plain, run = mirrored
    files = [each.path / "model.safetensors" for each in mirrored]
    assert files[0].read_bytes() == files[1].read_bytes(), "mirror must not change the training"
    assert (plain.info.mirror, run.info.mirror) == (False, True)
    manifest = Manifest.read(tiny_data)
    rows = manifest.rows("test")
    assert evaluate(run, "val").measures.accuracy.value == pytest.approx(run.metrics["val_accuracy"].iloc[-1])
    evaluate(run, "test", out=tmp_path / "test.csv")
    expected = pd.read_csv(tmp_path / "test.csv")[PROBABILITIES].to_numpy()
    network = bimodal.load(run.path)
    faces = np.asarray(decoded(manifest, network.info.image_size)[rows])
    inputs = network.normalise(faces)
    views = [network.forward(view) for view in (inputs, np.ascontiguousarray(inputs[..., ::-1]))]
    assert np.abs(views[0] - views[1]).max() > 0.05
    logits = (views[0] + views[1]).astype(np.float64) / 2 / network.info.temperature
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network.probabilities(faces), probabilities, atol=1e-6)
    np.testing.assert_allclose(network.probabilities(faces, flip=True), probabilities, atol=1e-6)
    np.testing.assert_allclose(expected, probabilities, atol=1e-5)
    export_run(run.path, tmp_path / "model.onnx")
    exported: Network = bimodal.load(tmp_path / "model.onnx")
    assert exported.info.mirror
    np.testing.assert_allclose(exported.probabilities(faces), probabilities, atol=1e-4)
    audit = network_outputs(run, manifest, rows)[1] ** (1 / run.info.temperature)
    np.testing.assert_allclose(audit / audit.sum(axis=1, keepdims=True), probabilities, atol=1e-5)
