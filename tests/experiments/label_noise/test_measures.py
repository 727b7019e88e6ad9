"""Measures against a slow reference, and their pairing."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from bimodal.experiments.label_noise.detectors import Detection
from bimodal.experiments.label_noise.measures import (
    RESAMPLES,
    area_under_roc,
    average_precision,
    draw_weights,
    kept_by_class,
    measure,
)


def test_both_areas_equal_those_of_scikit_learn_with_ties_and_weights() -> None:
    random = np.random.default_rng(0)
    for _ in range(30):
        n = int(random.integers(10, 120))
        score, wrong = random.normal(size=n).round(1), random.random(n) < 0.4
        wrong[:2] = True, False
        weights = random.integers(0, 4, (3, n))
        weights[:, :2] = 1
        for own, reference in ((average_precision, average_precision_score), (area_under_roc, roc_auc_score)):
            expected = [reference(wrong, score, sample_weight=row) for row in weights]
            assert own(score, wrong, weights) == pytest.approx(expected, abs=1e-9)


def test_precision_recall_and_f1_of_what_is_removed() -> None:
    truth = np.array([1, 1, 0, 0, -1, 1], dtype=np.int8)
    remove = np.array([True, True, True, False, True, False])
    detection = Detection(np.arange(6.0), remove)
    values = {name: own[0] for name, own in measure(detection, truth, draw_weights(6, 0)).items()}
    assert values["precision"] == pytest.approx(2 / 3)  # the undecided face does not count
    assert values["recall"] == pytest.approx(2 / 3)
    assert values["f1"] == pytest.approx(2 / 3)
    assert values["removed"] == pytest.approx(4 / 6)  # here it counts


def test_without_removals_f1_is_zero_and_precision_undefined() -> None:
    truth = np.array([1, 0, 0, 0], dtype=np.int8)
    detection = Detection(remove=np.zeros(4, dtype=bool))
    values = {name: own[0] for name, own in measure(detection, truth, draw_weights(4, 0)).items()}
    assert values["f1"] == 0
    assert np.isnan(values["precision"])
    assert np.isnan(values["average_precision"])


def test_methods_of_a_cell_are_resampled_alike() -> None:
    truth = (np.random.default_rng(1).random(300) < 0.3).astype(np.int8)
    noisy = truth + np.random.default_rng(2).normal(size=300)
    weights = draw_weights(300, 5)
    assert weights.shape == (1 + RESAMPLES, 300)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 300).all()
    one = measure(Detection(noisy), truth, weights)["average_precision"]
    same = measure(Detection(2 * noisy + 1), truth, weights)["average_precision"]
    assert (one == same).all()
    assert one[1:].std() > 0


def test_kept_right_labels_are_counted_by_class() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    truth = np.array([0, 0, 1, 0, -1, 1], dtype=np.int8)
    remove = np.array([True, False, False, False, True, True])
    kept, counts = kept_by_class(Detection(remove=remove), truth, labels)
    assert (kept.tolist(), counts.tolist()) == ([1, 1, 0, 0, 0, 0, 0], [2, 1, 0, 0, 0, 0, 0])
