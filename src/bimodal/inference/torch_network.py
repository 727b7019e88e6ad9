"""Load a network from a run folder or a published folder, for PyTorch; no other file of this package loads PyTorch."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.files import sha256_of
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.model_files.network import Network
from bimodal.models.hub import first_sentence
from bimodal.runs.run import FINISHED, Run
from bimodal.training.predict import load_model
from bimodal.training.settings import TrainSettings


def load_run(folder: Path, device: str = "auto") -> Network:
    """Load the network of a run folder, or of a folder that `bimodal publish` wrote; device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: a file is missing or damaged, the run is unfinished, or a newer bimodal wrote it.
    """
    run = Run.open(folder)
    where = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    model = load_model(run).to(where)
    info = ModelInfo.read(folder / INFO_FILE)
    classes = list(model.head.children())[-1].out_features
    if classes != len(info.emotions):
        raise InputError(f"{folder / INFO_FILE} has {len(info.emotions)} emotions, the network has {classes} outputs")
    trained_size = TrainSettings.from_dict(run.config).image_size
    if trained_size != info.image_size:
        raise InputError(f"{folder / INFO_FILE} has image_size {info.image_size}, config.yaml has {trained_size}")

    @torch.inference_mode()
    def embed(faces: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        images = torch.from_numpy(faces).to(where, memory_format=torch.channels_last)
        # flags() turns cuDNN off by default; with TF32 the logits of a face would depend on its batch
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            features, logits = model.embed(images)
            return features.float().cpu().numpy(), logits.float().cpu().numpy()

    def forward(faces: NDArray[np.float32]) -> NDArray[np.float32]:
        return embed(faces)[1]

    try:
        is_finite = bool(np.isfinite(forward(np.zeros((1, 3, info.image_size, info.image_size), np.float32))).all())
    except (RuntimeError, AssertionError, ValueError) as error:  # the type depends on the backbone
        what = f"the network of {folder} cannot classify faces of {info.image_size} pixels"
        raise InputError(f"{what}: {first_sentence(error)}") from error
    if not is_finite:
        raise InputError(f"the weights of {folder} are damaged: the logits are not finite")
    return Network(info, forward, sha256_of(folder / FINISHED), embed)
