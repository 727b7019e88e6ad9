"""Which labels are wrong, from out-of-sample probabilities: a model of the label noise, fitted by maximum likelihood.

Theory, sources and measurements: docs/audit.md, docs/results/label-noise.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy  # loads its subpackages on first use: together they take half a second
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from bimodal.errors import InputError
from bimodal.removal.issues import MIN_PROBABILITY, LabelIssues, best_count
from bimodal.removal.log_odds import best_other, check_pred_probs, log_odds
from bimodal.removal.two_modes import is_rare_class

PRIOR_RIGHT, PRIOR_WRONG = 5.0, 0.05
"""Pseudo-counts of the transition matrix: so many examples of each class with the right label, and with each wrong one."""
MAX_TESTED = 5000
"""Examples in the test; of a larger set, a random sample."""
_BIAS, _ITERATIONS = 3.0, 150


@dataclass(frozen=True, eq=False)
class LabelNoise(LabelIssues):
    """The result of `label_noise` for N examples and C classes; see `LabelIssues` for the other attributes.

    The probability that a label is wrong is that of the fitted model, also if the test found no wrong labels; the score is
    its log-odds.

    Attributes:
        p_value: of the test, under the hypothesis that all labels are right; NaN without a test.
        transition: (C, C), row k: the estimated probability of each given label where the true class is k; that of the
            identity for a class that does not occur.
    """

    p_value: float
    transition: NDArray[np.float64]

    def reranked(self, labels: ArrayLike, pred_probs: ArrayLike) -> "LabelNoise":
        """Return the same numbers of wrong labels in the order of other predictions.

        Predictions of a training on these labels rank wrong labels well, but have partly memorised them, so the share of
        wrong labels cannot be estimated from them. The k-th least plausible label gets the k-th highest probability.

        Args:
            labels: (N,), the given classes.
            pred_probs: (N, C), the predictions that give the order: by the log-odds of the best other class.
        """
        logs, given, classes = check_pred_probs(pred_probs, labels)
        rows = np.arange(len(given))
        order = np.argsort(-log_odds(logs)[rows, given], kind="stable")
        old = np.argsort(-self.score, kind="stable")
        probability, score = np.empty((2, len(rows)))
        probability[order], score[order] = self.probability[old], self.score[old]
        issue = np.zeros(len(rows), dtype=bool)
        issue[order[: int(self.is_label_issue.sum())]] = True
        is_rare = is_rare_class(np.bincount(given, minlength=len(classes)))
        remove = issue & (probability >= MIN_PROBABILITY) & ~is_rare[given]
        other, confidence = best_other(logs, given)
        share = confidence / (1 - np.exp(logs[rows, given]) + 1e-12)
        return replace(
            self,
            score=score,
            probability=probability,
            is_label_issue=issue,
            remove=remove,
            suggested=classes[other],
            confidence=probability * np.minimum(share, 1.0),
        )


def label_noise(
    labels: ArrayLike, pred_probs: ArrayLike, *others: ArrayLike, alpha: float | None = 0.05, seed: int = 0
) -> LabelNoise:
    """Test whether there are wrong labels, estimate how many, and return for each the probability that it is wrong.

    The model: an example has the true class k with probability q[k], and the label y with probability T[k, y] if its true
    class is k. q is the softmax of a weighted sum of the log probabilities of one or more predictors, plus a bias for each
    class; T is a transition matrix. Weights, biases and T maximise the likelihood of the labels, with a prior that keeps
    T near the identity. Without noise T is the identity. The test compares both maxima; the distribution of their
    difference without noise comes from labels that are drawn from the model without noise.

    Transition matrices of label noise: Patrini et al. (2017), "Making deep neural networks robust to label noise".

    Args:
        labels: (N,), the given classes, 0 to C - 1.
        pred_probs: (N, C), out-of-sample predicted probabilities; finite, at least 0, not necessarily normalised.
        others: further predictors of the same form, such as those of a network that was never trained on these labels.
        alpha: significance level, 0 to 1: the probability to find wrong labels where all are right. None: no test; there
            are wrong labels.
        seed: random seed for the simulated labels.

    Raises:
        InputError: for shapes that do not fit, labels outside 0 to C - 1, or values that are not probabilities.

    >>> random = np.random.default_rng(0)
    >>> true = random.integers(0, 3, 400)
    >>> labels = np.where(np.arange(400) < 80, (true + 1) % 3, true)  # one in five is wrong
    >>> pred_probs = np.exp(3 * np.eye(3)[true] + random.normal(size=(400, 3)))
    >>> result = label_noise(labels, pred_probs)
    >>> result.has_label_issues, round(result.noise_rate, 1), bool(result.is_label_issue[:80].mean() > 0.8)
    (True, 0.2, True)
    """
    if alpha is not None and not 0 < alpha < 1:
        raise InputError(f"alpha must lie between 0 and 1, got {alpha}")
    shapes = [np.shape(probs) for probs in (pred_probs, *others)]
    if len(set(shapes)) > 1:
        raise InputError(f"all predictors must have one shape (N, C), got {', '.join(map(str, shapes))}")
    checked = [check_pred_probs(probs, labels) for probs in (pred_probs, *others)]
    logs = [log_probs for log_probs, _, _ in checked]
    _, given, classes = checked[0]
    count, size = logs[0].shape
    with threadpool_limits(1, "blas"):  # matrices with one column for each class: threads cost more than they give
        model = _fit(logs, given, noise=True)
        p_value = math.nan if alpha is None else _p_value(logs, given, alpha, np.random.default_rng(seed))
    wrong = np.clip(1 - model.true_class[np.arange(count), given], 0.0, 1.0)
    score = scipy.special.logit(np.clip(wrong, 1e-12, 1 - 1e-12))
    found = alpha is None or p_value <= alpha
    rate, threshold = 0.0, math.inf
    issue, remove = np.zeros((2, count), dtype=bool)
    if found:
        rate = float(wrong.mean())
        order = np.argsort(-score, kind="stable")
        issues = order[: best_count(wrong[order], float(wrong.sum()))]
        issue[issues] = True
        threshold = float(score[issues[-1]])
        is_rare = is_rare_class(np.bincount(given, minlength=size))
        remove = issue & (wrong >= MIN_PROBABILITY) & ~is_rare[given]
    other = np.where(np.arange(size) == given[:, None], -1.0, model.true_class)
    transition = np.eye(shapes[0][1])
    transition[np.ix_(classes, classes)] = model.transition
    return LabelNoise(
        found,
        rate,
        score,
        wrong,
        threshold,
        issue,
        remove,
        classes[other.argmax(axis=1)],
        other.max(axis=1),
        p_value,
        transition,
    )


@dataclass(frozen=True, eq=False)
class NoiseFit:
    """The fitted model of `label_noise` for N examples, K classes and M predictors.

    Attributes:
        loss: negative log posterior.
        true_class: (N, K), probabilities of the true class given the predictions and the label.
        transition: (K, K), see `LabelNoise`.
        values: all parameters, to start a later fit from.
        clean: (N, K), probabilities of the true class before the label is seen.
    """

    loss: float
    clean: NDArray[np.float64]
    true_class: NDArray[np.float64]
    transition: NDArray[np.float64]
    values: NDArray[np.float64]


def fit_noise(
    logs: Sequence[NDArray[np.float64]],
    labels: NDArray[np.int64],
    possible: NDArray[np.bool_] | None = None,
    start: NDArray[np.float64] | None = None,
    iterations: int = _ITERATIONS,
) -> NoiseFit:
    """Fit the model of `label_noise`, with what is known about some true classes.

    Examples may be chosen for review by their predictions and labels: the likelihood stays the same.

    Args:
        logs: M predictors, each (N, K): log probabilities.
        labels: (N,), the given classes, 0 to K - 1.
        possible: (N, K) bool, the classes that the true one can be; None: nothing is known. It shapes the parameters only:
            `true_class` tells what the model says about each example without this knowledge.
        start: `values` of an earlier fit; None: the usual start.
        iterations: of L-BFGS, at most.
    """
    return _fit(logs, labels, True, possible, start, iterations)


def _fit(
    logs: Sequence[NDArray[np.float64]],
    labels: NDArray[np.int64],
    noise: bool,
    possible: NDArray[np.bool_] | None = None,
    begin: NDArray[np.float64] | None = None,
    iterations: int = _ITERATIONS,
) -> NoiseFit:
    """Maximise the posterior of the weights, biases and, with noise, the transition matrix."""
    stacked = np.stack(logs)  # (M, N, K)
    inputs, _, size = stacked.shape
    start = np.zeros(inputs + size)
    start[0] = 1.0
    bounds = [(0.0, 8.0)] * inputs + [(-_BIAS, _BIAS)] * size
    if noise:
        start[:inputs] = [1.5, *[0.2] * (inputs - 1)]  # sharper than the predictions: these have learnt the noise, too
        start = np.r_[start, 3.5 * np.eye(size).ravel()]
        bounds += [(-9.0, 9.0)] * size**2
    found = scipy.optimize.minimize(
        _loss,
        start if begin is None else begin,
        (stacked, labels, possible),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": iterations},
    )
    clean, transition = _clean(found.x, stacked), _transition(found.x, stacked)
    joint = clean * transition[:, labels].T
    true_class = joint / (joint.sum(axis=1, keepdims=True) + 1e-300)
    return NoiseFit(float(found.fun), clean, true_class, transition, np.asarray(found.x))


def _loss(
    values: NDArray[np.float64],
    logs: NDArray[np.float64],
    labels: NDArray[np.int64],
    possible: NDArray[np.bool_] | None = None,
) -> tuple[float, NDArray[np.float64]]:
    """Return the negative log posterior and its gradient.

    Args:
        values: M weights, K biases and, with noise, the logits of the transition matrix, K * K.
        logs: (M, N, K), log probabilities of M predictors.
        labels: (N,).
        possible: (N, K), the classes that the true one can be; None: all.
    """
    inputs, _, size = logs.shape
    bias, clean, transition = values[inputs : inputs + size], _clean(values, logs), _transition(values, logs)
    joint = clean * transition[:, labels].T  # (N, K)
    if possible is not None:
        joint *= possible
    likelihood = joint.sum(axis=1) + 1e-300
    true_class = joint / likelihood[:, None]
    loss = 0.5 * float(bias @ bias) - float(np.log(likelihood).sum())
    residual = true_class - clean
    gradient = np.zeros_like(values)
    gradient[:inputs] = -(residual * logs).sum(axis=(1, 2))
    gradient[inputs : inputs + size] = bias - residual.sum(axis=0)
    if len(values) > inputs + size:
        prior = np.where(np.eye(size, dtype=bool), PRIOR_RIGHT, PRIOR_WRONG)
        counts = true_class.T @ np.eye(size)[labels] + prior
        loss -= float((prior * np.log(transition + 1e-300)).sum())
        gradient[inputs + size :] = -(counts - transition * counts.sum(axis=1, keepdims=True)).ravel()
    return loss, gradient


def _clean(values: NDArray[np.float64], logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q, (N, K), of the parameters."""
    inputs, _, size = logs.shape
    logits = np.tensordot(values[:inputs], logs, axes=1) + values[inputs : inputs + size]
    return np.asarray(scipy.special.softmax(logits, axis=1))


