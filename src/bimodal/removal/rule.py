"""A removal rule as an object, and the registry of all rules."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError

if TYPE_CHECKING:
    from bimodal.removal.settings import RemovalSettings


@dataclass(frozen=True, eq=False)
class RuleInput:
    """What a rule decides from: losses of the last epoch (N,) and labels (N,) of the N examples in training.

    `pred_probs` (N, C) are their predicted probabilities, averaged over epochs; None if they were not recorded.
    """

    losses: NDArray[np.float32]
    labels: NDArray[np.int64]
    pred_probs: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Cut:
    """The decision of a rule about N examples.

    Attributes:
        remove: (N,) bool, True for each example to remove.
        scores: (N,), what the threshold applies to: losses or log-odds; higher for a less plausible label.
        threshold: the score from which examples are removed; infinity if the rule removes nothing.
        m1: mean of all losses; NaN for a rule that does not use it.
        m2, std2: mean and standard deviation of the losses above `m1`; NaN if there are none.
        probabilities: (N,), the probability that each label is wrong; None if the rule estimates none.
    """

    remove: NDArray[np.bool_]
    scores: NDArray[np.floating]
    threshold: float = math.inf
    m1: float = math.nan
    m2: float = math.nan
    std2: float = math.nan
    probabilities: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Rule:
    """A rule that decides which training examples to remove.

    Attributes:
        name: the name on the command line, in settings and in the run folder.
        summary: what the rule does, in a few words, for the help text.
        decide: returns the decision; None for a rule that never removes anything.
        needs_pred_probs: whether `decide` needs `RuleInput.pred_probs`.
        scores: the unit of `Cut.scores`: losses, or log-odds of the best other class against the label.
        includes_threshold: whether a score equal to the threshold is removed, too.
        defaults: removal settings that differ from the defaults of `RemovalSettings` for this rule.
        default_epoch_share: share of the training epochs after which the rule is applied if no epoch is given;
            None: after `RemovalSettings.epoch`.
        ranges: (low, high) of settings whose range is narrower for this rule.
    """

    name: str
    summary: str
    decide: "Callable[[RuleInput, RemovalSettings], Cut] | None"
    needs_pred_probs: bool = False
    scores: Literal["loss", "log-odds"] = "loss"
    includes_threshold: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    default_epoch_share: float | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def score_label(self) -> str:
        """The name of the scores, for the axis of a figure."""
        return "loss" if self.scores == "loss" else "log-odds of the best other class against the label"

    def describe_threshold(self, threshold: float) -> str:
        """Return a threshold in words, such as "a loss above 2.310"."""
        if self.scores == "log-odds":
            return f"odds of at least {math.exp(threshold):.2f} to 1 against the label"
        return f"a loss {'of at least' if self.includes_threshold else 'above'} {threshold:.3f}"


RULES: dict[str, Rule] = {}
"""All registered rules by name."""


def register(rule: Rule) -> None:
    """Add a rule with a new name, so that settings and the command line accept it."""
    if rule.name in RULES:
        raise InputError(f"the name of a rule must be new, but {rule.name!r} is registered already; choose another")
    RULES[rule.name] = rule


def describe_rules() -> str:
    """Return a line that names each registered rule and says what it does."""
    return "; ".join(f"{rule.name}: {rule.summary}" for rule in RULES.values())


NONE = Rule("none", "remove nothing", decide=None)
