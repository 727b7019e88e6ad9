"""Bimodal distribution removal as a whole: ledger, schedule, rule and guards, epoch by epoch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bimodal.errors import InputError
from bimodal.removal.ledger import LossLedger
from bimodal.removal.limits import spare
from bimodal.removal.rules import Cut, slade_gedeon, wang
from bimodal.removal.schedule import is_due, should_stop_training
from bimodal.removal.settings import RemovalSettings
from bimodal.removal.two_modes import cut_between_modes


@dataclass(frozen=True)
class RemovalStep:
    """One removal: the epoch (from 1) after which it came, the rule's numbers, and who went.

    Attributes:
        rows: (R,) int64, the removed examples, the most doubtful first: by loss, or what else the rule looks at.
        losses: (R,) float32, their losses at that moment.
        spared: how many more the rule would have removed, had the guards let it.
        m1, m2, std2, threshold: see `bimodal.removal.Cut`.
        probabilities: (R,) float32, how probably each label is wrong; NaN where the rule does not say.
    """

    epoch: int
    rule: str
    m1: float
    m2: float
    std2: float
    threshold: float
    rows: NDArray[np.int64]
    losses: NDArray[np.float32]
    spared: int
    probabilities: NDArray[np.float32]


class Remover:
    """Decides after each epoch which training examples stay; knows nothing of any training engine.

    Args:
        labels: (N,) integers, the class of each example; -1 for an example that is not for training, which is
            never looked at and never removed.
        settings: rule, schedule and guards; the paper's by default.
        trace: keep the losses of every epoch (see `LossLedger`).

    Attributes:
        kept: (N,) bool, who is still in training (False for label -1).
        ledger: the losses.
        steps: the removals so far.
        before: (N,) float32, what the first step saw, the losses (paper, figure 8) or the rule's own scores, NaN for who
            was not in training; None before that step. Without the rows of the step it is figure 9.

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
        self._attempts: list[tuple[int, float]] = []  # (epoch, std2) of every step, also of those that took nobody

    def update(self, index: ArrayLike, losses: ArrayLike, logits: ArrayLike | None = None) -> None:
        """Take the losses of a batch, and what the network said of it; see `LossLedger.update`."""
        if self.settings.rule == "two-modes" and logits is None:
            raise InputError(
                "the rule two-modes needs what the network said of each example: give update the logits, too; in a "
                "LightningModule, return 'logits' from training_step"
            )
        self.ledger.update(index, losses, logits)

    def end_epoch(self) -> RemovalStep | None:
        """Close the epoch; return what was removed, or None if no removal was due or none found anybody."""
        self.ledger.end_epoch()
        if not is_due(self.settings, self.ledger.epochs, self._attempts):
            return None
        rows = np.flatnonzero(self.kept & ~np.isnan(self.ledger.last))
        cut = self._cut(rows)
        epoch = len(self.ledger.epochs)
        self._attempts.append((epoch, cut.std2))
        if cut.std2 < self.settings.stop_std2:
            return None
        wanted = np.zeros_like(self.kept)
        wanted[rows[cut.remove]] = True
        values, probabilities = np.full((2, self.kept.size), np.nan, dtype=np.float32)
        values[rows], probabilities[rows] = cut.values, cut.probabilities
        trained = int((self.labels >= 0).sum())
        allowed = spare(
            wanted,
            values,
            self.labels,
            self.kept,
            max_removed=int(self.settings.max_share * trained) - (trained - int(self.kept.sum())),
            min_per_class=self.settings.min_per_class,
        )
        gone = np.flatnonzero(allowed)
        spared = int(wanted.sum()) - gone.size
        if not wanted.any():
            return None
        if self.before is None:
            self.before = np.where(self.kept, values, np.float32(np.nan))
        gone = gone[np.argsort(-values[gone], kind="stable")]
        self.kept[gone] = False
        losses = self.ledger.last[gone]
        step = RemovalStep(
            epoch, cut.rule, cut.m1, cut.m2, cut.std2, cut.threshold, gone, losses, spared, probabilities[gone]
        )
        self.steps.append(step)
        return step

    def _cut(self, rows: NDArray[np.int64]) -> Cut:
        if self.settings.rule == "two-modes":
            assert self.ledger.pred_probs is not None  # update sees to it
            settings = self.settings
            return cut_between_modes(
                self.ledger.pred_probs[rows], self.labels[rows], settings.error, settings.rare_share
            )
        losses = self.ledger.last[rows]
        if self.settings.rule == "slade-gedeon":
            return slade_gedeon(losses, self.settings.alpha)
        return wang(losses, self.settings.k)

    @property
    def looked(self) -> list[int]:
        """The epochs after which the rule looked, whether or not it found anybody."""
        return [epoch for epoch, _ in self._attempts]

    @property
    def should_stop_training(self) -> bool:
        """Whether the schedule ends training here (Slade & Gedeon's halt)."""
        return should_stop_training(self.settings, self.ledger.epochs, started=bool(self._attempts))

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on exactly."""
        return {
            "labels": self.labels.copy(),
            "ledger": self.ledger.state_dict(),
            "kept": self.kept.copy(),
            "steps": [vars(step).copy() for step in self.steps],
            "before": None if self.before is None else self.before.copy(),
            "attempts": list(self._attempts),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`, taken between two epochs.

        Raises:
            InputError: if the state is of another number of examples.
        """
        self.ledger.load_state_dict(state["ledger"])
        self.labels = np.array(state["labels"], dtype=np.int64)
        self.kept = np.array(state["kept"], dtype=bool)
        self.steps = [
            RemovalStep(
                **{
                    "probabilities": np.full(len(step["rows"]), np.nan, dtype=np.float32),  # version 0.1 had none
                    **step,
                    **{name: np.array(step[name]) for name in ("rows", "losses", "probabilities") if name in step},
                }
            )
            for step in state["steps"]
        ]
        self.before = None if state["before"] is None else np.array(state["before"], dtype=np.float32)
        self._attempts = [(int(epoch), float(std2)) for epoch, std2 in state["attempts"]]
