"""Outputs of the network of an audit: features and predicted probabilities."""

import numpy as np
import torch
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.runs.run import Run
from bimodal.training.datamodule import FaceData
from bimodal.training.predict import load_model, to_probabilities
from bimodal.training.settings import TrainSettings

_CPU = torch.device("cpu")


@torch.no_grad()
def network_outputs(
    run: Run, manifest: Manifest, rows: NDArray[np.int64], device: torch.device = _CPU
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the pooled features (n,F) and the predicted probabilities (n,7) of some faces.

    Args:
        run: a finished run.
        manifest: the faces.
        rows: (n,), the rows of the faces.
        device: where to compute.
    """
    model, settings = load_model(run).to(device), TrainSettings.from_dict(run.config)
    faces = FaceData(manifest, settings)
    faces.setup("predict")
    features, logits = [], []
    for batch in faces.plain_dataloader(rows):
        images = batch["image"].to(device)
        views = [model.embed(view) for view in ([images, images.flip(3)] if settings.mirror else [images])]
        features.append(torch.stack([pooled for pooled, _ in views]).mean(dim=0).float().cpu())
        logits.append(torch.stack([scores for _, scores in views]).mean(dim=0).float().cpu())
    return torch.cat(features).numpy(), to_probabilities(torch.cat(logits))
