"""Checks of features and labels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.emotions import NAMES
from bimodal.errors import InputError


def finite_features(features: ArrayLike) -> NDArray[np.float64]:
    """Return features as float64 (n, D); raise an `InputError` for another shape or values that are not finite."""
    given = np.asarray(features, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] == 0 or not np.isfinite(given).all():
        raise InputError(f"expected finite features (n,D), got shape {given.shape}, or values that are not finite")
    return given


def check_codes(labels: NDArray[np.int64]) -> None:
    """Raise an `InputError` unless all labels are codes 0 to 6."""
    if len(labels) and (labels.min() < 0 or labels.max() >= len(NAMES)):
        raise InputError(f"labels must be codes 0 to {len(NAMES) - 1}, got {labels.min()} to {labels.max()}")
