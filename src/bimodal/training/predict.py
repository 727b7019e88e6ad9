"""From a run and faces to probabilities."""

import shlex

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.models import EmotionClassifier
from bimodal.runs.predictions import predictions_table
from bimodal.runs.run import FINISHED, Run
from bimodal.training.augmentation import Plain
from bimodal.training.loader import FaceDataset, plain_loader
from bimodal.training.settings import TrainSettings


@torch.no_grad()
def predict_logits(model: nn.Module, loader: DataLoader[dict[str, Tensor]], device: torch.device) -> Tensor:
    """Return the logits of all faces of a loader, float32 (N,7) on the CPU; the model is in evaluation mode."""
    return torch.cat([model(batch["image"].to(device)).float().cpu() for batch in loader])


def build_classifier(settings: TrainSettings) -> EmotionClassifier:
    """Return the classifier that settings describe, with random weights."""
    return EmotionClassifier(
        settings.backbone,
        settings.hidden,
        settings.dropout_features,
        settings.dropout_hidden,
        settings.image_size,
        settings.backbone_options,
    )


def load_model(run: Run, weights: str = FINISHED) -> EmotionClassifier:
    """Return the classifier of a run, in evaluation mode.

    Args:
        run: the run.
        weights: the file in its folder; by default that of a finished run.

    Raises:
        InputError: if the run is unfinished, or its weights are damaged or of another network.
    """
    file = run.path / weights
    if not file.is_file():
        raise InputError(
            f"{run.path} is not finished; go on with: bimodal train --out {shlex.quote(str(run.path))} --resume"
        )
    model = build_classifier(TrainSettings.from_dict(run.config))
    try:
        model.load_state_dict(load_file(file))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise InputError(f"{file} is damaged or of another network: {str(error).splitlines()[0]}") from error
    return model.to(memory_format=torch.channels_last).eval()


def predict(
    model: EmotionClassifier, manifest: Manifest, rows: NDArray[np.int64], settings: TrainSettings, device: torch.device
) -> pd.DataFrame:
    """Return a row for each face: `image,row,label,predicted,p_angry,...,p_surprise`.

    Args:
        model: in evaluation mode.
        manifest: the faces.
        rows: which of them, (n,).
        settings: of the run: size and batch size.
        device: where to compute.
    """
    faces = FaceDataset(manifest, decoded(manifest, settings.image_size), Plain())
    logits = predict_logits(model.to(device), plain_loader(faces, rows, 2 * settings.batch_size), device)
    return predictions_table(manifest, rows, logits.double().softmax(dim=1).numpy())
