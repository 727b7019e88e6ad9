"""Label issues from the predicted probabilities or the losses of a finished training, with the interface of cleanlab."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.removal.antimode import antimode
from bimodal.removal.label_quality import Method, label_quality
from bimodal.removal.ledger import LossLedger
from bimodal.removal.two_modes import two_modes
from bimodal.removal.unrelated_labels import MAX_SHARE

if TYPE_CHECKING:
    import pandas as pd

Score = Literal["probability"] | Method
_MIN_LOSS = 1e-4
"""Losses below this are not told apart: the network predicts the label almost certainly."""


@overload
def find_label_issues(
    labels: ArrayLike,
    pred_probs: ArrayLike | None = None,
    *,
    losses: LossLedger | ArrayLike | None = None,
    alpha: float = 0.05,
    return_indices_ranked_by: None = None,
) -> "pd.DataFrame": ...


@overload
def find_label_issues(
    labels: ArrayLike,
    pred_probs: ArrayLike | None = None,
    *,
    losses: LossLedger | ArrayLike | None = None,
    alpha: float = 0.05,
    return_indices_ranked_by: Score,
) -> NDArray[np.int64]: ...


def find_label_issues(
    labels: ArrayLike,
    pred_probs: ArrayLike | None = None,
    *,
    losses: LossLedger | ArrayLike | None = None,
    alpha: float = 0.05,
    return_indices_ranked_by: Score | None = None,
) -> "pd.DataFrame | NDArray[np.int64]":
    """Find the labels that are probably wrong; it replaces `cleanlab.filter.find_label_issues`.

    With predicted probabilities the rule is `two_modes`. With losses alone, an example is an issue if its loss lies above
    the antimode of the log losses, where Silverman's test finds two modes; this finds fewer issues.

    Args:
        labels: (N,), the given classes, 0 to C - 1; labels of examples without predictions are ignored.
        pred_probs: (N, C), predicted probabilities: out of sample, or averaged over the epochs of a training.
        losses: in place of `pred_probs`: a `LossLedger` (its predicted probabilities, or its mean losses if it was given no
            logits), the losses (N,), or the losses (E, N) of E epochs, of which the mean counts. NaN: no loss.
        alpha: significance level, 0 to 1: the probability to find issues where all labels are right.
        return_indices_ranked_by: None for a table of all examples. Otherwise the indices of the issues, worst first, by
            `probability` (that the label is wrong) or by a score of cleanlab: `self_confidence`, `normalized_margin` or
            `confidence_weighted_entropy`; the last two need predicted probabilities.

    Returns:
        A DataFrame with a row for each example: `is_label_issue`, `label_quality` (see `get_label_quality_scores`; NaN for an
        example without predictions), `given_label`, and with predicted probabilities `predicted_label` (the most probable
        class) and `suggested_label` (the most probable class other than the label, among those that occur as labels),
        both -1 for an example without predictions. Or the indices of the issues, int64.

    Raises:
        InputError: for arguments in the wrong order, shapes that do not fit, or values that are no probabilities or losses.

    >>> random = np.random.default_rng(0)
    >>> losses = np.r_[random.gamma(2, 0.1, 180), random.normal(3, 0.3, 20)]
    >>> issues = find_label_issues(np.zeros(200, dtype=int), losses=losses)
    >>> issues.index[issues["is_label_issue"]].tolist() == list(range(180, 200))
    True
    """
    found = _find(labels, pred_probs, losses, alpha)
    if return_indices_ranked_by is not None:
        issues = np.flatnonzero(found.is_issue)
        order = -found.score
        if return_indices_ranked_by != "probability":
            order = found.quality_by(return_indices_ranked_by)
        return issues[np.argsort(order[issues], kind="stable")]
    import pandas as pd  # loads slowly, and only a table needs it

    columns = {"is_label_issue": found.is_issue, "label_quality": found.quality, "given_label": found.labels}
    if found.pred_probs is not None:
        columns |= {"predicted_label": found.predicted, "suggested_label": found.suggested}
    return pd.DataFrame(columns)


def get_label_quality_scores(
    labels: ArrayLike,
    pred_probs: ArrayLike | None = None,
    *,
    losses: LossLedger | ArrayLike | None = None,
    method: Score = "probability",
) -> NDArray[np.float64]:
    """Return how probably each label is right, (N,), 0 to 1; it replaces `cleanlab.rank.get_label_quality_scores`.

    Args:
        labels, pred_probs, losses: as in `find_label_issues`.
        method: `probability`: that the label is right, by `two_modes`; with losses alone, exp(-loss). Or a score of
            cleanlab: `self_confidence`, `normalized_margin` or `confidence_weighted_entropy`.

    Returns:
        The scores; NaN for examples without predictions.

    Raises:
        InputError: as `find_label_issues`.

    >>> quality = get_label_quality_scores([0, 1], [[0.9, 0.1], [0.9, 0.1]])
    >>> bool(quality[0] > quality[1])
    True
    """
    found = _find(labels, pred_probs, losses)
    return found.quality if method == "probability" else found.quality_by(method)


@dataclass(eq=False)
class _Found:
    """What is found about N examples; entries of examples without predictions keep their defaults."""

    labels: NDArray[np.int64]
    is_issue: NDArray[np.bool_]
    score: NDArray[np.float64]  # higher for a label that is more probably wrong
    quality: NDArray[np.float64]
    predicted: NDArray[np.int64]
    suggested: NDArray[np.int64]
    pred_probs: NDArray[np.float64] | None = None

    def quality_by(self, method: Method) -> NDArray[np.float64]:
        if method not in get_args(Method):
            raise InputError(f"the score must be one of probability, {', '.join(get_args(Method))}, got {method!r}")
        if self.pred_probs is None and method != "self_confidence":
            raise InputError(f"the score {method} needs predicted probabilities, got losses alone; use self_confidence")
        if self.pred_probs is None:
            return self.quality
        quality = np.full(len(self.labels), np.nan)
        rows = np.isfinite(self.score)
        probs = self.pred_probs[rows]
        quality[rows] = label_quality(self.labels[rows], probs / probs.sum(axis=1, keepdims=True), method)
        return quality


def _find(
    labels: ArrayLike, pred_probs: ArrayLike | None, losses: LossLedger | ArrayLike | None, alpha: float = 0.05
) -> _Found:
    if isinstance(labels, LossLedger) or isinstance(pred_probs, LossLedger):
        raise InputError("expected labels first and a LossLedger as losses=ledger, got the ledger as another argument")
    if (pred_probs is None) == (losses is None):
        raise InputError(f"expected either pred_probs or losses, got {'neither' if losses is None else 'both'}")
    given = np.asarray(labels)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise InputError(
            f"labels must be whole numbers of shape (N,), got {given.dtype} of shape {given.shape}; labels come first, then "
            "pred_probs, or losses=..."
        )
    if isinstance(losses, LossLedger):
        pred_probs, losses = losses.pred_probs, losses.mean
    if pred_probs is None:
        values, probs = _mean_losses(losses), None
    else:
        probs = np.asarray(pred_probs, dtype=np.float64)
        if probs.ndim != 2:
            raise InputError(f"pred_probs must be of shape (N, C), got {probs.shape}; give losses as losses=...")
        values = probs.sum(axis=-1)
    if given.shape != values.shape:
        raise InputError(f"expected a label for each of {values.size} examples, got labels of shape {given.shape}")
    rows = np.isfinite(values) if losses is not None else np.ones(len(given), dtype=bool)
    if not rows.any():
        raise InputError("there are no losses; train before looking for label issues")
    size = len(given)
    score, quality = np.full((2, size), np.nan)
    predicted, suggested = np.full((2, size), -1)
    found = _Found(given, np.zeros(size, dtype=bool), score, quality, predicted, suggested, probs)
    if probs is None:
        found.score[rows] = np.log(np.maximum(values[rows], _MIN_LOSS))
        above = found.score > antimode(found.score[rows], alpha)
        if above[rows].mean() <= MAX_SHARE:  # an upper mode of nearly all examples is not that of wrong labels
            found.is_issue[above] = True
        found.quality[rows] = np.exp(-values[rows])
        return found
    result = two_modes(probs[rows], given[rows], alpha)
    found.is_issue[rows], found.score[rows] = result.is_label_issue, result.score
    found.quality[rows], found.suggested[rows] = 1 - result.probability, result.suggested
    found.predicted[rows] = probs[rows].argmax(axis=1)
    return found


def _mean_losses(losses: ArrayLike | None) -> NDArray[np.float64]:
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim not in (1, 2) or values.size == 0:
        raise InputError(f"losses must be of shape (N,), or (E, N) for E epochs, got {values.shape}")
    if np.isinf(values).any() or (values < 0).any():
        raise InputError("losses must be finite and at least 0, or NaN for an example without a loss")
    if values.ndim == 1:
        return values
    count = np.isfinite(values).sum(axis=0)
    return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
