"""The rule of the paper: remove the losses above M2 + k·std2."""

from numpy.typing import ArrayLike

from bimodal.errors import InputError
from bimodal.removal.moments import upper_mode
from bimodal.removal.rule import Cut, Rule


def wang(losses: ArrayLike, k: float = 1.0) -> Cut:
    """Remove every loss above M2 + k·std2 (paper, section 2.3).

    M1 is the mean of all losses; M2 and std2 are the mean and the population standard deviation of the losses above M1.

    Args:
        losses: (N,) finite, at least 0: the loss of each example.
        k: at least 0, in standard deviations; 1 in the paper.

    Raises:
        InputError: for no losses, losses that are not finite or not one-dimensional, or a negative `k`.

    >>> cut = wang([0.1, 0.1, 0.2, 0.2, 2.0, 2.2, 6.0])
    >>> cut.remove.nonzero()[0].tolist(), round(cut.threshold, 2)
    ([6], 5.24)
    """
    if not k >= 0:
        raise InputError(f"k must be at least 0, got {k}")
    values, (threshold, m1, m2, std2) = upper_mode(losses, k)
    return Cut(values > threshold, values, threshold, m1, m2, std2)


WANG = Rule(
    "wang",
    "remove the losses above a threshold (see --removal-k), once (the paper)",
    decide=lambda given, settings: wang(given.losses, settings.k),
)
