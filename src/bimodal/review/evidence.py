"""Why the label of one face is suspected, or not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bimodal.emotions import NAMES
from bimodal.label_audit.neighbours import COUNT, nearest
from bimodal.review.opened import OpenAudit
from bimodal.review.ranking import Ranking

_TRUSTED = 0.2
"""A label without a decision is trusted if it is wrong with a probability below this."""


@dataclass(frozen=True)
class FaceEvidence:
    """What speaks for and against the label of a face.

    Attributes:
        row: its row in the manifest.
        label: the given label.
        suggested: the most probable other label.
        probability: that the given label is wrong, 0 to 1.
        pred_probs: out-of-sample predicted probabilities by label, the most probable first.
        similar: the given and the suggested label, each with the rows of the most similar faces whose label is that one by
            a decision or with confidence, nearest first.
    """

    row: int
    label: str
    suggested: str
    probability: float
    pred_probs: dict[str, float]
    similar: dict[str, list[int]]


class EvidenceFinder:
    """Finds the evidence of single faces. It keeps what all of them share."""

    def __init__(self, opened: OpenAudit) -> None:
        """Read the features.

        Args:
            opened: the audit.
        """
        judgement = opened.audited.judgement
        self._rows = opened.manifest.rows("train").astype(np.int64)
        self._labels = opened.manifest.labels[self._rows]
        self._features, self._mean = judgement.features, judgement.features.mean(axis=0, dtype=np.float32)
        self._place = np.full(len(self._rows), -1)  # in the judgement, which lacks faces that earlier rounds removed
        self._place[np.searchsorted(self._rows, judgement.rows)] = np.arange(len(judgement.rows))

    def find(self, row: int, ranking: Ranking, true: NDArray[np.int64]) -> FaceEvidence:
        """Return the evidence of a face.

        Args:
            row: of the manifest.
            ranking: the present one.
            true: (n,), the labels with all decisions, in the order of `ranking.rows`; negative for a removed face.

        Raises:
            KeyError: the row is no training face.
        """
        position = ranking.position(row)
        label, suggested = int(self._labels[position]), int(ranking.suggested[position])
        probs = ranking.pred_probs[position]
        return FaceEvidence(
            row,
            NAMES[label],
            NAMES[suggested],
            float(ranking.probability[position]),
            {NAMES[code]: float(probs[code]) for code in np.argsort(-probs, kind="stable")},
            {NAMES[code]: self._similar(position, code, ranking, true) for code in (label, suggested)},
        )

    def _similar(self, position: int, code: int, ranking: Ranking, true: NDArray[np.int64]) -> list[int]:
        if self._place[position] < 0:
            return []
        members = (true == code) & (self._place >= 0)
        trusted = members & (ranking.decided | (ranking.probability < _TRUSTED))
        if trusted.sum() <= COUNT:  # of a class with few sure labels, the better half
            candidates = np.flatnonzero(members)
            better = candidates[np.argsort(ranking.score[candidates], kind="stable")][: (len(candidates) + 1) // 2]
            trusted[better] = True
        among = np.zeros(len(self._features), dtype=bool)
        among[self._place[trusted]] = True
        (found,) = nearest(self._features, self._place[[position]], among, COUNT, self._mean)
        rows = np.zeros(len(self._features), dtype=np.int64)
        rows[self._place[self._place >= 0]] = self._rows[self._place >= 0]
        return [int(each) for each in rows[found]]
