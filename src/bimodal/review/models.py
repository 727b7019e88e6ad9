"""How the labels of a review are judged: by features, again after each decision, or as the audit judged them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from threadpoolctl import threadpool_limits

from bimodal.emotions import NAMES
from bimodal.features.fold_probes import FoldProbes
from bimodal.label_audit.judge import FrozenEvidence, Judgement
from bimodal.removal.noise_model import fit_noise

UNKNOWN, NONE = -2, -1
"""In place of a true class: nobody has decided; none of the seven emotions."""
TRUSTED_WEIGHT = 4.0
"""How much more a label counts in the regression that a reviewer has seen."""
_ITERATIONS = 25  # of the model of label noise after a decision: it starts from the last parameters
_CERTAIN, _MIN_PROBABILITY = 1e-9, 1e-6


@dataclass(frozen=True, eq=False)
class Judged:
    """What a model says about n labels.

    Attributes:
        score: (n,), log-odds that the label is wrong.
        suggested: (n,), the most probable other label, 0 to 6.
        share: (n,), 0 to 1, its probability if the label is wrong.
        pred_probs: (n,7), predicted probabilities.
        network: (n,7), the predicted probabilities of the frozen network itself; None if it gives none.
    """

    score: NDArray[np.float64]
    suggested: NDArray[np.int64]
    share: NDArray[np.float64]
    pred_probs: NDArray[np.float64]
    network: NDArray[np.float64] | None = None


class LabelModel(Protocol):
    """A model that judges the labels of n faces."""

    def judge(self, true: NDArray[np.int64]) -> Judged:
        """Judge with what is known: the true class of each face, (n,), or `UNKNOWN` or `NONE`."""
        ...


class FixedModel:
    """The judgement of an audit with a training, which no decision changes: a training for each decision takes too long."""

    def __init__(self, judgement: Judgement, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
        """Take a judgement.

        Args:
            judgement: of the audit; faces that an earlier round has removed are not in it.
            rows: (n,), the rows of the training faces, ascending.
            labels: (n,), their labels in the manifest.
        """
        issues, found = judgement.issues, np.searchsorted(rows, judgement.rows)
        probability = np.full(len(rows), issues.probability.mean())  # of faces that were not judged
        suggested, share = (labels + 1) % len(NAMES), np.full(len(rows), 1 / len(NAMES))
        pred_probs = np.full((len(rows), len(NAMES)), 1 / len(NAMES))
        probability[found] = issues.probability
        score = logit(np.clip(probability, _CERTAIN, 1 - _CERTAIN))
        suggested[found] = issues.suggested
        share[found] = np.minimum(issues.confidence / np.maximum(issues.probability, _CERTAIN), 1.0)
        pred_probs[found] = np.maximum(judgement.pred_probs, _MIN_PROBABILITY)
        self._judged = Judged(score, suggested, share, pred_probs)

    def judge(self, true: NDArray[np.int64]) -> Judged:
        """Return the judgement of the audit."""
        return self._judged


class FeatureModel:
    """A regression on features of a frozen network and the model of label noise, both fitted again from the last parameters.

    A label that a reviewer has seen counts `TRUSTED_WEIGHT` times in the regression, and the model of label noise knows its
    true class.
    """

    def __init__(
        self,
        evidence: FrozenEvidence,
        labels: NDArray[np.int64],
        seed: int = 0,
        inverse_penalty: float | None = None,
    ) -> None:
        """Fit without any decision; it takes seconds for tens of thousands of faces.

        Args:
            evidence: what a frozen network says about n faces.
            labels: (n,), 0 to 6.
            seed: random seed of the folds.
            inverse_penalty: of the regression; None: chosen by folds.

        Raises:
            InputError: there are fewer faces than folds.
        """
        self._labels, self._network = labels, evidence.network
        self._classes, self._given = np.unique(labels, return_inverse=True)
        self._is_given = np.arange(len(self._classes)) == self._given[:, None]  # (n,K), of the K classes that occur
        size, groups = len(NAMES), evidence.copies
        self._probes = FoldProbes(
            evidence.features, labels, size, groups=groups, seed=seed, inverse_penalty=inverse_penalty
        )
        self._start: NDArray[np.float64] | None = None

    def judge(self, true: NDArray[np.int64]) -> Judged:
        """Judge all labels with what is known; see `LabelModel`."""
        is_known = true != UNKNOWN
        weight = np.where(is_known, TRUSTED_WEIGHT, 1.0) * (true != NONE)
        pred_probs = self._probes.fit(np.where(true >= 0, true, self._labels), weight)
        predictors = [pred_probs] if self._network is None else [pred_probs, self._network]
        parts = [probs[:, self._classes] for probs in predictors]
        logs = [np.log(part / part.sum(axis=1, keepdims=True)) for part in parts]
        possible = self._possible(true) if is_known.any() else None
        with threadpool_limits(1, "blas"):  # matrices with one column for each class: threads cost more than they give
            if self._start is None:
                noise = fit_noise(logs, self._given, possible)
            else:
                noise = fit_noise(logs, self._given, possible, self._start, _ITERATIONS)
        self._start, true_class = noise.values, noise.true_class
        others = np.where(self._is_given, 0.0, true_class)
        wrong = others.sum(axis=1)
        score = logit(np.clip(wrong, _CERTAIN, 1 - _CERTAIN))
        best = np.where(self._is_given, -1.0, true_class).argmax(axis=1)
        share = others[np.arange(len(true)), best] / np.maximum(wrong, _CERTAIN)
        return Judged(score, self._classes[best], np.minimum(share, 1.0), pred_probs, self._network)

    def _possible(self, true: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of the classes that occur each true class can be, (n,K)."""
        possible = (true == UNKNOWN)[:, None] | (self._classes == true[:, None])
        is_impossible = ~possible.any(
            axis=1, keepdims=True
        )  # removed, or of a class without labels: any but the given one
        return np.asarray(possible | (is_impossible & ~self._is_given), dtype=np.bool_)
