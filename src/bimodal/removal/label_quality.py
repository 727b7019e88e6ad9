"""The label quality scores of cleanlab: how plausible a given label is under predicted probabilities."""

from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

Method = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]
_SMALLEST = 1e-6


def label_quality(
    labels: NDArray[np.integer], pred_probs: NDArray[np.float64], method: Method = "self_confidence"
) -> NDArray[np.float64]:
    """Return a score (N,) for each label, lower for a less plausible one, as `cleanlab.rank.get_label_quality_scores` does.

    `self_confidence` is the probability of the label; `normalized_margin` is that minus the largest other probability;
    `confidence_weighted_entropy` is the entropy divided by the self-confidence. The last two are scaled to 0 to 1.

    >>> label_quality(np.array([0, 1]), np.array([[0.8, 0.2], [0.8, 0.2]]), "normalized_margin").round(2).tolist()
    [0.8, 0.2]
    """
    confidence = pred_probs[np.arange(len(labels)), labels]
    if method == "self_confidence":
        return np.asarray(confidence)
    if method == "normalized_margin":
        others = np.where(np.arange(pred_probs.shape[1]) == labels[:, None], -np.inf, pred_probs)
        return np.asarray((confidence - others.max(axis=1) + 1) / 2)
    entropy = -scipy.special.xlogy(pred_probs, pred_probs).sum(axis=1) / np.log(pred_probs.shape[1])
    ratio = entropy / np.maximum(confidence, _SMALLEST)
    return np.asarray(np.log(ratio + 1) / np.maximum(ratio, _SMALLEST))
