"""Regressions that are fitted again give the probabilities of scikit-learn's, from whatever weights they start."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bimodal.errors import InputError
from bimodal.features.fold_probes import FoldProbes

CLASSES = 4


@pytest.fixture
def blobs() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, 240)
    features = random.normal(size=(240, 12)) * np.linspace(0.1, 5, 12) + np.eye(CLASSES, 12)[labels] * 2
    return features.astype(np.float32), labels


def by_scikit_learn(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    inverse_penalty: float,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    scaled = (features.astype(np.float64) - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    weight = np.ones(len(labels)) if weight is None else weight
    result = np.zeros((len(labels), CLASSES))
    for number in np.unique(fold):
        rest = (fold != number) & (weight > 0)
        model = LogisticRegression(C=inverse_penalty, tol=1e-8, max_iter=5000)
        model.fit(scaled[rest], labels[rest], weight[rest])
        result[np.ix_(fold == number, model.classes_)] = model.predict_proba(scaled[fold == number])
    return result


def test_probabilities_are_those_of_scikit_learn(blobs: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    features, labels = blobs
    probes = FoldProbes(features, labels, CLASSES, inverse_penalty=0.1)
    found = probes.fit(labels)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.abs(found - by_scikit_learn(features, labels, probes.fold, 0.1)).max() < 2e-3


def test_labels_that_change_one_by_one_end_where_a_new_fit_ends(
    blobs: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    features, labels = blobs
    probes = FoldProbes(features, labels, CLASSES, inverse_penalty=0.1)
    weight = np.ones(len(labels))
    labels = labels.copy()
    for row in range(0, 60, 2):
        labels[row] = (labels[row] + 1) % CLASSES
        weight[row], weight[row + 1] = 4.0, 0.0
        found = probes.fit(labels, weight)
    expected = by_scikit_learn(features, labels, probes.fold, 0.1, weight)
    assert np.abs(found - expected).max() < 2e-3


def test_a_held_out_label_has_no_effect_on_its_own_prediction(
    blobs: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    features, labels = blobs
    probes = FoldProbes(features, labels, CLASSES, inverse_penalty=0.1)
    before = probes.fit(labels)
    held_out = probes.fold == 2
    changed = np.where(held_out, (labels + 1) % CLASSES, labels)
    after = probes.fit(changed)
    assert np.abs(after - before)[held_out].max() < 2e-3
    assert np.abs(after - before)[~held_out].max() > 0.1


def test_a_class_without_training_examples_gets_almost_no_probability(
    blobs: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    features, labels = blobs
    probes = FoldProbes(features, labels, CLASSES, inverse_penalty=0.1)
    found = probes.fit(labels, (labels != 3).astype(float))
    assert (found[:, 3] <= 1.1e-6).all()
    again = probes.fit(labels)
    assert np.abs(again - by_scikit_learn(features, labels, probes.fold, 0.1)).max() < 2e-3


def test_a_strong_start_does_not_diverge(blobs: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    features, labels = blobs
    probes = FoldProbes(features, labels, CLASSES, inverse_penalty=100.0)  # Newton's full steps overshoot from zero
    found = probes.fit(labels)
    assert np.abs(found - by_scikit_learn(features, labels, probes.fold, 100.0)).max() < 2e-2


def test_copies_are_in_one_fold_and_bad_input_is_named(blobs: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    features, labels = blobs
    pairs = (np.arange(len(labels)) // 2).tolist()
    probes = FoldProbes(features, labels, CLASSES, groups=pairs, inverse_penalty=0.1)
    assert (probes.fold[::2] == probes.fold[1::2]).all()
    for bad in (features[:-1], np.where(np.arange(12) == 3, np.nan, features)):
        with pytest.raises(InputError, match="finite features"):
            FoldProbes(bad, labels, CLASSES)
    with pytest.raises(InputError, match="at least as many examples"):
        FoldProbes(features[:4], labels[:4], CLASSES)
