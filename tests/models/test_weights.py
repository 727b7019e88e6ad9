import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn

from bimodal.errors import InputError
from bimodal.models import weights
from bimodal.models.weights import load_into, read


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """The weights of a small network of timm, with its classifier."""
    torch.manual_seed(0)
    return timm.create_model("test_resnet").state_dict()


@pytest.fixture
def backbone() -> nn.Module:
    torch.manual_seed(1)
    return timm.create_model("test_resnet", num_classes=0)


def refuses(call: Callable[[], object], *words: str) -> None:
    """Check that `call` raises one line that has all the words."""
    with pytest.raises(InputError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".bin", ".PTH"])
def test_read_returns_the_saved_tensors(tmp_path, state, suffix):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    found = read(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_read_supports_the_format_before_zip(tmp_path, state):
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert read(tmp_path / "old.pth").keys() == state.keys()


@pytest.mark.parametrize(
    ("nest", "prefix"),
    [
        (("state_dict",), ""),
        (("model",), "module."),
        (("model_state",), "backbone."),
        (("model_state_dict",), "_orig_mod.module."),
        (("model", "state_dict"), "module.model.backbone."),
    ],
)
def test_read_unwraps_nested_state_dicts(tmp_path, state, nest, prefix):
    content: dict[str, object] = {prefix + name: tensor for name, tensor in state.items()}
    for key in reversed(nest):
        content = {"epoch": 3, "optimizer": {"lr": 0.1}, key: content}
    torch.save(content, tmp_path / "run.pth")
    assert read(tmp_path / "run.pth").keys() == state.keys()


def test_read_returns_the_backbone_of_a_run(tmp_path, state):
    run = {f"backbone.{name}": tensor for name, tensor in state.items()} | {"head.weight": torch.zeros(7, 4)}
    save_file(run, tmp_path / "model.safetensors")
    assert read(tmp_path / "model.safetensors").keys() == state.keys()


class Harm:
    """Makes a folder when pickle loads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_read_runs_no_code(tmp_path, recwarn):
    harm = tmp_path / "harm"
    torch.save({"weight": Harm(harm)}, tmp_path / "zip.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"weight": Harm(harm)}))
    for name in ("zip.pth", "plain.pth"):
        refuses(lambda name=name: read(tmp_path / name), name, "pickle", "safetensors")
    assert not harm.exists()
    pickle.loads((tmp_path / "plain.pth").read_bytes())  # noqa: S301 -- it is armed
    assert harm.exists()
    assert not [one for one in recwarn.list if one.category is not ResourceWarning]  # from other tests


def test_read_refuses_other_files(tmp_path, state):
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "weights.h5").write_bytes(b"x")
    refuses(lambda: read(tmp_path / "folder.pth"), "folder.pth", "is a folder")
    refuses(lambda: read(tmp_path / "absent.pth"), "absent.pth", "does not exist")
    refuses(lambda: read(tmp_path / "weights.h5"), "weights.h5", ".safetensors")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("content", ["empty", "text", "half", "of the other kind"])
def test_read_refuses_a_damaged_file(tmp_path, state, suffix, content):
    torch.save(state, tmp_path / "good.pth")
    kinds = {".safetensors": save(state), ".pth": (tmp_path / "good.pth").read_bytes()}
    good = kinds.pop(suffix)
    (other,) = kinds.values()
    bad = {"empty": b"", "text": b"no weights\n" * 99, "half": good[: len(good) // 2], "of the other kind": other}
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(bad[content])
    refuses(lambda: read(path), path.name, "damaged")


@pytest.mark.parametrize(
    "content", [{}, [1, 2], {"epoch": 3}, {"state_dict": {}}, {"a": torch.ones(1), "b": 2}, {1: torch.ones(1)}]
)
def test_read_refuses_other_content(tmp_path, content):
    torch.save(content, tmp_path / "odd.pth")
    refuses(lambda: read(tmp_path / "odd.pth"), "odd.pth", "state dict")


def test_read_refuses_a_dict_that_contains_itself(tmp_path):
    content: dict[str, object] = {}
    content["model"] = content
    torch.save(content, tmp_path / "loop.pth")
    refuses(lambda: read(tmp_path / "loop.pth"), "state dict")


def test_read_refuses_a_tensor_larger_than_its_file(tmp_path):
    torch.save({"weight": torch.ones(1).expand(2**20, 2**20)}, tmp_path / "strides.pth")
    assert (tmp_path / "strides.pth").stat().st_size < 10_000
    refuses(lambda: read(tmp_path / "strides.pth"), "strides.pth", str(2**42))


def test_read_refuses_a_large_file(tmp_path, monkeypatch):
    with (tmp_path / "sparse.safetensors").open("wb") as stream:
        stream.truncate(weights.LARGEST + 1)
    refuses(lambda: read(tmp_path / "sparse.safetensors"), str(weights.LARGEST + 1))

    monkeypatch.setattr(weights, "LARGEST", 10**6)
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data/0", bytes(10**6 + 1))
    assert (tmp_path / "bomb.pth").stat().st_size < 10_000
    refuses(lambda: read(tmp_path / "bomb.pth"), "bomb.pth", str(10**6 + 1))


def test_load_into_loads_all_tensors_but_the_classifier(state, backbone):
    load_into(backbone, state, "here")
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_load_into_accepts_a_file_without_batch_counters(state, backbone):
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    load_into(backbone, old, "old")
    for name, tensor in backbone.state_dict().items():
        assert name not in old or torch.equal(tensor, old[name]), name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("conv1.0.weight"), ("74 fit", "1 are missing (conv1.0.weight)")),
        (lambda s: s.update({"conv1.0.weight": torch.zeros(1, 3, 3, 3)}), ("74 fit", "1 have another shape")),
        (lambda s: s.update({"conv1.0.weight": s["conv1.0.weight"].int()}), ("74 fit", "1 have another shape or kind")),
        (lambda s: s.update({f"deeper.{n}": t for n, t in s.items()}), ("75 fit", "92 are left over (deeper.")),
        (lambda s: s.clear(), ("0 fit", "75 are missing")),
    ],
)
def test_load_into_loads_all_tensors_or_none(state, backbone, change, words):
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    wrong = dict(state)
    change(wrong)
    refuses(lambda: load_into(backbone, wrong, "file.pth"), "file.pth", "another architecture", "75 tensors", *words)
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_load_into_refuses_a_deeper_variant():
    """Every tensor of a ResNet-50 is also in a file of ResNet-101, in the same shape."""
    with torch.device("meta"):
        deep = timm.create_model("resnet101").state_dict()
        shallow = timm.create_model("resnet50", num_classes=0)
    refuses(lambda: load_into(shallow, deep, "101.pth"), "265 fit", "left over (layer3.6.", "another architecture")


def test_load_into_resizes_position_embeddings():
    large = timm.create_model("test_vit", img_size=160).state_dict()
    small = timm.create_model("test_vit", img_size=96, num_classes=0)
    assert large["pos_embed"].shape != small.state_dict()["pos_embed"].shape
    load_into(small, large, "here")
    assert torch.equal(small.state_dict()["blocks.0.attn.qkv.weight"], large["blocks.0.attn.qkv.weight"])


def test_load_into_names_a_file_that_timm_cannot_rename(backbone):
    vit = timm.create_model("test_vit", num_classes=0)
    refuses(
        lambda: load_into(vit, backbone.state_dict(), "resnet.pth"), "does not fit test_vit", "another architecture"
    )
