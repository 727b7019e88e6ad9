"""The rule that adapts: test for wrong labels, estimate how many there are, and remove those that are probably wrong.

Theory, sources and measurements: docs/removal.md, docs/results/label-noise.md.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # loads its subpackages on first use: together they take half a second
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.removal.antimode import antimode
from bimodal.removal.issues import MIN_PROBABILITY, LabelIssues, best_count
from bimodal.removal.log_odds import best_other, check_pred_probs, is_only_rare, log_odds
from bimodal.removal.rule import Cut, Rule, RuleInput
from bimodal.removal.unrelated_labels import MAX_SHARE, unrelated_labels

if TYPE_CHECKING:
    from bimodal.removal.settings import RemovalSettings

CONTRADICTED = 0.5
"""A label is contradicted if its score, the log-odds against it, is above this: odds of 1.65 to 1."""
CONTRADICTED_IF_RIGHT, MAX_CONTRADICTED_IF_RIGHT = 0.15, 0.18
"""Share of right labels that are contradicted: typical, and the largest of the clean sets in the label-noise study."""
TRAINED_ON = 0.85
"""Wrong labels that were trained on are contradicted less often than labels that were never given, by this factor."""
ALPHA_SHARES = (0.4, 0.4, 0.2)
"""Shares of `alpha` for the three tests: contradicted labels, unrelated labels, visible modes."""
RARE = 0.5
"""A class is rare if it has fewer examples than this share of the mean over classes."""


@dataclass(frozen=True, eq=False)
class TwoModes(LabelIssues):
    """The result of `two_modes` for N examples; see `LabelIssues` for the other attributes.

    The score is the log-odds of the best other class against the label. The probability is at most `alpha` if no test found
    wrong labels. Labels that are contradicted only because their class is rare are no label issues.

    Attributes:
        contradicted: share of labels with a score above `CONTRADICTED`.
        p_contradicted: p-value, under the hypothesis that at most `MAX_CONTRADICTED_IF_RIGHT` of right labels are.
        unrelated: estimated share of labels that are unrelated to the predicted probabilities.
        p_unrelated: p-value, under the hypothesis that at most `MAX_UNRELATED_IF_CLEAN` are.
        antimode: the score between two visible modes, the upper one of contradicted labels; infinity without them.
    """

    contradicted: float
    p_contradicted: float
    unrelated: float
    p_unrelated: float
    antimode: float


def two_modes(pred_probs: ArrayLike, labels: ArrayLike, alpha: float = 0.05, rare_share: float = 0.0) -> TwoModes:
    """Test whether there are wrong labels, estimate how many, and return for each label the probability that it is wrong.

    Args:
        pred_probs: (N, C), probabilities that the training predicted, averaged over epochs (`LossLedger.pred_probs`); finite,
            at least 0, not necessarily normalised.
        labels: (N,), the given classes, 0 to C - 1.
        alpha: significance level, 0 to 1: the probability to find wrong labels where there are none; shared by three tests.
        rare_share: largest share of a rare class that is removed, 0 to 1: right and wrong labels are hard to tell apart in it.

    Raises:
        InputError: for shapes that do not fit, labels outside 0 to C - 1, or values that are not probabilities.

    >>> random = np.random.default_rng(0)
    >>> true = random.integers(0, 3, 400)
    >>> labels = np.where(np.arange(400) < 80, (true + 1) % 3, true)  # one in five is wrong
    >>> pred_probs = np.exp(3 * np.eye(3)[true] + random.normal(size=(400, 3)))
    >>> result = two_modes(pred_probs, labels)
    >>> result.has_label_issues, round(result.noise_rate, 1), bool(result.is_label_issue[:80].mean() > 0.8)
    (True, 0.2, True)
    """
    logs, given, classes = check_pred_probs(pred_probs, labels)
    if not 0 < alpha < 1:
        raise InputError(f"alpha must lie between 0 and 1, got {alpha}")
    if not 0 <= rare_share <= 1:
        raise InputError(f"rare_share must be from 0 to 1, got {rare_share}")
    count = len(given)
    every_score = log_odds(logs)
    score = every_score[np.arange(count), given]
    other, confidence = best_other(logs, given)
    contradicted = float((score > CONTRADICTED).mean())
    p_contradicted = float(scipy.stats.binom.sf(round(contradicted * count) - 1, count, MAX_CONTRADICTED_IF_RIGHT))
    unrelated, p_unrelated = unrelated_labels(logs, given)
    levels = [alpha * share for share in ALPHA_SHARES]
    between = _visible_antimode(score, levels[2])
    above = float((score > max(between, 0.0)).mean())  # a score below 0 agrees with the label
    found = p_contradicted < levels[0] or p_unrelated < levels[1] or above > 0
    rate = min(max(_noise_rate(every_score, given, contradicted), unrelated, above, 0.5 / count), MAX_SHARE)
    probability = _probability(score, rate, contradicted, float((score > max(between, CONTRADICTED)).mean()))
    threshold = math.inf
    issue, remove = np.zeros((2, count), dtype=bool)
    if found:
        order = np.argsort(-score, kind="stable")
        threshold = float(score[order[best_count(probability[order], rate * count) - 1]])
        issue = (score >= threshold) & ~is_only_rare(logs, given)
        remove = _limit_rare_classes(issue & (probability >= MIN_PROBABILITY), score, given, rare_share)
    else:
        rate, probability = 0.0, alpha * probability  # the tests miss wrong labels with at most this probability
    tests = (contradicted, p_contradicted, unrelated, p_unrelated, between)
    return TwoModes(found, rate, score, probability, threshold, issue, remove, classes[other], confidence, *tests)


def is_rare_class(sizes: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return for each class, from its number of examples (C,), whether it is rare; a class without examples is not."""
    return np.asarray((sizes > 0) & (sizes < RARE * sizes[sizes > 0].mean()))


