"""`bimodal train` with a pretrained backbone, from a local hub and without a hub."""

import os
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save

from tests.conftest import SMALL, bimodal, fails_with_one_line
from tests.models.conftest import Hub

NAME = "test_resnet.r160_in1k"
RECIPE = [option for option in SMALL if option not in ("--no-pretrained", "test_resnet", "--backbone")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    cleared = {key: "" for key in os.environ if key.startswith("HF_")}
    return cleared | {"HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1,127.0.0.2"}


def test_training_starts_from_the_weights_of_the_hub(
    hub: Hub, tiny_data: Path, tmp_path: Path, environment: dict
) -> None:
    torch.manual_seed(3)
    weights = timm.create_model("test_resnet").state_dict()
    hub.files[f"timm/{NAME}"] = save(weights)
    out = tmp_path / "run"
    arguments = ["train", tiny_data, "--out", out, *RECIPE, "--backbone", NAME, "--epochs", "1", "--lr", "1e-9"]
    result = bimodal(*arguments, env=environment | {"HF_ENDPOINT": hub.url})
    assert result.returncode == 0, result.stderr
    trained = load_file(out / "model.safetensors")
    torch.testing.assert_close(trained["backbone.conv1.0.weight"], weights["conv1.0.weight"], atol=1e-6, rtol=1e-4)
    arguments[3] = tmp_path / "offline"
    offline = bimodal(*arguments, env=environment | {"HF_ENDPOINT": "http://127.0.0.1:9"})  # the cache has the file
    assert offline.returncode == 0, offline.stderr


def test_without_hub_and_cache_the_error_is_one_line(tiny_data: Path, tmp_path: Path, environment: dict) -> None:
    arguments = ["train", tiny_data, "--out", tmp_path / "run", *RECIPE, "--backbone", NAME, "--epochs", "1"]
    result = bimodal(*arguments, env=environment | {"HF_ENDPOINT": "http://127.0.0.1:9"})
    fails_with_one_line(result, NAME, "--weights FILE", "--no-pretrained")
    assert not (tmp_path / "run").exists()
