"""The network of the pretraining: one backbone with two heads."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.experiments.pretrain.batches import PREDICT_BATCH
from bimodal.experiments.pretrain.faces import Faces
from bimodal.experiments.votes import EMOTIONS
from bimodal.models.face_net import FaceNet


class TwoHeads(nn.Module):
    """A backbone with two heads: `votes` predicts FERPlus's votes, `own` predicts FER2013's labels.

    Args:
        dropout: dropout of the pooled features.
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = FaceNet()
        self.dropout = nn.Dropout(dropout)
        self.votes = nn.Linear(self.backbone.num_features, len(EMOTIONS))
        self.own = nn.Linear(self.backbone.num_features, len(NAMES))

    def forward(self, grey: Tensor) -> tuple[Tensor, Tensor]:  # (B,1,S,S), 0 to 1 -> (B,8), (B,7)
        features = self.dropout(self.backbone.features(self.backbone.grey.normalise(grey)))
        return self.votes(features), self.own(features)


class VotesNetwork(nn.Module):
    """The backbone with the head `votes`, as prediction uses it: (N,3,S,S), normalised, to (N,8)."""

    def __init__(self, model: TwoHeads) -> None:
        super().__init__()
        self.backbone, self.votes = model.backbone, model.votes

    def forward(self, images: Tensor) -> Any:
        return self.embed(images)[1]

    def embed(self, images: Tensor) -> Any:
        """Return pooled features (N,F) and logits (N,8) of one pass."""
        features = self.backbone(images)
        return features, self.votes(features)


def read_two_heads(file: str | Path) -> TwoHeads:
    """Read the packaged weights with both heads, in evaluation mode.

    Raises:
        InputError: the file is of another network.
    """
    model = TwoHeads()
    state = {name: tensor.float() for name, tensor in load_file(file).items()}
    missing = [key for key in model.load_state_dict(state, strict=False).missing_keys if "num_batches" not in key]
    if missing:
        raise InputError(f"{file} is of another network: it lacks {missing[0]}")
    return model.eval()


@torch.inference_mode()
def predict_both(
    model: TwoHeads, faces: Faces, mirror: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logits of both heads, (n,8) and (n,7), for n faces or their mirror images."""
    parts = []
    for start in range(0, len(faces), PREDICT_BATCH):
        grey = torch.from_numpy(faces.pictures[start : start + PREDICT_BATCH])[:, None].float() / 255
        parts.append(model(grey.flip(3) if mirror else grey))
    votes, labels = (torch.cat(head).double().numpy() for head in zip(*parts, strict=True))
    return votes, labels


def predict_teacher(model: TwoHeads, faces: Faces) -> tuple[Tensor, Tensor]:
    """Return the predicted probabilities of both heads, (n,8) and (n,7), averaged over faces and mirrored faces."""
    pairs = zip(predict_both(model, faces), predict_both(model, faces, mirror=True), strict=True)
    votes, labels = (torch.from_numpy((a + b) / 2).float().softmax(dim=1) for a, b in pairs)
    return votes, labels
