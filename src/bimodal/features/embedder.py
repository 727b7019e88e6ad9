"""A frozen network that turns pictures into features."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.files import sha256_of
from bimodal.model_files.info import MEAN, STD, ModelInfo
from bimodal.model_files.network import Network
from bimodal.model_files.onnx_network import load_onnx
from bimodal.model_files.packaged import FACE, ONNX, packaged_file

Outputs = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From normalised pictures, (B,3,S,S), to features, (B,F), and logits, (B,K); K is 0 for a network without a head."""


@dataclass(frozen=True, eq=False)
class Embedder:
    """A frozen network, as `features_of` and `bimodal.embed` use it.

    Attributes:
        name: the network's name.
        digest: SHA-256 of its weights, in hexadecimal; the cache of features is named by it.
        image_size: side of its input, in pixels.
        mean, std: of red, green and blue, in units of 0 to 1.
        classes: names of the emotions of its logits; empty for a network without a head.
        outputs: its forward pass.
        workers: number of batches to compute at once.
    """

    name: str
    digest: str
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    outputs: Outputs
    workers: int = 1

    def __call__(
        self, pictures: NDArray[np.uint8], mirrored: bool = True
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return features, (B,F), and logits, (B,K), of pictures uint8 (B,S,S,3) RGB.

        Args:
            pictures: of `image_size` pixels.
            mirrored: also embed the mirrored pictures, and average; it takes twice as long.
        """
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        scaled = (pictures.astype(np.float32) - 255 * mean) / (255 * std)
        inputs = np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
        features, logits = self.outputs(inputs)
        if not mirrored:
            return features, logits
        mirror_features, mirror_logits = self.outputs(np.ascontiguousarray(inputs[..., ::-1]))
        return np.float32(0.5) * (features + mirror_features), np.float32(0.5) * (logits + mirror_logits)


def packaged_embedder() -> Embedder:
    """Return the network that comes with bimodal, for ONNX Runtime; PyTorch is not loaded.

    Raises:
        InputError: its file is missing from this installation.
    """
    # one thread for each of several batches: threads that share a batch wait for each other on a busy machine
    network = load_onnx(packaged_file(FACE, ONNX), threads=1)
    return replace(network_embedder(network, FACE), workers=len(os.sched_getaffinity(0)))


def network_embedder(network: Network, name: str = "") -> Embedder:
    """Return a loaded network (`bimodal.load`) as an embedder.

    Raises:
        InputError: its file gives logits alone.
    """
    if network.embed is None:
        raise InputError(f"{network.info.name} gives no features: export it again with bimodal export")
    info: ModelInfo = network.info
    return Embedder(
        name or info.name, network.digest, info.image_size, info.mean, info.std, info.emotions, network.embed
    )


def backbone_embedder(backbone: str, weights: str | Path | None = None, image_size: int = 224) -> Embedder:
    """Return a backbone of timm with pretrained weights as an embedder; this loads PyTorch.

    Args:
        backbone: a name of timm, such as `resnet50.tv_in1k`.
        weights: a file of weights; None: those of the Hugging Face hub, fetched once.
        image_size: side of the input, in pixels.

    Raises:
        InputError: an unknown backbone, or weights that cannot be fetched or belong to another network.
    """
    import torch

    from bimodal.models import weights as weight_files
    from bimodal.models.classifier import build_backbone

    model = build_backbone(backbone, image_size)
    file = Path(weights) if weights is not None else weight_files.fetch(backbone)
    weight_files.load_into(model, weight_files.read(file), str(file))
    model = model.eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def outputs(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        images = torch.from_numpy(inputs).to(memory_format=torch.channels_last)
        features = model(images).float().numpy()
        return features, np.zeros((len(features), 0), np.float32)

    return Embedder(backbone, sha256_of(file), image_size, MEAN, STD, (), outputs)
