"""Bimodal distribution removal: per-example losses in, which examples to keep out, and why. No engine, no files.

>>> import numpy as np
>>> losses = np.r_[np.full(90, 0.1), np.full(9, 2.0), 9.0]  # two modes, and one far off
>>> wang(losses).remove.nonzero()[0].tolist()
[99]
"""

from bimodal.removal.label_issues import find_label_issues, get_label_quality_scores
from bimodal.removal.ledger import EpochSummary, LossLedger
from bimodal.removal.limits import spare
from bimodal.removal.remover import RemovalStep, Remover
from bimodal.removal.rules import Cut, slade_gedeon, wang
from bimodal.removal.schedule import has_settled, is_due, should_stop_training
from bimodal.removal.settings import PRESETS, RemovalSettings, preset
from bimodal.removal.two_modes import TwoModes, log_odds, two_modes

__all__ = [
    "PRESETS",
    "Cut",
    "EpochSummary",
    "LossLedger",
    "RemovalSettings",
    "RemovalStep",
    "Remover",
    "TwoModes",
    "find_label_issues",
    "has_settled",
    "is_due",
    "get_label_quality_scores",
    "log_odds",
    "preset",
    "should_stop_training",
    "slade_gedeon",
    "spare",
    "two_modes",
    "wang",
]
