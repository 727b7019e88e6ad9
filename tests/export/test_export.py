"""Export and publication of a run: equal probabilities after export, and nothing of the faces in the files."""

import re
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

import bimodal as package
from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.export.int8 import write_int8
from bimodal.export.onnx import measure_parity, to_onnx, write_onnx
from bimodal.inference.load import fetch_published
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.model_files.onnx_network import load_onnx
from bimodal.model_files.packaged import FACE
from bimodal.models import EmotionClassifier
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train
from tests.conftest import Outcome, fails_with_one_line, write_data

SETTINGS = {
    "epochs": 3,
    "removal": "none",
    "seed": 1,
    "pretrained": False,
    "image_size": 32,
    "batch_size": 16,
    "lr": 0.003,
}


@pytest.fixture(scope="module")
def run(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    train(tiny_data, out, TrainSettings.preset("small", SETTINGS))
    return out


def faces_of(data: Path, split: str = "val") -> np.ndarray:  # type: ignore[type-arg]
    manifest = Manifest.read(data)
    return np.asarray(decoded(manifest, 32)[manifest.rows(split)])


def test_a_run_describes_itself_and_is_calibrated(run: Path, tiny_data: Path) -> None:
    info = ModelInfo.read(run / INFO_FILE)
    assert (info.image_size, info.aligned) == (32, False)
    assert info.temperature != 1
    network = package.load(run)
    assert network.info == info
    assert np.allclose(network.probabilities(faces_of(tiny_data)).sum(axis=1), 1)


def test_onnx_gives_the_same_probabilities(
    run: Path, tiny_data: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    out = tmp_path / "new/model.onnx"
    result = cli("export", run, "--out", out)
    assert result.returncode == 0, result.stderr
    assert "largest difference from PyTorch on 21 validation faces" in result.stdout
    faces = faces_of(tiny_data)
    ours, theirs = package.load(run).probabilities(faces), package.load(out).probabilities(faces)
    assert np.abs(ours - theirs).max() < 1e-5
    assert package.load(out).info == package.load(run).info
    assert b".py" not in out.read_bytes(), "paths of this machine"
    fails_with_one_line(cli("export", run, "--out", out), "exists")
    assert cli("export", run, "--out", out, "--overwrite").returncode == 0
    fails_with_one_line(cli("export", run, "--out", tmp_path / "model.pb"), "must end in .onnx")
    fails_with_one_line(cli("export", run, "--format", "tflite"), "--format must be onnx")
    fails_with_one_line(cli("export", tmp_path), "expected a run folder")


def test_int8_reports_the_change_in_accuracy(
    run: Path, tiny_data: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    single, small = tmp_path / "single.onnx", tmp_path / "small.onnx"
    assert cli("export", run, "--out", single).returncode == 0
    result = cli("export", run, "--int8", "--out", small)
    assert result.returncode == 0, result.stderr
    assert "8 bits change the accuracy on 21 validation faces by" in result.stdout
    assert small.stat().st_size < 0.5 * single.stat().st_size
    faces = faces_of(tiny_data)
    apart = np.abs(package.load(small).probabilities(faces) - package.load(single).probabilities(faces))
    assert 0 < apart.mean() < 0.1


@pytest.mark.parametrize("count", [1, 40, 150])
def test_int8_can_be_calibrated_on_any_number_of_faces(tmp_path: Path, count: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)).eval()
    info = ModelInfo("a", ("x", "y"), 32)
    faces = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    write_onnx(model, info, tmp_path / "single.onnx", faces)
    write_int8(tmp_path / "single.onnx", tmp_path / "int8.onnx", info, faces)
    single, small = (package.load(tmp_path / f"{name}.onnx").probabilities(faces) for name in ("single", "int8"))
    assert 0 < np.abs(small - single).max() < 0.05


def test_an_export_that_differs_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    proto = to_onnx(model, ModelInfo("a", ("x", "y"), 32))
    other = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    monkeypatch.setattr("bimodal.export.onnx.to_onnx", lambda *_: proto)
    faces = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    with pytest.raises(InputError, match="differ from the original"):
        write_onnx(other, ModelInfo("a", ("x", "y"), 32), tmp_path / "a.onnx", faces)
    assert list(tmp_path.iterdir()) == []
    assert write_onnx(model, ModelInfo("a", ("x", "y"), 32), tmp_path / "a.onnx", faces).logits < 1e-4


def test_half_precision_weights_halve_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = (
        nn.Sequential(nn.Conv2d(3, 64, 8, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2))
        .half()
        .float()
    )
    info = ModelInfo("a", ("x", "y"), 32)
    faces = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    write_onnx(model, info, tmp_path / "single.onnx", faces)
    parity = write_onnx(model, info, tmp_path / "half.onnx", faces, half=True)
    assert parity.logits < 1e-4, "weights that are half-precision numbers are stored exactly"
    assert (tmp_path / "half.onnx").stat().st_size < 0.6 * (tmp_path / "single.onnx").stat().st_size
    assert measure_parity(model, load_onnx(tmp_path / "half.onnx"), faces).probabilities < 1e-5


def test_a_published_folder_can_be_loaded_and_holds_nothing_of_the_faces(
    run: Path, tiny_data: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    out = tmp_path / "published"
    result = cli("publish", run, "--out", out)
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "config.yaml",
        "model.json",
        "model.safetensors",
    ]
    for path in out.iterdir():
        content = path.read_bytes()
        assert str(tiny_data).encode() not in content
        assert b"images/" not in content
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: bimodal")
    assert "does not prove a feeling" in " ".join(card.split())
    faces = faces_of(tiny_data)
    assert np.array_equal(package.load(out).probabilities(faces), package.load(run).probabilities(faces))
    fails_with_one_line(cli("publish", run, "--out", out), "exists")
    assert cli("publish", run, "--out", out, "--overwrite").returncode == 0
    (out / "letter").touch()
    fails_with_one_line(cli("publish", run, "--out", out, "--overwrite"), "letter")
    fails_with_one_line(cli("publish", run), "--out is required")
    assert cli("export", out, "--out", tmp_path / "model.onnx").returncode == 0
    fails_with_one_line(cli("export", out, "--int8", "--out", tmp_path / "small.onnx"), "--data")
    (tmp_path / "git/.git").mkdir(parents=True)
    for name in ("model.json", "model.safetensors", "config.yaml"):
        (tmp_path / "git" / name).write_bytes((out / name).read_bytes())
    fails_with_one_line(cli("publish", run, "--out", tmp_path / "git", "--overwrite"), ".git")


def test_a_damaged_or_newer_folder_gives_one_line(
    run: Path, tiny_data: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    out = tmp_path / "published"
    assert cli("publish", run, "--out", out).returncode == 0
    weights = (out / "model.safetensors").read_bytes()
    (out / "model.safetensors").write_bytes(weights[:1000])
    fails_with_one_line(cli("predict", tiny_data, "--model", out, "--no-detect"), "is damaged or was replaced")
    (out / "model.safetensors").write_bytes(weights)
    text = re.sub('"weights_sha256": "[0-9a-f]+"', '"weights_sha256": ""', (out / INFO_FILE).read_text())
    (out / INFO_FILE).write_text(text)
    (out / INFO_FILE).write_text(text.replace('"format": 1', '"format": 7'))
    fails_with_one_line(cli("predict", tiny_data, "--model", out, "--no-detect"), "newer bimodal")
    (out / INFO_FILE).write_text(text.replace('"surprise"', '"surprise", "contempt"'))
    fails_with_one_line(
        cli("predict", tiny_data, "--model", out, "--no-detect"), "has 8 emotions, the network has 7 outputs"
    )
    (out / INFO_FILE).write_text(text.replace('"image_size": 32', '"image_size": 64'))
    fails_with_one_line(cli("predict", tiny_data, "--model", out, "--no-detect"), "image_size 64", "32")
    (out / INFO_FILE).write_text(text)
    spoilt = {name: tensor * float("nan") for name, tensor in load_file(out / "model.safetensors").items()}
    save_file(spoilt, out / "model.safetensors")
    fails_with_one_line(cli("predict", tiny_data, "--model", out, "--no-detect"), "not finite")
    config = (out / "config.yaml").read_text()
    (out / "config.yaml").write_text("a: &a [1, 2]\nb: [*a, *a]\n" + config)
    fails_with_one_line(cli("predict", tiny_data, "--model", out, "--no-detect"), "not readable as YAML", "references")


def test_an_export_without_the_data_is_compared_on_random_pixels(
    run: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    published = tmp_path / "published"
    assert cli("publish", run, "--out", published).returncode == 0
    result = cli("export", published, "--out", tmp_path / "a.onnx")
    assert result.returncode == 0, result.stderr
    assert "on 64 images of random pixels" in result.stdout
    bare = write_data(tmp_path / "bare", {"train": 21})
    fails_with_one_line(cli("export", run, "--out", tmp_path / "b.onnx", "--data", bare), "no faces in split val")
    assert not (tmp_path / "b.onnx").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"checkpoint_path": "/etc/passwd"},
        {"stem_width": -1},
        {"stem_width": 10**9},
        {"act_layer": [[1]]},
        {"pretrained_cfg": 1},
    ],
)
def test_backbone_options_of_a_published_network_are_checked(
    run: Path, tiny_data: Path, cli: Callable[..., Outcome], tmp_path: Path, options: dict[str, object]
) -> None:
    out = tmp_path / "published"
    assert cli("publish", run, "--out", out).returncode == 0
    config = yaml.safe_load((out / "config.yaml").read_text())
    (out / "config.yaml").write_text(yaml.safe_dump({**config, "backbone_options": options}))
    fails_with_one_line(cli("predict", tiny_data, "--model", out, "--no-detect"), "backbone-options")


def test_backbone_options_cannot_make_a_huge_network(monkeypatch: pytest.MonkeyPatch) -> None:
    EmotionClassifier("test_resnet", image_size=32, options={"stem_width": 16})
    monkeypatch.setattr("bimodal.models.classifier._MOST_WEIGHTS", 10**4)
    with pytest.raises(InputError, match=r"backbone-options.*more than 10,000 weights"):
        EmotionClassifier("test_resnet", image_size=32, options={"stem_width": 16})


def test_a_huge_network_is_refused_before_it_fills_the_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"backbone-options.*more than 2,000,000,000 weights"):
        EmotionClassifier("vit_tiny_patch16_224", options={"depth": 400, "embed_dim": 768})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20, "more than 1 GiB was allocated"


