"""The original rule of 1993: remove the losses from M2 + k·std2, repeatedly, and halt early."""

from numpy.typing import ArrayLike

from bimodal.errors import InputError
from bimodal.removal.moments import upper_mode
from bimodal.removal.rule import Cut, Rule


def slade_gedeon(losses: ArrayLike, k: float = 0.5) -> Cut:
    """Remove every loss of at least M2 + k·std2 (Slade & Gedeon, "Bimodal distribution removal", IWANN 1993).

    M1, M2 and std2 are those of `wang`. If std2 is 0, the losses above M1 are all equal, and nothing is removed.

    Args:
        losses: (N,) finite, at least 0: the loss of each example.
        k: 0 to 1, in standard deviations; α in their paper.

    Raises:
        InputError: for no losses, losses that are not finite or not one-dimensional, or a `k` outside 0 to 1.

    >>> slade_gedeon([0.1, 0.1, 0.2, 0.2, 2.0, 2.2, 6.0], k=0.0).remove.nonzero()[0].tolist()
    [6]
    """
    if not 0 <= k <= 1:
        raise InputError(f"k must lie between 0 and 1, got {k}")
    values, (threshold, m1, m2, std2) = upper_mode(losses, k)
    return Cut((values >= threshold) & (std2 > 0), values, threshold, m1, m2, std2)


SLADE_GEDEON = Rule(
    "slade-gedeon",
    "remove the losses from a threshold on, every 50 epochs, and stop training early (the original of 1993)",
    decide=lambda given, settings: slade_gedeon(given.losses, settings.k),
    includes_threshold=True,
    defaults={"k": 0.5, "start": "variance", "epoch": 1, "start_variance": 0.1, "every": 50, "stop_variance": 0.01},
    ranges={"k": (0, 1)},
)
