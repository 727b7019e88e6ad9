"""The well-labelled faces that look most like a suspect, to the network's eye."""

import numpy as np
import torch
from numpy.typing import NDArray

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.runs.run import Run
from bimodal.training.augmentation import Plain
from bimodal.training.loader import FaceDataset, plain_loader
from bimodal.training.predict import load_model
from bimodal.training.settings import TrainSettings

_CHUNK = 256


@torch.no_grad()
def features_of(run: Run, manifest: Manifest, rows: NDArray[np.int64], device: torch.device) -> NDArray[np.float32]:
    """Return the pooled features of some faces, (n,F), each of length 1."""
    settings = TrainSettings.from_dict(run.config)
    model = load_model(run)
    model.to(device)
    faces = FaceDataset(manifest, decoded(manifest, settings.image_size), Plain())
    loader = plain_loader(faces, rows, 2 * settings.batch_size)
    features = torch.cat([model.backbone(batch["image"].to(device)).float().cpu() for batch in loader]).numpy()
    features = features - features.mean(axis=0)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, 1e-9), dtype=np.float32)


def nearest(
    features: NDArray[np.float32], of: NDArray[np.int64], among: NDArray[np.bool_], count: int
) -> NDArray[np.int64]:
    """Return the nearest of some faces to others, by the cosine of their features.

    Args:
        features: (n,F), each of length 1.
        of: (m,), whose neighbours.
        among: (n,) bool, who may be one; nobody is their own.
        count: how many; fewer where there are fewer.

    Returns:
        (m, at most count), nearest first.

    >>> features = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], dtype=np.float32)
    >>> nearest(features, np.array([0, 3]), np.array([True, True, True, False]), 2).tolist()
    [[1, 2], [2, 1]]
    """
    candidates = np.flatnonzero(among)
    room = len(candidates) - (1 if among[of].any() else 0)  # nobody is their own neighbour
    found = [np.zeros((0, min(count, max(room, 0))), dtype=np.int64)]
    for start in range(0, len(of), _CHUNK):
        part = of[start : start + _CHUNK]
        likeness = features[part] @ features[candidates].T
        likeness[part[:, None] == candidates[None, :]] = -np.inf
        found.append(candidates[np.argsort(-likeness, axis=1, kind="stable")[:, : found[0].shape[1]]])
    return np.concatenate(found)
