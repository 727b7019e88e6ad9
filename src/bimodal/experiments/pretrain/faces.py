"""FER2013's faces with both predictions_at_removal: the labels that it came with, and FERPlus's votes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest, read_table
from bimodal.data.sources.fer2013 import SIDE, VOTES, read_votes
from bimodal.emotions import code_of
from bimodal.errors import InputError
from bimodal.experiments.pretrain.recipe import EMOTIONS
from bimodal.models.face_net import SIZE

_LEAST_VOTES = 2
"""A single vote is taken for a slip (Barsoum et al. 2016, section 3)."""


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one split.

    Attributes:
        pictures: uint8 (n,S,S), grey; of training faces all 48 pixels, of the others as many as the network is used at.
        votes: float32 (n,8), what share of the taggers chose each of `EMOTIONS`; a row of zeros where none was chosen
            twice: such a face teaches nothing here.
        clear: (n,) bool, whether one emotion has more than half of all votes: those are tested.
        own: int64 (n,), FER2013's own labels.
    """

    pictures: NDArray[np.uint8]
    votes: NDArray[np.float32]
    clear: NDArray[np.bool_]
    own: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.own)


def read_faces(data: Path) -> tuple[Manifest, dict[str, Faces]]:
    """Read a data folder of FER2013, prepared with the votes, by its splits.

    Raises:
        InputError: it is another data folder, or has no votes.
    """
    manifest = Manifest.read(data)
    file = data / "origins.csv"
    how = "bimodal prepare fer2013.csv DATA --votes fer2013new.csv"
    if not file.is_file():
        raise InputError(f"{data} has no origins.csv; prepare FER2013 with the votes of FERPlus: {how}")
    origins = read_table(file, ("image", "votes")).set_index("image")["votes"]
    texts = origins.reindex(manifest.table["image"]).fillna("").tolist()
    if not any(texts):
        raise InputError(f"{data} has no votes; prepare FER2013 with those of FERPlus: {how}")
    counts = votes_table(texts)
    shares, clear = shares_of(counts), is_clear(counts)
    faces = {}
    for split, size in (("train", SIDE), ("val", SIZE), ("test", SIZE)):
        rows = manifest.rows(split)
        pictures = decoded(manifest, size)[..., 1][rows]
        faces[split] = Faces(np.asarray(pictures), shares[rows], clear[rows], manifest.labels[rows])
    return manifest, faces


def votes_table(texts: list[str]) -> NDArray[np.int64]:
    """Return how many taggers chose each of `VOTES`, (n,10).

    >>> votes_table(["sadness:6 neutral:4"])[0].tolist()
    [4, 0, 0, 6, 0, 0, 0, 0, 0, 0]
    """
    read = [read_votes(text) for text in texts]
    return np.array([[votes.get(name, 0) for name in VOTES] for votes in read], dtype=np.int64).reshape(-1, len(VOTES))


def shares_of(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the share of each of `EMOTIONS` in the votes, (n,8); single votes are left out, and those for no emotion.

    A face that most held to be no face, or could not judge, has a row of zeros.
    """
    emotions = _emotion_counts(counts)
    emotions = np.where(emotions < _LEAST_VOTES, 0, emotions)
    others = counts[:, [VOTES.index("unknown"), VOTES.index("NF")]]
    emotions[others.max(axis=1) >= np.maximum(emotions.max(axis=1), 1)] = 0
    total = np.maximum(emotions.sum(axis=1, keepdims=True), 1)
    return np.asarray(emotions / total, dtype=np.float32)


def is_clear(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether one of the eight emotions has more than half of all votes, (n,): FERPlus's measure."""
    return np.asarray(2 * _emotion_counts(counts).max(axis=1) > counts.sum(axis=1))


def _emotion_counts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the votes for each of `EMOTIONS`, (n,8), in our order."""
    result = np.zeros((len(counts), len(EMOTIONS)), dtype=np.int64)
    for place, name in enumerate(VOTES[:8]):
        result[:, EMOTIONS.index("contempt") if name == "contempt" else code_of(name)] = counts[:, place]
    return result


class FaceBatches(Dataset[dict[str, Tensor]]):
    """Whole batches of faces: asked for a list of rows, it gives `{"picture", "votes", "own"}`.

    Args:
        faces: n of them.
        predictions_at_removal: of a network, to be given along as `votes_opinion` and `own_opinion`: probabilities, (n,8) and (n,7).
    """

    def __init__(self, faces: Faces, predictions_at_removal: tuple[Tensor, Tensor] | None = None) -> None:
        self._all = {
            "picture": torch.from_numpy(faces.pictures),
            "votes": torch.from_numpy(faces.votes),
            "own": torch.from_numpy(faces.own),
        }
        if predictions_at_removal is not None:
            self._all |= {"votes_opinion": predictions_at_removal[0], "own_opinion": predictions_at_removal[1]}

    def __len__(self) -> int:
        return len(self._all["own"])

    def __getitem__(self, rows: list[int]) -> dict[str, Tensor]:
        return {name: values[rows] for name, values in self._all.items()}
