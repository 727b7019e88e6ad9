"""Features of arrays, files and data folders; other networks; the command; one clear line for what cannot be used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
from PIL import Image
from safetensors.torch import save_file

import bimodal
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.model_files.onnx_network import load_onnx
from bimodal.vision.pictures import decode
from tests.conftest import Outcome, fails_with_one_line
from tests.test_api import loaded_after


def test_arrays_files_and_a_data_folder_have_the_same_features(tiny_data: Path) -> None:
    manifest = Manifest.read(tiny_data)
    files = [manifest.path(row) for row in range(70)]  # more than one batch
    folder = bimodal.embed(tiny_data)
    by_file = bimodal.embed(files)
    by_array = bimodal.embed([decode(file) for file in files])
    assert folder.shape == (len(manifest), 256)
    assert {part.dtype for part in (folder, by_file, by_array)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(by_file, by_array)
    np.testing.assert_allclose(folder[:70], by_file, rtol=2e-3, atol=2e-3)  # the cache has half precision
    np.testing.assert_array_equal(bimodal.embed([str(file) for file in files[:3]]), bimodal.embed(files[:3]))
    mixed = bimodal.embed([files[0], decode(files[1])])
    np.testing.assert_allclose(mixed, by_file[:2], rtol=1e-4, atol=1e-4)


def test_a_single_picture_is_a_sequence_of_one(tiny_data: Path) -> None:
    file = Manifest.read(tiny_data).path(0)
    expected = bimodal.embed([file])
    assert expected.shape == (1, 256)
    np.testing.assert_array_equal(bimodal.embed(str(file)), expected)
    np.testing.assert_array_equal(bimodal.embed(decode(file)), expected)
    np.testing.assert_array_equal(bimodal.embed(np.stack([decode(file)])), expected)


def test_a_picture_and_its_mirror_image_have_the_same_features(tiny_data: Path) -> None:
    picture = decode(Manifest.read(tiny_data).path(0))
    first, second = bimodal.embed([picture, np.ascontiguousarray(picture[:, ::-1])])
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


def test_a_backbone_of_timm_gives_the_features_that_timm_gives(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    found = bimodal.embed([picture], backbone="test_resnet", weights=tmp_path / "weights.safetensors", image_size=64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    image = ((torch.tensor(picture) / 255 - mean) / std).permute(2, 0, 1)[None]
    headless = model.eval()
    headless.reset_classifier(0)
    with torch.no_grad():
        expected = (headless(image) + headless(image.flip(3))) / 2
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)


def test_no_torch_is_loaded(tiny_data: Path) -> None:
    code = f"import bimodal; bimodal.embed({str(tiny_data)!r}); bimodal.embed([{str(tiny_data / 'images/val-0000.png')!r}])"
    assert not loaded_after(code) & {"torch", "lightning", "timm", "matplotlib"}


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ("nowhere", {}, "no picture at nowhere"),
        ([Path("nowhere.png")], {}, "no picture at nowhere.png"),
        ([], {}, "empty sequence"),
        (["notes.txt"], {}, "notes.txt cannot be read"),
        (["grey.png", np.zeros((4, 4), np.uint8)], {}, r"uint8 pictures \(H,W,3\), got uint8 of shape \(4, 4\)"),
        ([np.zeros((4, 4, 3))], {}, "got float64"),
        ([np.zeros((0, 4, 3), np.uint8)], {}, r"got uint8 of shape \(0, 4, 3\)"),
        ("folder", {}, "no manifest.csv"),
        (["grey.png"], {"model": "nowhere.onnx"}, "no model at"),
        (["grey.png"], {"backbone": "no_such_net", "weights": "notes.txt"}, "no_such_net"),
        (["grey.png"], {"backbone": "test_resnet", "weights": "notes.txt"}, "notes.txt"),
        (["grey.png"], {"backbone": "test_resnet", "image_size": 5}, "--image-size must be a whole number from 32"),
        (["grey.png"], {"backbone": "test_resnet", "model": "a"}, "exclude each other"),
        (["grey.png"], {"weights": "a"}, "--weights needs --backbone"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(
    images: Any, options: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("no picture")
    Image.new("L", (8, 8)).save("grey.png")
    with pytest.raises(InputError, match=message) as caught:
        bimodal.embed(images, **options)
    assert "\n" not in str(caught.value)


def test_a_network_that_gives_logits_alone_is_refused(onnx_file: Path) -> None:
    assert load_onnx(onnx_file).embed is None
    with pytest.raises(InputError, match="gives no features: export it again with bimodal export"):
        bimodal.embed([np.zeros((8, 8, 3), np.uint8)], onnx_file)


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_the_command_writes_names_and_features(
    tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome], suffix: str
) -> None:
    file = tmp_path / f"features{suffix}"
    result = cli("embed", tiny_data, "--out", file)
    assert result.returncode == 0, result.stderr
    assert "112 pictures, 256 features each" in result.stdout
    if suffix == ".npz":
        with np.load(file) as stored:
            images, features = stored["image"].tolist(), stored["features"]
    else:
        table = pd.read_csv(file)
        images, features = table.pop("image").tolist(), table.to_numpy(dtype=np.float32)
    assert features.dtype == np.float32
    assert images == Manifest.read(tiny_data).table["image"].tolist()
    np.testing.assert_allclose(features, bimodal.embed(tiny_data), rtol=1e-6)


def test_the_command_fails_with_one_line(tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    fails_with_one_line(cli("embed", tiny_data, "--out", tmp_path / "a.txt"), "--out must end in .npz or .csv")
    fails_with_one_line(cli("embed", tmp_path / "nowhere", "--out", tmp_path / "a.npz"), "nowhere")
    fails_with_one_line(cli("embed", tmp_path, "--out", tmp_path / "a.npz"), "manifest.csv")
    assert not list(tmp_path.iterdir())
