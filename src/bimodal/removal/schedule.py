"""When a removal is due, from the loss summaries of the epochs so far. Epochs count from 1."""

from collections.abc import Sequence
from itertools import pairwise

from bimodal.removal.ledger import EpochSummary
from bimodal.removal.settings import RemovalSettings


def has_settled(variances: Sequence[float], change: float = 0.05, epochs: int = 2) -> bool:
    """Whether the variance changed by less than the share `change` in each of the last `epochs` epochs (paper, figure 7).

    >>> has_settled([2.0, 1.0, 0.98, 0.97]), has_settled([2.0, 1.0, 0.98])
    (True, False)
    """
    recent = variances[-epochs - 1 :]
    return len(variances) > epochs and all(abs(new - old) < change * old for old, new in pairwise(recent))


def is_due(settings: RemovalSettings, epochs: Sequence[EpochSummary], checks: Sequence[tuple[int, float]]) -> bool:
    """Whether the rule is to be applied after the last of `epochs`; `checks` are (epoch, std2) of its applications so far.

    >>> finished = [EpochSummary(9, 1.0, 1.0, 0.1)] * 6
    >>> is_due(RemovalSettings(), finished, []), is_due(RemovalSettings(), finished, [(6, 1.0)])
    (True, False)
    """
    if checks:
        is_over = not settings.every or any(std2 < settings.stop_std2 for _, std2 in checks)
        return not is_over and len(epochs) - checks[-1][0] >= settings.every
    if len(epochs) < settings.epoch:
        return False
    if settings.start == "settled":
        return has_settled([e.variance for e in epochs], settings.settle_change, settings.settle_epochs)
    return settings.start == "epoch" or epochs[-1].normalised_variance < settings.start_variance


def should_stop_training(settings: RemovalSettings, epochs: Sequence[EpochSummary], started: bool) -> bool:
    """Whether training ends here: after a first removal, once the normalised variance is low enough.

    Slade & Gedeon (1993) halt at 0.01. Before the first removal the variance is no criterion: in the beginning all
    losses are similar.
    """
    return started and epochs[-1].normalised_variance <= settings.stop_variance
