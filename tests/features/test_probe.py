"""The probe against scikit-learn; folds that are stratified and keep groups together; the choice of the penalty."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bimodal.errors import InputError
from bimodal.features import probe as probe_module
from bimodal.features.probe import INVERSE_PENALTIES, Probe, assign_folds, out_of_sample


def sample(seed: int = 0, size: int = 210, classes: int = 7, shift: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Return features (N, 20) and labels; the features of a class have a mean of their own."""
    rng = np.random.default_rng(seed)
    labels = np.arange(size) % classes
    features = 5 + 3 * rng.normal(size=(size, 20))
    features[np.arange(size), labels] += 3 * shift
    return features.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("inverse_penalty", [0.0003, 0.003, 0.03])
def test_predictions_are_those_of_scikit_learn(classes: int, inverse_penalty: float) -> None:
    features, labels = sample(classes=classes)
    scaler = StandardScaler().fit(features[:150])
    model = LogisticRegression(C=inverse_penalty, max_iter=1000, tol=1e-8)
    model.fit(scaler.transform(features[:150]), labels[:150])
    expected = model.predict_proba(scaler.transform(features[150:]))
    probe = Probe.fit(features[:150], labels[:150], classes, inverse_penalty)
    np.testing.assert_allclose(probe.predict(features[150:]), expected, atol=3e-3)


def test_weights_of_examples_are_those_of_scikit_learn() -> None:
    features, labels = sample(classes=3)
    weight = np.random.default_rng(1).uniform(0.1, 3, len(labels))
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=0.01, max_iter=1000, tol=1e-8).fit(scaler.transform(features), labels, weight)
    probe = Probe.fit(features, labels, 3, 0.01, weight)
    expected = model.predict_proba(scaler.transform(features))
    np.testing.assert_allclose(probe.predict(features), expected, atol=3e-3)


def test_a_class_without_examples_has_nearly_no_probability() -> None:
    features, labels = sample(classes=3)
    labels = np.array([0, 2, 5])[labels]
    probs = Probe.fit(features, labels, 7).predict(features)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert (probs[:, [1, 3, 4, 6]] < 2e-6).all()
    assert (probs > 0).all()


def test_more_examples_than_fit_are_sampled_and_16_bits_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = sample(size=1400, shift=1.0)
    whole = out_of_sample(features, labels, 7)
    monkeypatch.setattr(probe_module, "FIT_EXAMPLES", 500)
    monkeypatch.setattr(probe_module, "_ROWS", 300)
    groups = np.arange(1400) // 2  # of two labels each
    part = out_of_sample(features.astype(np.float16), labels, 7, groups=groups.tolist())
    accuracy, expected = ((each.pred_probs.argmax(axis=1) == labels).mean() for each in (part, whole))
    assert abs(accuracy - expected) < 0.05
    assert (part.fold[::2] == part.fold[1::2]).all()
    assert np.bincount(part.fold).tolist() == [280] * 5
    again = out_of_sample(features.astype(np.float16), labels, 7, groups=groups.tolist())
    np.testing.assert_array_equal(again.pred_probs, part.pred_probs)


def test_the_scale_of_a_feature_does_not_matter() -> None:
    features, labels = sample()
    scale = np.random.default_rng(0).uniform(0.5, 20, 20)
    first, second = (Probe.fit(values, labels, 7).predict(values) for values in (features, features * scale - 3))
    np.testing.assert_allclose(second, first, atol=3e-3)


def test_a_constant_feature_is_no_error() -> None:
    features, labels = sample()
    features[:, 3] = 4.0
    assert np.isfinite(Probe.fit(features, labels, 7).predict(features)).all()


def test_predictions_are_out_of_sample() -> None:
    features, labels = sample()
    found = out_of_sample(features, labels, 7, seed=3, inverse_penalties=(0.01,))
    assert np.unique(found.fold).tolist() == [0, 1, 2, 3, 4]
    for number in range(5):
        held_out = found.fold == number
        probe = Probe.fit(features[~held_out], labels[~held_out], 7, 0.01)
        np.testing.assert_allclose(found.pred_probs[held_out], probe.predict(features[held_out]), atol=1e-12)


