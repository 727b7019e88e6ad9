"""Decisions correct the log-odds of a model, and the interval of the wrong labels left covers their number."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bimodal.review.recalibration import Recalibration, WrongLeft


def simulated(
    seed: int, shift: float, faces: int = 1500
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Log-odds of a model that is wrong by a shift, labels, and which are wrong."""
    random = np.random.default_rng(seed)
    score = random.normal(-3, 2.5, faces)
    given = random.integers(0, 7, faces)
    suggested = (given + random.integers(1, 7, faces)) % 7
    wrong = random.random(faces) < expit(score + shift + 0.5 * (given == 2))
    return score, given, suggested, wrong


def test_without_decisions_the_model_counts() -> None:
    score, given, suggested, _ = simulated(0, 0.0)
    fitted = Recalibration.fit(score[:0], given[:0], suggested[:0], np.zeros(0, dtype=bool), 7)
    assert np.array_equal(fitted.corrected(score, given, suggested), score)
    assert fitted.wrong_left(score[:0], given[:0], suggested[:0]) == WrongLeft(0.0, 0, 0)


def test_the_interval_covers_the_wrong_labels_left() -> None:
    covered, widths = [], []
    for seed in range(40):
        score, given, suggested, wrong = simulated(seed, (-1.0, 0.0, 1.0)[seed % 3])
        decided = np.argsort(-score) < 0
        decided[np.argsort(-score)[:150]] = True  # the highest, as a reviewer decides
        inputs = [each[decided] for each in (score, given, suggested)]
        fitted = Recalibration.fit(*inputs, wrong[decided], 7)  # type: ignore[arg-type, call-arg, misc]
        left = fitted.wrong_left(score[~decided], given[~decided], suggested[~decided])
        covered.append(left.low <= wrong[~decided].sum() <= left.high)
        widths.append((left.high - left.low) / max(wrong[~decided].sum(), 1))
    assert np.mean(covered) >= 0.9
    assert np.median(widths) < 2.5


def test_decisions_on_one_label_move_similar_labels_most() -> None:
    score, given = np.full(300, 1.0), np.repeat([0, 1, 2], 100)
    suggested = np.full(300, 3)
    decided = np.arange(300) % 100 < 30
    fitted = Recalibration.fit(
        score[decided], given[decided], suggested[decided], given[decided] == 0, 7
    )  # all of label 0 are wrong, no other
    corrected = fitted.corrected(score, given, suggested)[~decided]
    assert corrected[0] > 1.5
    assert corrected[-1] < 0
