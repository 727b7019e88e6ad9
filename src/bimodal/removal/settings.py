"""Settings of a removal: which rule, when, and within which limits."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from bimodal.errors import InputError
from bimodal.removal.rule import RULES, describe_rules
from bimodal.settings import check_choice, check_fields, check_range, option


@dataclass(frozen=True)
class RemovalSettings:
    """Which examples are removed, and when; the defaults are the paper's: one step of its rule after epoch 6.

    `RemovalSettings.preset(rule)` returns the settings with the defaults of another rule.

    Raises:
        InputError: for an unknown rule or a value outside its range; the message names the option.

    >>> RemovalSettings().rule, RemovalSettings().epoch
    ('wang', 6)
    """

    rule: str = option(
        "wang", lambda: f"rule that decides which training examples are removed; {describe_rules()}", choices=RULES
    )
    k: float = option(
        1.0,
        "rules wang and slade-gedeon: factor k of the threshold M2 + k·std2, where M2 and std2 are the mean and standard "
        "deviation of the losses above the mean, 0 to 100; slade-gedeon: 0 to 1, by default 0.5",
        0,
        100,
    )
    alpha: float = option(
        0.05, "rule two-modes: significance level (probability of a false alarm), 1e-6 to 0.5", 1e-6, 0.5
    )
    rare_share: float = option(
        0.0, "rule two-modes: largest share to remove of a class less than half as large as the mean, 0 to 1", 0, 1
    )
    start: Literal["epoch", "settled", "variance"] = option(
        "epoch",
        "when the first removal is due: epoch (after --removal-epoch), settled (once the variance of the losses has settled) "
        "or variance (once their normalised variance is below --removal-start-variance)",
    )
    epoch: int = option(
        6,
        "number of the epoch after which the first removal is due, from 1; the earliest one with --removal-start settled or "
        "variance; two-modes: by default after 80 % of the epochs",
        1,
    )
    settle_change: float = option(
        0.05, "with --removal-start settled: the variance of the losses changes by less than this share, 0 to 1", 0, 1
    )
    settle_epochs: int = option(
        2, "with --removal-start settled: number of successive epochs with a change below --removal-settle-change", 1
    )
    start_variance: float = option(
        0.1, "with --removal-start variance: normalised variance of the losses to start below, 0 to 0.25", 0, 0.25
    )
    every: int = option(0, "number of epochs after which the removal is repeated; 0: remove once", 0)
    stop_std2: float = option(
        0.0,
        "end the repetition once the standard deviation of the losses above the mean is below this, 0 to 1000; 0: never",
        0,
        1000,
    )
    stop_variance: float = option(
        0.0, "stop training after a removal at this normalised variance of the losses, 0 to 0.25; 0: never", 0, 0.25
    )
    max_share: float = option(
        0.3, "largest share of the training faces that is removed in all, 0 to 0.9; two-modes: default 0.6", 0, 0.9
    )
    min_per_class: int = option(5, "smallest number of training faces that stay in each class, at least 1", 1)

    def __post_init__(self) -> None:
        check_choice("removal", self.rule, RULES)
        check_fields(self, prefix="removal_")
        for name, (low, high) in RULES[self.rule].ranges.items():
            check_range(f"removal_{name}", getattr(self, name), low, high)

    @classmethod
    def preset(cls, rule: str, **changes: Any) -> Self:
        """Return the settings with the defaults of a rule, and some of them changed.

        Raises:
            InputError: for an unknown rule or setting, or a value outside its range.

        >>> RemovalSettings.preset("slade-gedeon", start_variance=0.2).every
        50
        """
        check_choice("removal", rule, RULES)
        unknown = ", ".join(changes.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise InputError(f"unknown removal setting {unknown}; known: {', '.join(cls.__dataclass_fields__)}")
        return cls(**{"rule": rule, **RULES[rule].defaults, **changes})
