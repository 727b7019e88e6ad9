"""The ranking of the faces without a decision, which learns from every decision in a fraction of a second."""

import threading
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.review.decision_log import RELABEL, REMOVE, UNSURE
from bimodal.review.models import NONE, UNKNOWN, LabelModel
from bimodal.review.recalibration import LabelInputs, Recalibration, WrongLeft


@dataclass(frozen=True, eq=False)
class Ranking:
    """n training faces, judged with all decisions so far.

    Attributes:
        rows: (n,), rows of the manifest, ascending; the arrays follow them.
        order: (m,), the rows of the faces that nobody has looked at, the most probably wrong label first.
        decided: (n,) bool, whether there is a decision; `unsure` is none.
        score: (n,), log-odds that the given label is wrong.
        probability: (n,), 0 to 1, the same as a probability.
        suggested: (n,), the most probable other label, 0 to 6.
        confidence: (n,), its probability.
        pred_probs: (n,7), out-of-sample predicted probabilities.
        left: how many labels are probably wrong among the faces that are not decided.
        decisions: the number of decisions that the ranking knows.
    """

    rows: NDArray[np.int64]
    order: NDArray[np.int64]
    decided: NDArray[np.bool_]
    score: NDArray[np.float64]
    probability: NDArray[np.float64]
    suggested: NDArray[np.int64]
    confidence: NDArray[np.float64]
    pred_probs: NDArray[np.float64]
    left: WrongLeft
    decisions: int

    def position(self, row: int) -> int:
        """Return the position of a row of the manifest in the arrays.

        Raises:
            KeyError: the row is not a training face.
        """
        found = int(np.searchsorted(self.rows, row))
        if found == len(self.rows) or self.rows[found] != row:
            raise KeyError(row)
        return found


class Ranker:
    """Ranks the training faces of an audit, again after each decision; threads may share it.

    The model judges the labels with all decisions; a regression on the decisions then corrects its log-odds for similar labels.
    """

    def __init__(self, manifest: Manifest, model: LabelModel) -> None:
        """Prepare the ranking.

        Args:
            manifest: the faces.
            model: judges its training faces, in the order of their rows.
        """
        self.rows = manifest.rows("train").astype(np.int64)
        self.labels = manifest.labels[self.rows]
        images = manifest.table["image"].to_numpy()[self.rows]
        self._position = {str(image): position for position, image in enumerate(images)}
        self._model = model
        self._lock = threading.Lock()
        self._known: bytes | None = None

    def update(self, decisions: pd.DataFrame) -> Ranking:
        """Judge all labels with the decisions so far.

        Args:
            decisions: `image,decision,label`, one line for each face, as `Store.merged` returns them; images that are no
                training faces are ignored.
        """
        with self._lock:
            true, seen = self._true_classes(decisions)
            known = true.tobytes() + seen.tobytes()
            if known != self._known:
                self._ranking, self._known = self._rank(true, seen), known
            return self._ranking

    def _true_classes(self, decisions: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the true class of each face as far as it is known, and whether somebody has looked at it, each (n,)."""
        true, seen = np.full(len(self.rows), UNKNOWN), np.zeros(len(self.rows), dtype=bool)
        for image, decision, label in decisions[["image", "decision", "label"]].itertuples(index=False):
            position = self._position.get(image)
            if position is None:
                continue
            seen[position] = True
            if decision != UNSURE:
                kept = NAMES.index(label) if decision == RELABEL else self.labels[position]
                true[position] = NONE if decision == REMOVE else kept
        return true, seen

    def _rank(self, true: NDArray[np.int64], seen: NDArray[np.bool_]) -> Ranking:
        judged, decided = self._model.judge(true), true != UNKNOWN

        predictors = [judged.pred_probs] if judged.network is None else [judged.pred_probs, judged.network]
        with threadpool_limits(1, "blas"):  # matrices with few columns: threads cost more than they give
            inputs = LabelInputs.of(judged.score, self.labels, judged.suggested, predictors)
            fitted = Recalibration.fit(inputs.where(decided), (true != self.labels)[decided])
            score, left = fitted.corrected(inputs), fitted.wrong_left(inputs.where(~decided))
        probability = expit(score)
        new = np.flatnonzero(~seen)
        return Ranking(
            rows=self.rows,
            order=self.rows[new[np.argsort(-score[new], kind="stable")]],
            decided=decided,
            score=score,
            probability=probability,
            suggested=judged.suggested,
            confidence=probability * judged.share,
            pred_probs=judged.pred_probs,
            left=left,
            decisions=int(decided.sum()),
        )