def test_folds_are_stratified() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 15])
    fold = assign_folds(labels, None, 5, 0)
    for label, count in ((0, 20), (1, 10), (2, 3)):
        assert np.bincount(fold[labels == label]).tolist() == [count] * 5


def test_a_group_is_never_split_and_folds_stay_nearly_stratified() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    groups = [int(group) for group in rng.integers(0, 150, 400)]
    fold = assign_folds(labels, groups, 5, 0)
    by_group: dict[int, set[int]] = {}
    for group, number in zip(groups, fold.tolist(), strict=True):
        by_group.setdefault(group, set()).add(number)
    assert all(len(numbers) == 1 for numbers in by_group.values())
    for label in range(4):
        shares = np.bincount(fold[labels == label], minlength=5) / (labels == label).sum()
        assert (abs(shares - 0.2) < 0.08).all()
    assert not np.array_equal(fold, assign_folds(labels, groups, 5, 1))
    np.testing.assert_array_equal(fold, assign_folds(labels, groups, 5, 0))


def test_out_of_sample_keeps_groups_together() -> None:
    features, labels = sample()
    groups = np.arange(len(labels)) // 3
    fold = out_of_sample(features, labels, 7, groups=groups.tolist()).fold
    assert all(len(set(fold[groups == group])) == 1 for group in np.unique(groups))


def test_a_class_with_fewer_examples_than_folds_is_no_error() -> None:
    features, labels = sample()
    rows = (labels != 6) | (np.arange(len(labels)) < 20)
    found = out_of_sample(features[rows], labels[rows], 7)
    assert np.isfinite(found.pred_probs).all()


@pytest.mark.parametrize(("shift", "size"), [(0.5, 140), (2.0, 700)])
def test_the_penalty_predicts_the_held_out_labels_best(shift: float, size: int) -> None:
    features, labels = sample(size=size, shift=shift)
    likelihood = {
        value: np.log(
            out_of_sample(features, labels, 7, inverse_penalties=(value,)).pred_probs[np.arange(size), labels]
        ).mean()
        for value in INVERSE_PENALTIES
    }
    chosen = out_of_sample(features, labels, 7)
    assert chosen.inverse_penalty == max(likelihood, key=likelihood.__getitem__)
    assert np.log(chosen.pred_probs[np.arange(size), labels]).mean() == pytest.approx(max(likelihood.values()))


def test_separable_classes_choose_a_weaker_penalty_than_overlapping_ones() -> None:
    weak, strong = (out_of_sample(*sample(size=700, shift=shift), 7).inverse_penalty for shift in (4.0, 0.1))
    assert weak > strong


def test_the_choice_takes_a_sample_of_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "_CHOICE_EXAMPLES", 200)
    features, labels = sample(size=700)
    found = out_of_sample(features, labels, 7)
    assert found.inverse_penalty in INVERSE_PENALTIES
    expected = out_of_sample(features, labels, 7, inverse_penalties=(found.inverse_penalty,))
    np.testing.assert_array_equal(found.pred_probs, expected.pred_probs)


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        ([[1.0], [np.nan]], [0, 1], "finite features"),
        ([[1.0], [2.0]], [0, 1, 1], r"got shapes \(2, 1\) and \(3,\)"),
        ([1.0, 2.0], [0, 1], "finite features"),
        ([[1.0], [2.0]], [1, 1], "at least two classes"),
    ],
)
def test_invalid_input_is_an_error(features: Any, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Probe.fit(features, labels, 2)


@pytest.mark.parametrize("folds", [1, 5])
def test_too_few_examples_for_the_folds_are_an_error(folds: int) -> None:
    with pytest.raises(InputError, match=f"{folds} folds need at least as many examples, got 3"):
        out_of_sample([[0.0], [1.0], [2.0]], [0, 1, 1], 2, folds=folds)
