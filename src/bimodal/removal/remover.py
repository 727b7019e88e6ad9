"""Bimodal distribution removal as a whole: ledger, schedule, rule and limits, epoch by epoch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.removal.ledger import LossLedger
from bimodal.removal.limits import apply_limits
from bimodal.removal.rule import RULES, RuleInput
from bimodal.removal.schedule import is_due, should_stop_training
from bimodal.removal.settings import RemovalSettings


@dataclass(frozen=True, eq=False)
class RemovalStep:
    """One removal.

    Attributes:
        epoch: the epoch, from 1, after which the examples were removed.
        rule: name of the rule.
        m1, m2, std2, threshold: the rule's numbers, see `bimodal.removal.Cut`.
        rows: (R,) int64, the removed examples, highest score first.
        losses: (R,) float32, their losses at that time.
        probabilities: (R,) float32, the probability that each label is wrong; NaN if the rule estimates none.
        kept_by_limits: number of further examples that the rule selected and the limits kept.
    """

    epoch: int
    rule: str
    m1: float
    m2: float
    std2: float
    threshold: float
    rows: NDArray[np.int64]
    losses: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    kept_by_limits: int


class Remover:
    """Decides after each epoch which training examples stay; independent of any training engine.

    Call `update` with each batch and `end_epoch` after the last one, and train the next epoch on `kept`.

    Args:
        labels: (N,) integers, the class of each example; -1 for an example outside the training split.
        settings: rule, schedule and limits; the paper's by default.
        trace: keep the losses of every epoch (see `LossLedger`).

    Raises:
        InputError: labels of another shape, or in `update`, arrays that do not fit or missing logits.

    Attributes:
        kept: (N,) bool, the examples that are still in training (False for label -1).
        ledger: losses and predicted probabilities.
        steps: the removals so far.
        before: (N,) float32, the scores of the first removal (paper, figure 8), NaN outside training; None before it.

    >>> remover = Remover(np.zeros(100, dtype=int), RemovalSettings(epoch=1))
    >>> remover.update(np.arange(100), np.r_[np.full(90, 0.1), np.full(9, 2.0), 9.0])
    >>> remover.end_epoch().rows.tolist(), int(remover.kept.sum())
    ([99], 99)
    """

    def __init__(self, labels: ArrayLike, settings: RemovalSettings | None = None, trace: bool = False) -> None:
        self.labels: NDArray[np.int64] = np.asarray(labels, dtype=np.int64)
        if self.labels.ndim != 1:
            raise InputError(f"labels must be one class for each example, got shape {self.labels.shape}")
        self.settings = settings or RemovalSettings()
        self.ledger = LossLedger(self.labels.size, trace)
        self.kept: NDArray[np.bool_] = self.labels >= 0
        self.steps: list[RemovalStep] = []
        self.before: NDArray[np.float32] | None = None
        self._checks: list[tuple[int, float]] = []  # (epoch, std2) of each time the rule was applied

    def update(self, index: ArrayLike, losses: ArrayLike, logits: ArrayLike | None = None) -> None:
        """Record the losses of a batch, and its logits if the rule needs predicted probabilities; see `LossLedger.update`."""
        if RULES[self.settings.rule].needs_pred_probs and logits is None:
            raise InputError(
                f"the rule {self.settings.rule} needs logits: call update(index, losses, logits), or in a LightningModule "
                "return 'logits' from training_step"
            )
        self.ledger.update(index, losses, logits)

    def end_epoch(self) -> RemovalStep | None:
        """Close the epoch; return the removal, or None if none was due or the rule removed nothing."""
        self.ledger.end_epoch()
        settings, decide = self.settings, RULES[self.settings.rule].decide
        if decide is None or not is_due(settings, self.ledger.epochs, self._checks):
            return None
        rows = np.flatnonzero(self.kept & ~np.isnan(self.ledger.last))
        pred_probs = None if self.ledger.pred_probs is None else self.ledger.pred_probs[rows]
        cut = decide(RuleInput(self.ledger.last[rows], self.labels[rows], pred_probs), settings)
        epoch = len(self.ledger.epochs)
        self._checks.append((epoch, cut.std2))
        if cut.std2 < settings.stop_std2 or not cut.remove.any():
            return None
        selected = np.zeros_like(self.kept)
        selected[rows[cut.remove]] = True
        scores, probabilities = np.full((2, self.kept.size), np.nan, dtype=np.float32)
        scores[rows] = cut.scores
        if cut.probabilities is not None:
            probabilities[rows] = cut.probabilities
        limits = (settings.max_share, settings.min_per_class)
        removed = apply_limits(selected, scores, self.labels, self.kept, *limits)
        if self.before is None:
            self.before = np.where(self.kept, scores, np.float32(np.nan))
        self.kept[removed] = False
        numbers = (cut.m1, cut.m2, cut.std2, cut.threshold)
        arrays = (removed, self.ledger.last[removed], probabilities[removed])
        kept_by_limits = int(cut.remove.sum()) - removed.size
        self.steps.append(RemovalStep(epoch, settings.rule, *numbers, *arrays, kept_by_limits))
        return self.steps[-1]

    @property
    def checked_epochs(self) -> list[int]:
        """The epochs after which the rule was applied, whether or not it removed anything."""
        return [epoch for epoch, _ in self._checks]

    @property
    def should_stop_training(self) -> bool:
        """Whether the schedule ends training here (the halt of Slade & Gedeon)."""
        return should_stop_training(self.settings, self.ledger.epochs, started=bool(self._checks))

    def state_dict(self) -> dict[str, Any]:
        """Return everything that `load_state_dict` needs to continue exactly; arrays and plain values only."""
        return {
            "labels": self.labels.copy(),
            "ledger": self.ledger.state_dict(),
            "kept": self.kept.copy(),
            "steps": [vars(step).copy() for step in self.steps],
            "before": None if self.before is None else self.before.copy(),
            "checks": list(self._checks),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict()` taken between two epochs."""
        self.ledger.load_state_dict(state["ledger"])
        self.labels = np.array(state["labels"], dtype=np.int64)
        self.kept = np.array(state["kept"], dtype=bool)
        self.steps = [RemovalStep(**step) for step in state["steps"]]
        self.before = None if state["before"] is None else np.array(state["before"], dtype=np.float32)
        self._checks = [(int(epoch), float(std2)) for epoch, std2 in state["checks"]]
