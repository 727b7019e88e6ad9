"""Decisions correct the log-odds of a model, and the interval of the wrong labels left covers their number."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bimodal.review.recalibration import LabelInputs, Recalibration, WrongLeft


def simulated(seed: int, shift: float, faces: int = 1500) -> tuple[LabelInputs, NDArray[np.bool_]]:
    """Labels whose log-odds a model misjudges by a shift, and which of them are wrong."""
    random = np.random.default_rng(seed)
    score = random.normal(-3, 2.5, faces)
    given = random.integers(0, 7, faces)
    suggested = (given + random.integers(1, 7, faces)) % 7
    wrong = random.random(faces) < expit(score + shift + 0.5 * (given == 2))
    return LabelInputs.of(score, given, suggested, [random.dirichlet(np.ones(7), faces) + 1e-6]), wrong


def test_without_decisions_the_model_counts() -> None:
    inputs, wrong = simulated(0, 0.0)
    nobody = np.zeros(len(wrong), dtype=bool)
    fitted = Recalibration.fit(inputs.where(nobody), wrong[nobody])
    assert np.array_equal(fitted.corrected(inputs), inputs.score)
    assert fitted.wrong_left(inputs.where(nobody)) == WrongLeft(0.0, 0, 0)


def test_the_interval_covers_the_wrong_labels_left() -> None:
    covered, widths = [], []
    for seed in range(40):
        inputs, wrong = simulated(seed, (-1.0, 0.0, 1.0)[seed % 3])
        decided = np.zeros(len(wrong), dtype=bool)
        decided[np.argsort(-inputs.score)[:150]] = True  # the highest, as a reviewer decides
        left = Recalibration.fit(inputs.where(decided), wrong[decided]).wrong_left(inputs.where(~decided))
        count = int(wrong[~decided].sum())
        covered.append(left.low <= count <= left.high)
        widths.append((left.high - left.low) / max(count, 1))
    assert np.mean(covered) >= 0.9
    assert np.median(widths) < 3


def test_decisions_on_one_label_move_similar_labels_most() -> None:
    given = np.repeat([0, 1, 2], 100)
    probs = np.full((300, 7), 1 / 7)
    inputs = LabelInputs.of(np.full(300, 1.0), given, np.full(300, 3), [probs])
    decided = np.arange(300) % 100 < 30
    fitted = Recalibration.fit(inputs.where(decided), given[decided] == 0)  # all of label 0 are wrong, no other
    corrected = fitted.corrected(inputs)[~decided]
    assert corrected[0] > 1.5
    assert corrected[-1] < 0