def _transition(values: NDArray[np.float64], logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the transition matrix, (K, K), of the parameters; without noise the identity."""
    inputs, _, size = logs.shape
    logits = values[inputs + size :]
    return np.asarray(scipy.special.softmax(logits.reshape(size, size), axis=1) if len(logits) else np.eye(size))


def _p_value(
    logs: Sequence[NDArray[np.float64]], labels: NDArray[np.int64], alpha: float, rng: np.random.Generator
) -> float:
    """Test the model without noise by a parametric bootstrap of the difference of both maxima.

    There are as many simulated sets of labels as `alpha` needs, so the smallest p-value is about `alpha`. A negative
    difference is no evidence of noise, whatever the simulations say: the prior outweighs the likelihood.
    """
    if len(labels) > MAX_TESTED:
        sample = rng.choice(len(labels), MAX_TESTED, replace=False)
        logs, labels = [log_probs[sample] for log_probs in logs], labels[sample]
    clean = _fit(logs, labels, noise=False)
    statistic = clean.loss - _fit(logs, labels, noise=True).loss
    if statistic <= 0:
        return 1.0
    cumulated = clean.clean.cumsum(axis=1)
    as_large, simulations = 0, math.ceil(1 / alpha) - 1
    for _ in range(simulations):
        drawn = (rng.random((len(labels), 1)) > cumulated).sum(axis=1).clip(0, clean.clean.shape[1] - 1)
        simulated = _fit(logs, drawn, noise=False).loss - _fit(logs, drawn, noise=True).loss
        as_large += simulated >= statistic
    return (1 + as_large) / (1 + simulations)
