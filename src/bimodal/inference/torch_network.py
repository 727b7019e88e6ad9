"""A run or a published folder, run by PyTorch: the only file of this room that loads it."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bimodal.data.origin import was_aligned
from bimodal.errors import InputError
from bimodal.files import sha256_of
from bimodal.inference.network import Network
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.models.hub import first_sentence
from bimodal.runs.predictions import fitted_temperature
from bimodal.runs.run import FINISHED, Run
from bimodal.training.predict import load_model
from bimodal.training.settings import TrainSettings
from bimodal.version import __version__


def load_run(folder: Path, device: str = "auto") -> Network:
    """Load the network of a run folder, or of a folder that `bimodal publish` wrote.

    Args:
        folder: with `config.yaml`, `model.safetensors` and `model.json`; older runs have no `model.json`, theirs is
            made from the rest.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: it is no such folder, unfinished, damaged, or written by a newer bimodal.
    """
    run = Run.open(folder)
    info = info_of(run)
    where = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    model = load_model(run).to(where)
    last = list(model.head.children())[-1]
    classes = last.out_features
    if classes != len(info.emotions):
        raise InputError(f"{folder / INFO_FILE} names {len(info.emotions)} emotions for a network of {classes}")

    @torch.inference_mode()
    def forward(faces: NDArray[np.float32]) -> NDArray[np.float32]:
        images = torch.from_numpy(faces).to(where, memory_format=torch.channels_last)
        # flags() turns cuDNN off unless told; with TF32 a face's numbers would depend on its batch
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return np.asarray(model(images).float().cpu().numpy())

    trained = TrainSettings.from_dict(run.config).image_size
    if trained != info.image_size:
        raise InputError(f"{folder / INFO_FILE} says faces of {info.image_size} pixels, and config.yaml {trained}")
    blank = np.zeros((1, 3, info.image_size, info.image_size), np.float32)
    try:
        sound = bool(np.isfinite(forward(blank)).all())
    except (RuntimeError, AssertionError, ValueError) as error:  # a network of another size says it in its own way
        raise InputError(
            f"the network of {folder} cannot be run on faces of {info.image_size} pixels, as {INFO_FILE} has it: "
            f"{first_sentence(error)}"
        ) from error
    if not sound:
        raise InputError(f"the network of {folder} gives no finite numbers: its weights are damaged")
    return Network(info, forward, sha256_of(folder / FINISHED))


def info_of(run: Run) -> ModelInfo:
    """Return how a run's network is fed and read; of a run that has no `model.json` yet, made from the rest.

    Raises:
        InputError: the description is damaged, or newer than this program.
    """
    if (run.path / INFO_FILE).exists():
        return ModelInfo.read(run.path / INFO_FILE)
    settings = TrainSettings.from_dict(run.config)
    has_val = (run.path / "predictions_val.csv").is_file()
    return ModelInfo(
        name=run.name,
        image_size=settings.image_size,
        aligned=was_aligned(run.data),
        temperature=fitted_temperature(run.predictions("val")) if has_val else 1.0,
        version=__version__,
    )