def _noise_rate(every_score: NDArray[np.float64], labels: NDArray[np.int64], contradicted: float) -> float:
    """Solve contradicted = (1 - rate) · CONTRADICTED_IF_RIGHT + rate · if_wrong for the rate of wrong labels.

    The share of wrong labels that are contradicted, if_wrong, is measured on the scores of the labels not given.
    """
    given = np.arange(every_score.shape[1]) == labels[:, None]
    if_wrong = TRAINED_ON * float((every_score[~given] > CONTRADICTED).mean())
    return (contradicted - CONTRADICTED_IF_RIGHT) / max(if_wrong - CONTRADICTED_IF_RIGHT, 0.05)


def _visible_antimode(score: NDArray[np.float64], alpha: float) -> float:
    """Return the antimode of the scores if the mode above it is one of contradicted labels; else infinity."""
    between = antimode(score, alpha)
    upper = score[score > between]
    is_contradicted = 0 < upper.size <= MAX_SHARE * score.size and np.median(upper) > 0
    return between if is_contradicted else math.inf


def _probability(score: NDArray[np.float64], rate: float, contradicted: float, above: float) -> NDArray[np.float64]:
    """Return the probability that each label is wrong: a logistic curve in the score.

    Its mean over all examples is `rate`. Its sum over contradicted labels is the number of contradicted labels without
    the right ones among them, and at least the share `above` a visible antimode.
    """
    wrong = max(contradicted - CONTRADICTED_IF_RIGHT * (1 - rate), above)
    wrong = min(max(wrong, 0.3 * rate), 0.95 * rate, 0.95 * contradicted)

    def curve(slope: float) -> NDArray[np.float64]:
        def centred(middle: float) -> NDArray[np.float64]:
            return np.asarray(scipy.special.expit(slope * (score - middle)))

        return centred(scipy.optimize.brentq(lambda middle: float(centred(middle).mean()) - rate, -500.0, 500.0))

    def excess(log_slope: float) -> float:
        return float(curve(np.exp(log_slope))[score > CONTRADICTED].sum()) / len(score) - wrong

    low, high = np.log(0.2), np.log(12.0)
    if excess(low) >= 0:
        return curve(np.exp(low))
    return curve(np.exp(high if excess(high) <= 0 else scipy.optimize.brentq(excess, low, high)))


def _limit_rare_classes(
    remove: NDArray[np.bool_], score: NDArray[np.float64], labels: NDArray[np.int64], rare_share: float
) -> NDArray[np.bool_]:
    """Remove at most `rare_share` of each rare class: keep its examples with the lowest scores."""
    sizes = np.bincount(labels)
    limited = remove.copy()
    for label in np.flatnonzero(is_rare_class(sizes)):
        rows = np.flatnonzero(remove & (labels == label))
        kept = max(len(rows) - int(rare_share * sizes[label]), 0)
        limited[rows[np.argsort(score[rows], kind="stable")][:kept]] = False
    return limited


def _decide(given: RuleInput, settings: "RemovalSettings") -> Cut:
    if given.pred_probs is None:
        raise InputError("the rule two-modes needs predicted probabilities, got none; pass logits to the ledger")
    result = two_modes(given.pred_probs, given.labels, settings.alpha, settings.rare_share)
    removable = result.is_label_issue & (result.probability >= MIN_PROBABILITY)
    threshold = float(result.score.min(where=removable, initial=math.inf))
    return Cut(result.remove, result.score, threshold, probabilities=result.probability)


TWO_MODES = Rule(
    "two-modes",
    "test for wrong labels, estimate how many there are, and remove the probable ones; nothing from clean labels",
    decide=_decide,
    needs_pred_probs=True,
    scores="log-odds",
    includes_threshold=True,
    defaults={"max_share": 0.6},
    default_epoch_share=0.8,
)
