"""Wrong labels from a training that is over, in the form that users of cleanlab know."""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.removal.antimode import antimode
from bimodal.removal.ledger import LossLedger
from bimodal.removal.two_modes import MOST, two_modes

_SMALLEST = 1e-4
"""Losses below this are alike: the label is learnt."""


@overload
def find_label_issues(
    ledger_or_losses: LossLedger | ArrayLike,
    labels: ArrayLike,
    *,
    return_indices_ranked_by: None = None,
    error: float = 0.05,
) -> NDArray[np.bool_]: ...


@overload
def find_label_issues(
    ledger_or_losses: LossLedger | ArrayLike,
    labels: ArrayLike,
    *,
    return_indices_ranked_by: Literal["probability"],
    error: float = 0.05,
) -> NDArray[np.int64]: ...


def find_label_issues(
    ledger_or_losses: LossLedger | ArrayLike,
    labels: ArrayLike,
    *,
    return_indices_ranked_by: Literal["probability"] | None = None,
    error: float = 0.05,
) -> NDArray[np.bool_] | NDArray[np.int64]:
    """Return which labels are probably wrong, from one training, without cross-validation.

    It stands in for `cleanlab.filter.find_label_issues(labels, pred_probs)`: the result has the same form. The pred_probs
    of the ledger are in-run probabilities and can be given as `pred_probs` to cleanlab's own tools, and `get_label_quality_scores`
    is such a score as those of `cleanlab.rank`.

    Args:
        ledger_or_losses: a `LossLedger` that was given logits: then the rule is `two_modes`. Or losses alone, (N,) of
            each example, or (E,N) in each of E epochs, of which the mean counts, or a ledger without logits: then labels
            are called wrong that lie beyond the valley between two modes of the losses, if there are two by Silverman's
            test. That finds less: it takes two modes that can be seen.
        labels: (N,), the given classes. With losses alone they are only counted.
        return_indices_ranked_by: None for a mask; `probability` for the indices, most probably wrong first.
        error: chance to find wrong labels where there are none, 0 to 1.

    Returns:
        (N,) bool, True for a label called wrong; or the int64 indices of these.

    Raises:
        InputError: the arrays do not fit each other, or hold what is no loss.

    >>> random = np.random.default_rng(0)
    >>> losses = np.r_[random.gamma(2, 0.1, 180), random.normal(3, 0.3, 20)]
    >>> find_label_issues(losses, np.zeros(200, dtype=int)).nonzero()[0].tolist() == list(range(180, 200))
    True
    """
    if return_indices_ranked_by not in (None, "probability"):
        raise InputError(f"return_indices_ranked_by must be None or 'probability', got {return_indices_ranked_by!r}")
    labels = np.asarray(labels)
    seen = _seen(ledger_or_losses, labels)
    mask = np.zeros(len(labels), dtype=bool)
    if isinstance(ledger_or_losses, LossLedger) and ledger_or_losses.pred_probs is not None:
        result = two_modes(ledger_or_losses.pred_probs[seen], labels[seen], error)
        mask[seen], score = result.called, result.score
    else:
        score = np.log(np.maximum(_mean_losses(ledger_or_losses)[seen], _SMALLEST))
        beyond = score > antimode(score, error)
        mask[seen] = beyond if beyond.mean() <= MOST else False  # the upper mode is that of nearly all
    if return_indices_ranked_by is None:
        return mask
    everyone = np.full(len(labels), -np.inf)
    everyone[seen] = score
    found = np.flatnonzero(mask)
    return found[np.argsort(-everyone[found], kind="stable")]


def get_label_quality_scores(ledger: LossLedger, labels: ArrayLike) -> NDArray[np.float64]:
    """Return how probably each label is right, (N,), 0 to 1: a score such as `cleanlab.rank.get_label_quality_scores`'s.

    Args:
        ledger: one that was given logits.
        labels: (N,), the given classes.

    Raises:
        InputError: a ledger without logits, or labels that do not fit it.

    >>> ledger = LossLedger(2)
    >>> ledger.update([0, 1], [0.1, 3.0], [[3.0, 0.0], [3.0, 0.0]])
    >>> quality = get_label_quality_scores(ledger, [0, 1])
    >>> bool(quality[0] > quality[1])
    True
    """
    if ledger.pred_probs is None:
        raise InputError(
            "get_label_quality_scores needs a ledger that was given logits: ledger.update(index, losses, logits)"
        )
    labels = np.asarray(labels)
    seen = _seen(ledger, labels)
    quality = np.full(len(labels), np.nan)
    quality[seen] = 1 - two_modes(ledger.pred_probs[seen], labels[seen]).probability
    return quality


def _seen(given: LossLedger | ArrayLike, labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return which examples were ever in training."""
    losses = given.mean if isinstance(given, LossLedger) else _mean_losses(given)
    if isinstance(given, LossLedger) and given.pred_probs is not None:
        losses = losses + 0 * given.pred_probs.sum(axis=1)  # who was seen only before logits came was not judged
    if labels.ndim != 1 or labels.shape != losses.shape:
        raise InputError(f"expected a label for each of {losses.size} examples, got labels of shape {labels.shape}")
    seen = np.isfinite(losses)
    if not seen.any():
        raise InputError("there are no losses: train before looking for wrong labels")
    return np.asarray(seen)


def _mean_losses(given: LossLedger | ArrayLike) -> NDArray[np.float64]:
    losses = np.asarray(given.mean if isinstance(given, LossLedger) else given, dtype=np.float64)
    if losses.ndim not in (1, 2) or losses.size == 0:
        raise InputError(
            f"losses must be one number for each example, or for each epoch and example, got {losses.shape}"
        )
    if np.isinf(losses).any() or (losses < 0).any():
        raise InputError("losses must be finite and not below 0; NaN stands for an example that was not seen")
    if losses.ndim == 1:
        return losses
    count = np.isfinite(losses).sum(axis=0)
    total = np.nansum(losses, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
