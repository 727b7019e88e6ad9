"""A likelihood-ratio test for labels that are unrelated to the predicted probabilities."""

import numpy as np
import scipy
from numpy.typing import NDArray

MAX_SHARE = 0.6
"""Largest share of wrong labels that any estimate may return."""
MAX_UNRELATED_IF_CLEAN = 0.01
"""Share of unrelated labels up to which a set counts as clean."""


def unrelated_labels(logs: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Return the share of labels that are unrelated to the predictions, and the p-value of a clean set.

    The likelihood of a label y is (1 - share) · q[y] + share · (1 - q[y]) / (C - 1), where q are the predicted
    probabilities sharpened by a temperature; share and temperature are fitted. The null hypothesis is a share of at most
    `MAX_UNRELATED_IF_CLEAN`; on its boundary the statistic is half 0, half chi-squared with one degree of freedom.
    `logs` (N, C) are log probabilities, `labels` (N,) are 0 to C - 1.
    """
    rows, classes = np.arange(len(labels)), logs.shape[1]

    def likelihoods(temperature: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        related = np.exp(scipy.special.log_softmax(logs / np.exp(temperature), axis=1)[rows, labels])
        return related, (1 - related) / (classes - 1)

    def loss(temperature: float, share: float | None) -> float:
        related, unrelated = likelihoods(temperature)
        share = _best_share(related, unrelated) if share is None else share
        return -float(np.log((1 - share) * related + share * unrelated + 1e-300).sum())

    bounds = (np.log(0.1), np.log(3.0))
    free = scipy.optimize.minimize_scalar(loss, args=(None,), bounds=bounds, method="bounded")
    share = _best_share(*likelihoods(free.x))
    if share <= MAX_UNRELATED_IF_CLEAN:
        return share, 1.0
    clean = scipy.optimize.minimize_scalar(loss, args=(MAX_UNRELATED_IF_CLEAN,), bounds=bounds, method="bounded")
    return share, 0.5 * float(scipy.stats.chi2.sf(max(2 * (clean.fun - free.fun), 0.0), df=1))


def _best_share(related: NDArray[np.float64], unrelated: NDArray[np.float64]) -> float:
    """Return the share with the highest likelihood, which is concave in it."""
    difference = unrelated - related

    def slope(share: float) -> float:
        return float((difference / (related + share * difference + 1e-300)).sum())

    if slope(0.0) <= 0:
        return 0.0
    return MAX_SHARE if slope(MAX_SHARE) >= 0 else float(scipy.optimize.brentq(slope, 0.0, MAX_SHARE, xtol=1e-6))
