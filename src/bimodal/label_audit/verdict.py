"""The result of an audit in words, as the page and the command line show it."""

import numpy as np

from bimodal.label_audit.judge import Judgement
from bimodal.label_audit.ranking import LabelRanking
from bimodal.removal import TwoModes
from bimodal.removal.noise_model import LabelNoise
from bimodal.rendering.numbers import p_value


def verdict_sentence(ranking: LabelRanking) -> str:
    """Return the main result in one or two sentences."""
    faces, count = len(ranking.rows), len(ranking.suspects)
    if not ranking.issues.has_label_issues:
        return f"There is no statistical evidence of wrong labels among the {faces:,} training labels."
    verb = "label is" if count == 1 else "labels are"
    return (
        f"{count:,} of {faces:,} training {verb} probably wrong. "
        f"The estimated share of wrong labels is {percent(ranking.issues.noise_rate)}."
    )


def evidence_sentences(ranking: LabelRanking) -> tuple[str, ...]:
    """Return what the verdict rests on, and how many wrong labels the audit could have found."""
    judgement, issues = ranking.judgement, ranking.issues
    if isinstance(issues, TwoModes):
        return _two_modes(issues)
    sentences = []
    if isinstance(issues, LabelNoise):
        sentences.append(
            "A test compares a model in which labels can be wrong with one in which all are right, on predictions for "
            f"held-out faces. p-value: {p_value(issues.p_value)}; 0.05, the smallest that this test can give, is evidence."
        )
    return (*sentences, *_power(judgement, issues.has_label_issues))


def _power(judgement: Judgement, found: bool) -> tuple[str, ...]:
    check = judgement.check
    if check is None or judgement.accuracy is None:
        return ()
    share = check.found / max(check.planted, 1)
    sentence = (
        f"As a check, the audit replaced {check.planted:,} other labels at random and found {check.found:,} of them "
        f"({percent(share)}) by features. The predictions for held-out faces match {percent(judgement.accuracy)} of the "
        "given labels."
    )
    if found or share >= 0.7:
        return (sentence,)
    return (
        sentence,
        "The predictions are too uncertain to rule out wrong labels: wrong labels may remain. Review the first ranks.",
    )


def _two_modes(issues: TwoModes) -> tuple[str, ...]:
    """Return the results of the three tests for wrong labels."""
    has_antimode = np.isfinite(issues.antimode)
    return (
        f"For {percent(issues.contradicted)} of the faces, another emotion has at least 1.65 times the predicted probability "
        f"of the given label; of correct labels, this holds for 12 to 18 %. p-value: {p_value(issues.p_contradicted)}.",
        f"{percent(issues.unrelated)} of the labels are estimated to be unrelated to their faces. Data with clean labels have "
        f"at most 1 % of them. p-value: {p_value(issues.p_unrelated)}.",
        f"The log-odds against the labels {'have' if has_antimode else 'do not have'} two separate modes. "
        "A p-value below 0.02, or two separate modes, count as evidence of wrong labels.",
    )


def percent(value: float) -> str:
    """Return a share in per cent.

    >>> percent(0.234), percent(0.014), percent(0.0)
    ('23 %', '1.4 %', '0 %')
    """
    return f"{100 * value:.1f} %" if 0 < value < 0.0995 else f"{100 * value:.0f} %"
