"""The methods of the study: what was seen in training, and nothing else, to a ranking and to what each would remove."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.mixture import GaussianMixture

from bimodal.experiments.label_noise.evidence import Evidence, mean_margin
from bimodal.experiments.label_noise.recipes import REMOVAL_SHARE
from bimodal.removal import LossLedger, two_modes, wang

RELABEL_MARGIN = 0.2
"""SCN gives another label where its probability is higher by this (Wang et al. 2020, section 3.4)."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a method says of n training faces.

    Attributes:
        score: (n,), higher for what is more probably wrong; None for a rule that only removes.
        remove: (n,) bool, what it would remove; None for a score without a threshold.
        suggested: (n,), the label that it would give.
        probability: (n,), that the label is wrong, where the method says so.
    """

    score: NDArray[np.float64] | None
    remove: NDArray[np.bool_] | None
    suggested: NDArray[np.int64]
    probability: NDArray[np.float64] | None = None


def beliefs_of(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what a ledger that saw these logits believes, (n,7)."""
    ledger = LossLedger(len(labels))
    everyone = np.arange(len(labels))
    for epoch in logits:
        here = np.isfinite(epoch).all(axis=1)
        ledger.update(everyone[here], np.zeros(int(here.sum())), epoch[here])
        ledger.end_epoch()
    assert ledger.pred_probs is not None
    return ledger.pred_probs.astype(np.float64)


def detect_two_modes(evidence: Evidence) -> Found:
    """Ours: what it calls wrong, for somebody to look at."""
    result = two_modes(beliefs_of(evidence.logits, evidence.labels), evidence.labels)
    return Found(result.score, result.called, result.suggested, result.probability)


def detect_for_removal(evidence: Evidence) -> Found:
    """Ours: what it removes without a look."""
    result = two_modes(beliefs_of(evidence.logits, evidence.labels), evidence.labels)
    return Found(None, result.remove, result.suggested, result.probability)


def detect_wang(evidence: Evidence) -> Found:
    """The paper's step, on the losses of the epoch after which it comes."""
    epoch = round(REMOVAL_SHARE * len(evidence.logits))
    losses = evidence.losses[epoch - 1]
    return Found(losses, wang(losses).remove, _last_guess(evidence))


def detect_last_loss(evidence: Evidence) -> Found:
    """The loss of the last epoch."""
    return Found(evidence.losses[-1], None, _last_guess(evidence))


def detect_mean_loss(evidence: Evidence) -> Found:
    """The mean loss over all epochs."""
    return Found(evidence.losses.mean(axis=0), None, _last_guess(evidence))


def detect_margins(evidence: Evidence) -> Found:
    """The area under the margin ranking, and below the margins of the threshold class."""
    margins = mean_margin(evidence.logits, evidence.labels)
    remove = None if evidence.threshold is None else margins <= evidence.threshold
    return Found(-margins, remove, _last_guess(evidence))


def detect_mixture(evidence: Evidence) -> Found:
    """Two Gaussians on the losses of the last epoch, scaled to 0 to 1 (DivideMix, Li et al. 2020, section 3.1)."""
    losses = evidence.losses[-1]
    scaled = (losses - losses.min()) / max(float(np.ptp(losses)), 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may end before it has quite converged, as in the paper
        mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(scaled[:, None])
    noisy = mixture.predict_proba(scaled[:, None])[:, mixture.means_.argmax()]
    return Found(noisy, noisy > 0.5, _last_guess(evidence), noisy)


def detect_scn(evidence: Evidence) -> Found:
    """SCN's self-cure: another label wherever it is more probable by a margin in the last epoch."""
    probabilities = softmax(evidence.logits[-1], axis=1)
    own = probabilities[np.arange(len(evidence.labels)), evidence.labels]
    lead = probabilities.max(axis=1) - own
    return Found(lead, lead > RELABEL_MARGIN, _last_guess(evidence))


def detect_cleanlab(evidence: Evidence) -> Found:
    """cleanlab's default filter on the probabilities of five folds; ranked by the label's own probability."""
    return _cleanlab(evidence, "prune_by_noise_rate")


def detect_cleanlab_both(evidence: Evidence) -> Found:
    """cleanlab's stricter filter on the same."""
    return _cleanlab(evidence, "both")


def detect_random(evidence: Evidence) -> Found:
    """As many as ours removes, drawn at random."""
    score = np.random.default_rng((evidence.seed, 2)).random(len(evidence.labels))
    count = int(detect_for_removal(evidence).remove.sum())  # type: ignore[union-attr]
    remove = np.zeros(len(score), dtype=bool)
    remove[np.argsort(-score)[:count]] = True
    return Found(score, remove, _last_guess(evidence))


def detect_by_rule(rule: str) -> Callable[[Evidence], Found]:
    """Return the method that says what a rule removed in a training of its own."""

    def detect(evidence: Evidence) -> Found:
        return Found(None, evidence.removed.get(rule), _last_guess(evidence))

    return detect


def _cleanlab(evidence: Evidence, filter_by: str) -> Found:
    from cleanlab.filter import find_label_issues

    assert evidence.out_of_fold is not None
    probabilities = evidence.out_of_fold / evidence.out_of_fold.sum(axis=1, keepdims=True)
    own = probabilities[np.arange(len(evidence.labels)), evidence.labels]
    present = np.unique(evidence.labels)  # it takes no class without examples
    labels = np.searchsorted(present, evidence.labels)
    known = probabilities[:, present]
    known = known / known.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class would lose all its examples: it keeps some by itself
        remove = find_label_issues(labels, known, filter_by=filter_by, n_jobs=1)
    return Found(-own, np.asarray(remove, dtype=bool), probabilities.argmax(axis=1))


def _last_guess(evidence: Evidence) -> NDArray[np.int64]:
    return np.asarray(np.nan_to_num(evidence.logits[-1]).argmax(axis=1))


DETECTORS: dict[str, Callable[[Evidence], Found]] = {
    "two-modes": detect_two_modes,
    "two-modes-removal": detect_for_removal,
    "wang": detect_wang,
    "wang-repeated": detect_by_rule("wang-repeated"),
    "slade-gedeon": detect_by_rule("slade-gedeon"),
    "last-loss": detect_last_loss,
    "mean-loss": detect_mean_loss,
    "margins": detect_margins,
    "mixture": detect_mixture,
    "scn": detect_scn,
    "cleanlab": detect_cleanlab,
    "cleanlab-both": detect_cleanlab_both,
    "random": detect_random,
}
"""By name."""