def test_replaced_weights_are_noticed(run: Path, tiny_data: Path, cli: Callable[..., Outcome], tmp_path: Path) -> None:
    out = tmp_path / "published"
    assert cli("publish", run, "--out", out).returncode == 0
    content = bytearray((out / "model.safetensors").read_bytes())
    content[-2] ^= 1
    (out / "model.safetensors").write_bytes(content)
    fails_with_one_line(cli("predict", tiny_data, "--model", out, "--no-detect"), "does not match the checksum")


def test_without_a_connection_a_repository_gives_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("bimodal.inference.load._TIMEOUT_S", 1)
    with pytest.raises(InputError, match="owner/name"):
        fetch_published("nobody-at-all/nothing")


@pytest.mark.slow
def test_the_face_network_is_trained_and_exported(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    data = write_data(tmp_path / "data", {"train": 70, "val": 14, "test": 14})
    options = [
        "--backbone",
        FACE,
        "--no-pretrained",
        "--image-size",
        32,
        "--hidden",
        16,
        "--batch-size",
        16,
        "--lr",
        0.003,
    ]
    out = tmp_path / "run"
    result = cli("train", data, "--out", out, "--epochs", 2, "--removal", "none", *options)
    assert result.returncode == 0, result.stderr
    assert cli("export", out).returncode == 0
    faces = faces_of(data)
    apart = package.load(out).probabilities(faces) - package.load(out / "model.onnx").probabilities(faces)
    assert np.abs(apart).max() < 1e-5
    fails_with_one_line(cli("train", data, "--out", tmp_path / "b", "--backbone", "bimodal/face-xl"), FACE, "face-xl")
