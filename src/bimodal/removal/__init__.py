"""Bimodal distribution removal: per-example losses in, the examples to remove out; without a training engine or files.

>>> import numpy as np
>>> losses = np.r_[np.full(90, 0.1), np.full(9, 2.0), 9.0]  # two modes and an outlier
>>> wang(losses).remove.nonzero()[0].tolist()
[99]
"""

from bimodal.removal.label_issues import find_label_issues, get_label_quality_scores
from bimodal.removal.ledger import EpochSummary, LossLedger
from bimodal.removal.remover import RemovalStep, Remover
from bimodal.removal.rule import NONE, RULES, Cut, Rule, RuleInput, register
from bimodal.removal.settings import RemovalSettings
from bimodal.removal.slade_gedeon import SLADE_GEDEON, slade_gedeon
from bimodal.removal.two_modes import TWO_MODES, TwoModes, two_modes
from bimodal.removal.wang import WANG, wang

__all__ = [
    "RULES",
    "Cut",
    "EpochSummary",
    "LossLedger",
    "RemovalSettings",
    "RemovalStep",
    "Remover",
    "Rule",
    "RuleInput",
    "TwoModes",
    "find_label_issues",
    "get_label_quality_scores",
    "register",
    "slade_gedeon",
    "two_modes",
    "wang",
]

for _rule in (WANG, SLADE_GEDEON, TWO_MODES, NONE):
    register(_rule)
