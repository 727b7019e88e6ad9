"""The rule that adapts: are there wrong labels at all, how many, and which; from what the network said while it trained.

Theory, sources and what was measured: docs/removal.md, docs/results/label-noise.md.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when first used: together they take half a second
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.removal.antimode import antimode
from bimodal.removal.rules import Cut

CONTRADICTED = 0.5
"""A label is contradicted if the odds of another are above e to this: 1.65 to 1."""
RIGHT, RIGHT_AT_MOST = 0.15, 0.18
"""Share of right labels that are contradicted all the same: usual, and the most that clean sets showed."""
NEVER_SEEN = 0.85
"""Share of the contradicted among labels that were trained on and are wrong, by that among labels never given."""
STRAY_AT_MOST = 0.01
"""Share of labels that may have nothing to do with their pictures in a set that counts as clean."""
SHARES_OF_ERROR = (0.4, 0.4, 0.2)
"""How the chance of a false alarm is shared out: contradicted labels, stray labels, modes that can be seen."""
RATHER_WRONG = 0.5
"""What is wrong with at least this probability may be removed without a look."""
MOST = 0.6
"""More wrong labels than this no estimate can claim."""
RARE = 0.5
"""An emotion is rare if it has fewer examples than this, by the mean of all emotions."""


@dataclass(frozen=True, eq=False)
class TwoModes:
    """What `two_modes` found about N examples.

    Attributes:
        found: whether there is a second mode, that of the wrong labels, at all.
        share: the estimated share of wrong labels; 0 where there is no second mode.
        score: (N,), log odds of the best other class against the label; above 0 the network leans to the other.
        probability: (N,), 0 to 1, that the label is wrong; by `share` of 0, the chance that the tests overlooked it.
        threshold: the score from which labels are called wrong, but for those that are merely rare; infinity if none is.
        called: (N,) bool, those called wrong, for somebody to look at: as many as give the highest expected F1.
        remove: (N,) bool, those of them that may go without a look: wrong rather than right, and of no rare class.
        suggested: (N,), the class that the network would give instead: its best other than the label.
        confidence: (N,), the network's probability of that class, among those that occur in the labels.
        contradicted: the share of labels with a score above `CONTRADICTED`.
        p_contradicted: chance of so many, were at most `RIGHT_AT_MOST` of the right ones contradicted.
        stray: the share of labels that have nothing to do with their pictures.
        p_stray: chance of a fit so much better with them, were they at most `STRAY_AT_MOST`.
        antimode: the score between two modes that can be seen, the upper one against the labels; infinity if there are not.
    """

    found: bool
    share: float
    score: NDArray[np.float64]
    probability: NDArray[np.float64]
    threshold: float
    called: NDArray[np.bool_]
    remove: NDArray[np.bool_]
    suggested: NDArray[np.int64]
    confidence: NDArray[np.float64]
    contradicted: float
    p_contradicted: float
    stray: float
    p_stray: float
    antimode: float


def two_modes(pred_probs: ArrayLike, labels: ArrayLike, error: float = 0.05, rare_share: float = 0.0) -> TwoModes:
    """Decide whether there are wrong labels, estimate how many, and say of each how probably it is one.

    Args:
        pred_probs: (N,C), what the network said of each example while it trained: its probabilities, averaged over the
            epochs (`LossLedger.pred_probs`). They may be unnormalised, but are positive and finite.
        labels: (N,), the given classes, 0 to C - 1.
        error: chance to find a second mode where there is none, 0 to 1; the tests share it (`SHARES_OF_ERROR`).
        rare_share: of a rare class (less than half as many examples as the mean class) at most this share is removed,
            0 to 1: the network knows it too little to tell its right labels from its wrong ones.

    Raises:
        InputError: for arrays that do not fit, classes that do not exist, or pred_probs that are no probabilities.

    >>> random = np.random.default_rng(0)
    >>> true = random.integers(0, 3, 400)
    >>> labels = np.where(np.arange(400) < 80, (true + 1) % 3, true)  # one in five is wrong
    >>> pred_probs = np.exp(3 * np.eye(3)[true] + random.normal(size=(400, 3)))
    >>> result = two_modes(pred_probs, labels)
    >>> result.found, round(result.share, 1), bool(result.called[:80].mean() > 0.8)
    (True, 0.2, True)
    """
    logs, labels, classes = _checked(pred_probs, labels)
    if not 0 < error < 1:
        raise InputError(f"error must lie between 0 and 1, got {error}")
    if not 0 <= rare_share <= 1:
        raise InputError(f"rare_share must be from 0 to 1, got {rare_share}")
    count = len(labels)
    every = _all_scores(logs)
    score = every[np.arange(count), labels]
    suggested, confidence = _best_other(logs, labels)
    suggested = classes[suggested]
    contradicted = float((score > CONTRADICTED).mean())
    p_contradicted = float(scipy.stats.binom.sf(round(contradicted * count) - 1, count, RIGHT_AT_MOST))
    stray, p_stray = _stray(logs, labels)
    levels = [error * part for part in SHARES_OF_ERROR]
    bottom = _visible_antimode(score, levels[2])
    beyond = float((score > max(bottom, 0.0)).mean())  # on the other side the network agrees with the labels
    found = p_contradicted < levels[0] or p_stray < levels[1] or beyond > 0
    share = min(max(_share(every, labels, contradicted), stray, beyond, 0.5 / count), MOST)
    probability = _curve(score, share, contradicted, float((score > max(bottom, CONTRADICTED)).mean()))
    evidence = (contradicted, p_contradicted, stray, p_stray, bottom)
    if not found:
        chance = error * probability  # what is left of it: that the tests have overlooked a second mode
        nobody = np.zeros(count, dtype=bool)
        return TwoModes(False, 0.0, score, chance, np.inf, nobody, nobody, suggested, confidence, *evidence)
    order = np.argsort(-score, kind="stable")
    threshold = float(score[order[_best_count(probability[order], share * count) - 1]])
    called = (score >= threshold) & ~_only_rare(logs, labels)
    remove = _spare_the_rare(called & (probability >= RATHER_WRONG), score, labels, rare_share)
    return TwoModes(True, share, score, probability, threshold, called, remove, suggested, confidence, *evidence)


def cut_between_modes(pred_probs: ArrayLike, labels: ArrayLike, error: float = 0.05, rare_share: float = 0.0) -> Cut:
    """Return `two_modes` as the other rules say it; the threshold is one of log odds. Arguments and errors: the same."""
    result = two_modes(pred_probs, labels, error, rare_share)
    nan = float("nan")
    rather = result.score[result.called & (result.probability >= RATHER_WRONG)]
    threshold = float(rather.min()) if rather.size else float("inf")
    return Cut("two-modes", nan, nan, nan, threshold, result.remove, result.score, result.probability)


def log_odds(pred_probs: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return the log odds of the best other class against the label, (N,): the score that ranks wrong labels.

    Args and errors: as `two_modes`.

    >>> log_odds([[0.2, 0.8], [0.5, 0.5]], [0, 1]).round(2).tolist()
    [1.39, 0.0]
    """
    logs, labels, _ = _checked(pred_probs, labels)
    return np.asarray(_all_scores(logs)[np.arange(len(labels)), labels])


