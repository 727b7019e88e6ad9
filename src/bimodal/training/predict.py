"""Predictions of a trained classifier: logits, calibrated probabilities, and losses without dropout."""

import shlex

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.files import sha256_of
from bimodal.model_files.info import INFO_FILE
from bimodal.models import EmotionClassifier
from bimodal.runs.run import FINISHED, Run
from bimodal.runs.tables import predictions_table
from bimodal.training.callback import Losses
from bimodal.training.datamodule import FaceData
from bimodal.training.module import EmotionModule, logits_of
from bimodal.training.settings import TrainSettings


def build_classifier(settings: TrainSettings) -> EmotionClassifier:
    """Return the classifier that the settings describe, with random weights."""
    head = (settings.hidden, settings.dropout_features, settings.dropout_hidden)
    return EmotionClassifier(settings.backbone, *head, settings.image_size, settings.backbone_options)


def load_model(run: Run, weights: str = FINISHED) -> EmotionClassifier:
    """Return the classifier of a run in evaluation mode, with the weights of a file in the run folder.

    Raises:
        InputError: the run is unfinished, or its weights are damaged or do not fit its settings.
    """
    file = run.path / weights
    if not file.is_file():
        command = f"bimodal train --out {shlex.quote(str(run.path))} --resume"
        raise InputError(f"{run.path} is not finished; resume it: {command}")
    if weights == FINISHED and run.info.weights_sha256 not in ("", sha256_of(file)):
        raise InputError(
            f"{file} is damaged or was replaced: it does not match the checksum in {INFO_FILE}; restore it, or train again"
        )
    model = build_classifier(TrainSettings.from_dict(run.config))
    try:
        model.load_state_dict(load_file(file))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise InputError(f"{file} is damaged or of another network: {str(error).splitlines()[0]}") from error
    return model.to(memory_format=torch.channels_last).eval()


@torch.no_grad()
def predict_logits(
    model: nn.Module, loader: DataLoader[dict[str, Tensor]], device: torch.device, mirror: bool = False
) -> Tensor:
    """Return the logits of all faces of a loader, float32 (N,7) on the CPU; the model is in evaluation mode.

    With `mirror`, they are the mean of the logits of each face and its mirror image.
    """
    return torch.cat([logits_of(model, batch["image"].to(device), mirror).float().cpu() for batch in loader])


def to_probabilities(logits: Tensor, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the softmax (N,7) of logits (N,7) that are divided by a calibration temperature."""
    probabilities: NDArray[np.float64] = (logits.double() / temperature).softmax(dim=1).numpy()
    return probabilities


def predict(
    model: EmotionClassifier,
    manifest: Manifest,
    rows: NDArray[np.int64],
    settings: TrainSettings,
    device: torch.device,
    temperature: float = 1.0,
) -> pd.DataFrame:
    """Return the predictions for some rows (n,) of a manifest as in `predictions_table`.

    Args:
        model: in evaluation mode.
        manifest, rows: the faces.
        settings: of the run: image size, batch size and whether mirror images are averaged.
        device: where to compute.
        temperature: the calibration temperature (`Run.info.temperature`); 1: uncalibrated probabilities.
    """
    faces = FaceData(manifest, settings)
    faces.setup("predict")
    logits = predict_logits(model.to(device), faces.plain_dataloader(rows), device, settings.mirror)
    return predictions_table(manifest, rows, to_probabilities(logits, temperature))


def clean_losses(module: EmotionModule, faces: FaceData, rows: NDArray[np.int64]) -> Losses:
    """Return the losses of training faces from a pass in evaluation mode without augmentation (`--losses clean`)."""
    module.eval()
    logits = predict_logits(module, faces.plain_dataloader(rows), module.device)
    module.train()
    labels = faces.manifest.labels[rows]
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    return {
        "index": rows,
        "label": labels,
        "loss": cross_entropy(logits, torch.from_numpy(labels), reduction="none").numpy(),
        "logits": logits.numpy(),
        "predicted": predicted.numpy(),
        "confidence": confidence.numpy(),
    }
