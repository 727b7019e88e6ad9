"""The methods of the study: each ranks the labels by the evidence, or decides which to remove, or both."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.mixture import GaussianMixture

from bimodal.experiments.label_noise.evidence import FOLD_FILES, Evidence, mean_margin
from bimodal.experiments.label_noise.settings import REMOVAL_SHARE
from bimodal.experiments.label_noise.simifeat import agreement, outvoted
from bimodal.removal import LossLedger, TwoModes, two_modes, wang

RELABEL_MARGIN = 0.2
"""SCN changes a label if another one is more probable by this margin (Wang et al. 2020, section 3.4)."""


@dataclass(frozen=True, eq=False)
class Detection:
    """The result of a method for n training faces; None for what the method does not give.

    Attributes:
        score: (n,), higher for labels that are more probably wrong.
        remove: (n,) bool, the labels to remove or to review.
        suggested: (n,), the label to give instead.
        probability: (n,), the probability that the label is wrong.
        noise_rate: the estimated share of wrong labels.
    """

    score: NDArray[np.float64] | None = None
    remove: NDArray[np.bool_] | None = None
    suggested: NDArray[np.int64] | None = None
    probability: NDArray[np.float64] | None = None
    noise_rate: float | None = None


def pred_probs_of(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the predicted probabilities, (n,7), that a ledger averages over the epochs' logits (epochs, n, 7)."""
    ledger = LossLedger(len(labels))
    for epoch in logits:
        rows = np.flatnonzero(np.isfinite(epoch).all(axis=1))
        ledger.update(rows, np.zeros(len(rows)), epoch[rows])
        ledger.end_epoch()
    if ledger.pred_probs is None:
        raise ValueError("expected logits of at least one epoch")
    return ledger.pred_probs.astype(np.float64)


def detect_two_modes(evidence: Evidence) -> Detection:
    """Our rule: the labels to review."""
    result = _two_modes(evidence)
    return Detection(result.score, result.is_label_issue, result.suggested, result.probability, result.noise_rate)


def detect_two_modes_removal(evidence: Evidence) -> Detection:
    """Our rule: the labels to remove without review."""
    result = _two_modes(evidence)
    return Detection(None, result.remove, result.suggested, result.probability)


def detect_audit(evidence: Evidence, audit: str) -> Detection:
    """The labels to review of an audit by features."""
    found = evidence.audits[audit]
    rate = float(found["noise_rate"])
    return Detection(found["score"], found["is_label_issue"], found["suggested"], found["probability"], rate)


def detect_simifeat(evidence: Evidence) -> Detection:
    """The vote of ten nearest neighbours in the features of the packaged network (SimiFeat, Zhu et al. 2022)."""
    shares = evidence.audits["features"]["neighbours"]
    labels = evidence.labels
    return Detection(-agreement(shares, labels), outvoted(shares, labels), shares.argmax(axis=1))


def detect_wang(evidence: Evidence) -> Detection:
    """The paper's rule, on the losses of the epoch after which it removes."""
    losses = evidence.losses[round(REMOVAL_SHARE * len(evidence.logits)) - 1]
    return Detection(losses, wang(losses).remove)


def detect_removed(evidence: Evidence, rule: str) -> Detection:
    """The faces that a rule removed in its own training."""
    return Detection(remove=evidence.removed.get(rule))


def detect_last_loss(evidence: Evidence) -> Detection:
    """The loss of the last epoch."""
    return Detection(evidence.losses[-1])


def detect_mean_loss(evidence: Evidence) -> Detection:
    """The mean loss over all epochs."""
    return Detection(evidence.losses.mean(axis=0))


def detect_margins(evidence: Evidence) -> Detection:
    """The area under the margin, with the threshold from an additional class (AUM, Pleiss et al. 2020)."""
    margins = mean_margin(evidence.logits, evidence.labels)
    return Detection(-margins, None if evidence.threshold is None else margins <= evidence.threshold)


