"""Everything that decides what is removed and when, in one frozen place."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from bimodal.settings import check_choice, check_range, option

Rule = Literal["wang", "slade-gedeon", "two-modes", "none"]
Start = Literal["epoch", "settled", "variance"]


@dataclass(frozen=True)
class RemovalSettings:
    """The defaults are the paper's: one step of its rule after epoch 6.

    Raises:
        InputError: for a number outside its range; the message names it.

    >>> RemovalSettings().rule, RemovalSettings().epoch, preset("slade-gedeon").every
    ('wang', 6, 50)
    """

    rule: Rule = option(
        "wang",
        "which rule removes: wang (the paper), slade-gedeon (the original of 1993), two-modes (adapts to how many labels "
        "are wrong, and removes nothing if it finds none) or none",
    )
    k: float = option(1.0, "wang: remove losses above M2 + k standard deviations of the upper mode")
    alpha: float = option(0.5, "slade-gedeon: remove losses from mean + alpha standard deviations of the upper mode")
    error: float = option(0.05, "two-modes: chance to find wrong labels where there are none")
    rare_share: float = option(0.0, "two-modes: remove at most this share of an emotion with few faces")
    start: Start = option(
        "epoch", "when the first step comes: epoch, settled (variance of the losses) or variance (normalised, below)"
    )
    epoch: int = option(6, "epoch: the step comes after this epoch; settled and variance: not before it")
    settle_change: float = option(0.05, "settled: the variance changes by less than this share from epoch to epoch")
    settle_epochs: int = option(2, "settled: in each of so many epochs")
    start_variance: float = option(0.1, "variance: the normalised variance of the losses is below this")
    every: int = option(0, "repeat the step every so many epochs; 0: one step only")
    stop_std2: float = option(0.0, "no more steps once the upper mode's standard deviation is below this; 0: never")
    stop_variance: float = option(0.0, "stop training once the normalised variance is at most this; 0: never")
    max_share: float = option(0.3, "guard: never remove more than this share of the training faces in all")
    min_per_class: int = option(5, "guard: leave at least so many faces in each class")

    def __post_init__(self) -> None:
        check_choice("removal", self.rule, get_args(Rule))
        check_range("removal_rare_share", self.rare_share, 0, 1)
        check_range("removal_error", self.error, 1e-6, 0.5)
        check_choice("removal_start", self.start, get_args(Start))
        check_range("removal_k", self.k, 0, 100)
        check_range("removal_alpha", self.alpha, 0, 1)
        check_range("removal_epoch", self.epoch, 1, 1_000_000, whole=True)
        check_range("removal_settle_change", self.settle_change, 0, 1)
        check_range("removal_settle_epochs", self.settle_epochs, 1, 1000, whole=True)
        check_range("removal_start_variance", self.start_variance, 0, 0.25)
        check_range("removal_every", self.every, 0, 1_000_000, whole=True)
        check_range("removal_stop_std2", self.stop_std2, 0, 1000)
        check_range("removal_stop_variance", self.stop_variance, 0, 0.25)
        check_range("removal_max_share", self.max_share, 0, 0.9)
        check_range("removal_min_per_class", self.min_per_class, 1, 1_000_000, whole=True)


PRESETS: dict[str, dict[str, Any]] = {
    "wang": {"rule": "wang"},
    "slade-gedeon": {
        "rule": "slade-gedeon",
        "start": "variance",
        "epoch": 1,
        "start_variance": 0.1,
        "every": 50,
        "stop_variance": 0.01,
    },
    "two-modes": {"rule": "two-modes", "max_share": 0.6},  # it says itself how many
    "none": {"rule": "none"},
}


def preset(rule: str, **numbers: Any) -> RemovalSettings:
    """Return the settings of a rule as its authors ran it, with some numbers of one's own.

    Raises:
        InputError: for an unknown rule or a number outside its range.
    """
    check_choice("removal", rule, tuple(PRESETS))
    return RemovalSettings(**(PRESETS[rule] | numbers))
