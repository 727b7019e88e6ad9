"""FER2013's faces with two kinds of labels: FER2013's labels, and FERPlus's votes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.data.sources.pixel_rows import SIDE
from bimodal.experiments.votes import EMOTIONS, read_vote_counts
from bimodal.models.face_net import SIZE

_MIN_VOTES = 2
"""A single vote counts as a slip (Barsoum et al. 2016, section 3)."""


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one split.

    Attributes:
        pictures: uint8 (n,S,S), grey; training faces have 48 pixels, the others the network's image size.
        votes: float32 (n,8), the share of the votes for each of `EMOTIONS`; zeros where no emotion has two votes, so that
            the face is not trained on.
        is_clear: (n,) bool, whether one emotion has more than half of all votes; FERPlus's accuracy is measured on these.
        labels: int64 (n,), FER2013's labels.
    """

    pictures: NDArray[np.uint8]
    votes: NDArray[np.float32]
    is_clear: NDArray[np.bool_]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def read_faces(data: str | Path) -> tuple[Manifest, dict[str, Faces]]:
    """Read a data folder of FER2013 that was prepared with the votes; return its manifest, and its faces by split.

    Raises:
        InputError: the folder has no votes.
    """
    manifest = Manifest.read(data)
    counts = read_vote_counts(manifest)
    shares, clear = vote_shares(counts), has_majority(counts)
    faces = {}
    for split, size in (("train", SIDE), ("val", SIZE), ("test", SIZE)):
        rows = manifest.rows(split)
        pictures = decoded(manifest, size)[..., 1][rows]
        faces[split] = Faces(np.asarray(pictures), shares[rows], clear[rows], manifest.labels[rows])
    return manifest, faces


def vote_shares(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the share of each of `EMOTIONS` in the votes for emotions, (n,8); single votes do not count.

    A face has zeros if `unknown` or `NF` has at least as many votes as every emotion.

    Args:
        counts: (n,10), the votes for each of `ANSWERS`.
    """
    emotions, others = counts[:, : len(EMOTIONS)], counts[:, len(EMOTIONS) :]
    emotions = np.where(emotions < _MIN_VOTES, 0, emotions)
    emotions[others.max(axis=1) >= np.maximum(emotions.max(axis=1), 1)] = 0
    total = np.maximum(emotions.sum(axis=1, keepdims=True), 1)
    return np.asarray(emotions / total, dtype=np.float32)


def has_majority(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether one of the eight emotions has more than half of all votes (n,10) of a face, (n,)."""
    return np.asarray(2 * counts[:, : len(EMOTIONS)].max(axis=1) > counts.sum(axis=1))