def detect_mixture(evidence: Evidence) -> Detection:
    """Two Gaussians fitted to the losses of the last epoch, scaled to 0 to 1 (DivideMix, Li et al. 2020, section 3.1)."""
    losses = evidence.losses[-1]
    scaled = (losses - losses.min()) / max(float(np.ptp(losses)), 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ten iterations may end before it converges, as in the paper
        mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(scaled[:, None])
    probability = mixture.predict_proba(scaled[:, None])[:, mixture.means_.argmax()]
    return Detection(probability, probability > 0.5, probability=probability)


def detect_scn(evidence: Evidence) -> Detection:
    """SCN's relabelling: another label if it is more probable by a margin in the last epoch."""
    probabilities = softmax(evidence.logits[-1], axis=1)
    lead = probabilities.max(axis=1) - _of_label(probabilities, evidence.labels)
    suggested = np.asarray(np.nan_to_num(evidence.logits[-1]).argmax(axis=1))
    return Detection(lead, lead > RELABEL_MARGIN, suggested)


def detect_cleanlab(evidence: Evidence, filter_by: str) -> Detection:
    """One of cleanlab's filters on the probabilities of five trainings, each without a fold."""
    if evidence.out_of_fold is None:
        raise ValueError("cleanlab needs the predicted probabilities of all folds")
    return _cleanlab(evidence, evidence.out_of_fold, filter_by)


def detect_features_cleanlab(evidence: Evidence, filter_by: str) -> Detection:
    """One of cleanlab's filters on the out-of-sample probabilities of the audit by features."""
    return _cleanlab(evidence, evidence.audits["features"]["pred_probs"], filter_by)


def _cleanlab(evidence: Evidence, pred_probs: NDArray[np.float64], filter_by: str) -> Detection:
    """Rank by the label's probability, and decide by a filter of cleanlab."""
    from cleanlab.filter import find_label_issues

    probabilities = pred_probs / pred_probs.sum(axis=1, keepdims=True)
    classes = np.unique(evidence.labels)  # cleanlab refuses classes without examples
    labels = np.searchsorted(classes, evidence.labels)
    pred_probs = probabilities[:, classes]
    pred_probs = pred_probs / pred_probs.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its warning that it keeps some examples of a class that would lose all
        remove = find_label_issues(labels, pred_probs, filter_by=filter_by, n_jobs=1)
    score = -_of_label(probabilities, evidence.labels)
    return Detection(score, np.asarray(remove, dtype=bool), probabilities.argmax(axis=1))


def detect_random(evidence: Evidence) -> Detection:
    """As many random labels as our rule removes without review."""
    score = np.random.default_rng((evidence.seed, 2)).random(len(evidence.labels))
    remove = np.zeros(len(score), dtype=bool)
    remove[np.argsort(-score)[: int(_two_modes(evidence).remove.sum())]] = True
    return Detection(score, remove)


def _two_modes(evidence: Evidence) -> TwoModes:
    return two_modes(pred_probs_of(evidence.logits, evidence.labels), evidence.labels)


def _of_label(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability of each face's label, (n,)."""
    return np.asarray(probabilities[np.arange(len(labels)), labels])


DETECTORS: dict[str, Callable[[Evidence], Detection]] = {
    "features": partial(detect_audit, audit="features"),
    "thorough": partial(detect_audit, audit="thorough"),
    "simifeat": detect_simifeat,
    "features-cleanlab": partial(detect_features_cleanlab, filter_by="prune_by_noise_rate"),
    "features-cleanlab-both": partial(detect_features_cleanlab, filter_by="both"),
    "features-cleanlab-confident": partial(detect_features_cleanlab, filter_by="confident_learning"),
    "two-modes": detect_two_modes,
    "two-modes-removal": detect_two_modes_removal,
    "wang": detect_wang,
    "wang-repeated": partial(detect_removed, rule="wang-repeated"),
    "slade-gedeon": partial(detect_removed, rule="slade-gedeon"),
    "last-loss": detect_last_loss,
    "mean-loss": detect_mean_loss,
    "margins": detect_margins,
    "mixture": detect_mixture,
    "scn": detect_scn,
    "cleanlab": partial(detect_cleanlab, filter_by="prune_by_noise_rate"),
    "cleanlab-both": partial(detect_cleanlab, filter_by="both"),
    "random": detect_random,
}
"""The methods by name."""
_FOLDS = tuple(file.removesuffix(".npz") for file in FOLD_FILES)
NEEDED_JOBS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(DETECTORS, ("plain",)),
    **{method: ("features",) for method in DETECTORS if method.startswith("features") or method == "simifeat"},
    "thorough": ("thorough",),
    "wang-repeated": ("rule-wang-repeated",),
    "slade-gedeon": ("rule-slade-gedeon",),
    "margins": ("plain", "threshold"),
    "cleanlab": _FOLDS,
    "cleanlab-both": _FOLDS,
}
"""The jobs whose results each method needs, by the stems of their files."""
