"""The rules of bimodal distribution removal: the losses of all examples in, the examples to remove out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.removal.moments import moments


@dataclass(frozen=True)
class Cut:
    """Where a rule cuts the losses, and the numbers that put it there.

    Attributes:
        rule: name of the rule.
        m1: mean of all losses; NaN for a rule that does not look at losses.
        m2, std2: mean and standard deviation of the losses above `m1`; NaN if none is.
        threshold: the loss (or score) at which the rule cuts; infinity if it cuts nothing.
        remove: (N,) bool, True for each example to remove.
        values: (N,), what the rule looked at: the losses, or its own scores.
        probabilities: (N,), how probably each label is wrong; NaN where the rule does not say.
    """

    rule: str
    m1: float
    m2: float
    std2: float
    threshold: float
    remove: NDArray[np.bool_]
    values: NDArray[np.floating]
    probabilities: NDArray[np.floating]


def wang(losses: NDArray[np.floating], k: float = 1.0) -> Cut:
    """One step of the paper's rule: remove every loss above M2 + k·std2 (paper, section 2.3).

    M1 is the mean of all losses; M2 and std2 are the mean and the (population) standard deviation of the
    losses above M1.

    Args:
        losses: (N,) finite, >= 0: the loss of each example.
        k: >= 0, in standard deviations; the paper's is 1.

    Raises:
        InputError: for no losses, losses that are not finite or not one-dimensional, or a negative `k`.

    >>> cut = wang(np.array([0.1, 0.1, 0.2, 0.2, 2.0, 2.2, 6.0]))
    >>> cut.remove.nonzero()[0].tolist(), round(cut.threshold, 2)
    ([6], 5.24)
    """
    losses = _checked(losses)
    if not k >= 0:
        raise InputError(f"k must be at least 0, got {k}")
    m1, m2, std2 = _upper_mode(losses)
    threshold = float("inf") if np.isnan(m2) else m2 + k * std2
    return Cut("wang", m1, m2, std2, threshold, losses > threshold, losses, np.full_like(losses, np.nan))


def slade_gedeon(losses: NDArray[np.floating], alpha: float = 0.5) -> Cut:
    """The original rule: remove every loss of the upper subset at or above its mean + alpha·std.

    Slade & Gedeon, "Bimodal distribution removal", IWANN 1993: the subset are the errors above the mean
    of all; 0 <= alpha <= 1.

    Args:
        losses: (N,) finite, >= 0: the loss of each example.
        alpha: 0 to 1, in standard deviations of the subset.

    Raises:
        InputError: as `wang`, and for an `alpha` outside 0 to 1.

    >>> slade_gedeon(np.array([0.1, 0.1, 0.2, 0.2, 2.0, 2.2, 6.0]), alpha=0.0).remove.nonzero()[0].tolist()
    [6]
    """
    losses = _checked(losses)
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha must lie between 0 and 1, got {alpha}")
    m1, m2, std2 = _upper_mode(losses)
    threshold = float("inf") if np.isnan(m2) else m2 + alpha * std2
    # A subset whose losses are all equal is no tail that could be cut: without this, ">=" takes the whole of it.
    remove = losses >= threshold if std2 > 0 else np.zeros(losses.shape, dtype=bool)
    return Cut("slade-gedeon", m1, m2, std2, threshold, remove, losses, np.full_like(losses, np.nan))


def _upper_mode(losses: NDArray[np.floating]) -> tuple[float, float, float]:
    m1 = float(losses.mean(dtype=np.float64))
    m2, std2 = moments(losses[losses > m1])
    return m1, m2, std2


def _checked(losses: NDArray[np.floating]) -> NDArray[np.floating]:
    losses = np.asarray(losses)
    losses = losses if losses.dtype.kind == "f" else losses.astype(np.float64)
    if losses.ndim != 1 or losses.size == 0:
        raise InputError(f"losses must be one number for each example, got an array of shape {losses.shape}")
    if not np.isfinite(losses).all():
        raise InputError(f"losses must be finite, but {int((~np.isfinite(losses)).sum())} of {losses.size} are not")
    return losses
