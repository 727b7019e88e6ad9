"""Label issues from the predicted probabilities or the losses of a finished training, with the interface of cleanlab."""

from typing import TYPE_CHECKING, Any, Literal, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.removal.antimode import antimode
from bimodal.removal.issues import LabelIssues
from bimodal.removal.label_quality import Method, label_quality
from bimodal.removal.ledger import LossLedger
from bimodal.removal.noise_model import label_noise
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

    Out-of-sample probabilities are judged by `label_noise`, a model of the label noise; the probabilities of a `LossLedger`,
    which are those of a training on these labels, by `two_modes`. With losses alone, an example is an issue if its loss lies
    above the antimode of the log losses, where Silverman's test finds two modes; this finds fewer issues.

    Args:
        labels: (N,), the given classes, 0 to C - 1; labels of examples without predictions are ignored.
        pred_probs: (N, C), out-of-sample predicted probabilities, such as those of a cross-validation.
        losses: in place of `pred_probs`: a `LossLedger` (its predicted probabilities, averaged over the epochs, or its mean
            losses if it was given no logits), the losses (N,), or the losses (E, N) of E epochs, of which the mean counts.
            NaN: no loss.
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
    columns, score, probs = _find(labels, pred_probs, losses, alpha)
    if return_indices_ranked_by is None:
        import pandas as pd  # loads slowly, and only a table needs it

        return pd.DataFrame(columns)
    issues = np.flatnonzero(columns["is_label_issue"])
    by = return_indices_ranked_by
    order = -score if by == "probability" else _cleanlab_quality(columns, probs, by)
    return issues[np.argsort(order[issues], kind="stable")]


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
        method: `probability`: that the label is right, by the same model as `find_label_issues`; with losses alone,
            exp(-loss). Or a score of cleanlab: `self_confidence`, `normalized_margin` or `confidence_weighted_entropy`.

    Returns:
        The scores; NaN for examples without predictions.

    Raises:
        InputError: as `find_label_issues`.

    >>> quality = get_label_quality_scores([0, 1], [[0.9, 0.1], [0.9, 0.1]], method="self_confidence")
    >>> bool(quality[0] > quality[1])
    True
    """
    columns, _, probs = _find(labels, pred_probs, losses, needs_test=False)
    return columns["label_quality"] if method == "probability" else _cleanlab_quality(columns, probs, method)


def _find(
    labels: ArrayLike,
    pred_probs: ArrayLike | None,
    losses: LossLedger | ArrayLike | None,
    alpha: float = 0.05,
    needs_test: bool = True,
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the columns of the table, the score (N,), higher for a less plausible label, and the probabilities (N, C)."""
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
    is_issue, (score, quality) = np.zeros(len(given), dtype=bool), np.full((2, len(given)), np.nan)
    columns = {"is_label_issue": is_issue, "label_quality": quality, "given_label": given}
    if probs is None:
        score[rows] = np.log(np.maximum(values[rows], _MIN_LOSS))
        above = score > antimode(score[rows], alpha)
        if above[rows].mean() <= MAX_SHARE:  # an upper mode of nearly all examples is not that of wrong labels
            is_issue[above] = True
        quality[rows] = np.exp(-values[rows])
        return columns, score, None
    predicted, suggested = np.full((2, len(given)), -1)
    result: LabelIssues
    if losses is None:
        result = label_noise(given, probs, alpha=alpha if needs_test else None)
    else:
        result = two_modes(probs[rows], given[rows], alpha)
    is_issue[rows], score[rows], quality[rows] = result.is_label_issue, result.score, 1 - result.probability
    predicted[rows], suggested[rows] = probs[rows].argmax(axis=1), result.suggested
    return columns | {"predicted_label": predicted, "suggested_label": suggested}, score, probs


def _cleanlab_quality(
    columns: dict[str, NDArray[Any]], pred_probs: NDArray[np.float64] | None, method: Method
) -> NDArray[np.float64]:
    if method not in get_args(Method):
        raise InputError(f"the score must be one of probability, {', '.join(get_args(Method))}, got {method!r}")
    quality = columns["label_quality"]
    if pred_probs is None and method != "self_confidence":
        raise InputError(f"the score {method} needs predicted probabilities, got losses alone; use self_confidence")
    if pred_probs is not None:
        rows = np.isfinite(quality)
        probs = pred_probs[rows] / pred_probs[rows].sum(axis=1, keepdims=True)
        quality[rows] = label_quality(columns["given_label"][rows], probs, method)
    return quality


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