def _checked(
    pred_probs: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return log probabilities of the classes that occur, (N,K), the labels among them, (N,), and which they are, (K,).

    What no label ever says is no alternative: a network with an output for it has learnt that it does not occur.
    """
    pred_probs, labels = np.asarray(pred_probs, dtype=np.float64), np.asarray(labels)
    if pred_probs.ndim != 2 or pred_probs.shape[1] < 2 or labels.shape != pred_probs.shape[:1] or not len(labels):
        raise InputError(
            f"expected probabilities of at least two classes and a label for each example, got shapes {pred_probs.shape} and "
            f"{labels.shape}"
        )
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= pred_probs.shape[1]:
        raise InputError(f"labels must be whole numbers from 0 to {pred_probs.shape[1] - 1}")
    if not np.isfinite(pred_probs).all() or (pred_probs < 0).any() or not (pred_probs.sum(axis=1) > 0).all():
        raise InputError("probabilities must be finite, none below 0, and not all 0 for an example")
    classes = np.unique(labels).astype(np.int64)
    if len(classes) < 2:
        classes = np.arange(pred_probs.shape[1])
    known = pred_probs[:, classes]
    known = np.where(known.sum(axis=1, keepdims=True) > 0, known, 1.0)
    logs = np.log(np.maximum(known / known.sum(axis=1, keepdims=True), 1e-12))
    return logs, np.searchsorted(classes, labels).astype(np.int64), classes


def _best_other(logs: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    others = np.where(np.arange(logs.shape[1]) == labels[:, None], -np.inf, logs)
    best = others.argmax(axis=1)
    return best, np.exp(others[np.arange(len(labels)), best])


def _all_scores(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N,C): the score that each example would have under each label."""
    ranked = np.sort(logs, axis=1)
    first, second = ranked[:, -1:], ranked[:, -2:-1]
    return np.asarray(np.where(logs == first, second, first) - logs)


def _share(every: NDArray[np.float64], labels: NDArray[np.int64], contradicted: float) -> float:
    """Estimate the share of wrong labels from that of the contradicted.

    contradicted = (1 - share) · RIGHT + share · (what wrong labels would be), and that is known from labels never given.
    """
    given = np.arange(every.shape[1]) == labels[:, None]
    of_wrong = NEVER_SEEN * float((every[~given] > CONTRADICTED).mean())
    return (contradicted - RIGHT) / max(of_wrong - RIGHT, 0.05)


def _stray(logs: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Return the share of labels that have nothing to do with the network's belief, and the test that there are any.

    The likelihood of a label is (1 - share) · q + share · (1 - q) / (C - 1), where q is the belief sharpened by a
    temperature; the share and the temperature are fitted. The test is a likelihood ratio against `STRAY_AT_MOST`; at
    the edge of the hypothesis its statistic is half 0, half chi squared with one degree of freedom.
    """
    rows, classes = np.arange(len(labels)), logs.shape[1]

    def likelihoods(temperature: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        q = np.exp(scipy.special.log_softmax(logs / np.exp(temperature), axis=1)[rows, labels])
        return q, (1 - q) / (classes - 1)

    def loss(temperature: float, share: float | None) -> float:
        q, stray = likelihoods(temperature)
        share = _mixing(q, stray) if share is None else share
        return -float(np.log((1 - share) * q + share * stray + 1e-300).sum())

    bounds = (np.log(0.1), np.log(3.0))
    free = scipy.optimize.minimize_scalar(loss, args=(None,), bounds=bounds, method="bounded")
    share = _mixing(*likelihoods(free.x))
    if share <= STRAY_AT_MOST:
        return share, 1.0
    clean = scipy.optimize.minimize_scalar(loss, args=(STRAY_AT_MOST,), bounds=bounds, method="bounded")
    return share, 0.5 * float(scipy.stats.chi2.sf(max(2 * (clean.fun - free.fun), 0.0), df=1))


def _mixing(q: NDArray[np.float64], stray: NDArray[np.float64]) -> float:
    """Return the share that makes the mixture of two known likelihoods most likely; the likelihood is concave in it."""
    difference = stray - q

    def slope(share: float) -> float:
        return float((difference / (q + share * difference + 1e-300)).sum())

    if slope(0.0) <= 0:
        return 0.0
    return MOST if slope(MOST) >= 0 else float(scipy.optimize.brentq(slope, 0.0, MOST, xtol=1e-6))


def _visible_antimode(score: NDArray[np.float64], error: float) -> float:
    """Return the valley between two modes of the score, if the upper one is against the labels; else infinity."""
    bottom = antimode(score, error)
    upper = score[score > bottom]
    is_ours = 0 < upper.size <= MOST * score.size and np.median(upper) > 0
    return bottom if is_ours else float("inf")


def _curve(score: NDArray[np.float64], share: float, contradicted: float, beyond: float) -> NDArray[np.float64]:
    """Return the logistic curve in the score on which the wrong add up to `share`, and, among the contradicted, to theirs.

    Theirs is what is left of the contradicted without the right ones that are always among them, and at least what lies
    beyond a valley that can be seen.
    """
    above = max(contradicted - RIGHT * (1 - share), beyond)
    above = min(max(above, 0.3 * share), 0.95 * share, 0.95 * contradicted)

    def at(slope: float) -> NDArray[np.float64]:
        middle = scipy.optimize.brentq(
            lambda middle: float(scipy.special.expit(slope * (score - middle)).mean()) - share, -500.0, 500.0
        )
        return np.asarray(scipy.special.expit(slope * (score - middle)))

    def excess(log_slope: float) -> float:
        return float(at(np.exp(log_slope))[score > CONTRADICTED].sum()) / len(score) - above

    low, high = np.log(0.2), np.log(12.0)
    if excess(low) >= 0:
        return at(np.exp(low))
    if excess(high) <= 0:
        return at(np.exp(high))
    return at(np.exp(scipy.optimize.brentq(excess, low, high)))


def _best_count(descending: NDArray[np.float64], wrong: float) -> int:
    """Return how many of the first to call wrong, so that the expected F1 is highest."""
    counts = np.arange(1, len(descending) + 1)
    return int(counts[np.argmax(2 * np.cumsum(descending) / (counts + wrong))])


def _only_rare(logs: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the examples that are contradicted only because their class is rare: not if all were equally frequent."""
    level = logs - np.log(np.exp(logs).mean(axis=0))
    return np.asarray(_all_scores(level)[np.arange(len(labels)), labels] <= 0)


def _spare_the_rare(
    remove: NDArray[np.bool_], score: NDArray[np.float64], labels: NDArray[np.int64], rare_share: float
) -> NDArray[np.bool_]:
    """Let no rare class lose more than this share of its examples, those with the lowest scores being spared."""
    sizes = np.bincount(labels)
    result = remove.copy()
    for rare in np.flatnonzero((sizes > 0) & (sizes < RARE * sizes[sizes > 0].mean())):
        gone = np.flatnonzero(remove & (labels == rare))
        lowest_first = gone[np.argsort(score[gone], kind="stable")]
        result[lowest_first[: max(len(gone) - int(rare_share * sizes[rare]), 0)]] = False
    return result
