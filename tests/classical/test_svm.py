"""The support vector machine against scikit-learn's own, and what must hold for its probabilities and folds."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from bimodal.classical.svm import COSTS, WIDTHS, _folds, fit_svm
from bimodal.errors import InputError


def clouds(
    n: int, classes: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6), apart: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    labels = np.resize(classes, n)
    centres = rng.normal(size=(7, 12)) * apart
    return centres[labels] + rng.normal(size=(n, 12)), labels


def test_decides_as_scikit_learns_rbf_machine_with_the_same_numbers() -> None:
    features, labels = clouds(210, apart=0.9)
    new, _ = clouds(140, apart=0.9)
    svm = fit_svm(features, labels, seed=0)
    scaler = StandardScaler().fit(features)
    other = SVC(C=svm.c, gamma=svm.gamma, break_ties=True).fit(scaler.transform(features), labels)
    np.testing.assert_array_equal(svm.predict(new).argmax(axis=1), other.predict(scaler.transform(new)))


def test_the_search_finds_what_a_plain_search_finds() -> None:
    features, labels = clouds(105, apart=0.7)
    svm = fit_svm(features, labels, seed=3)
    scaled = StandardScaler().fit_transform(features)
    best = (-1.0, 0.0, 0.0)
    for gamma in np.array(WIDTHS) / 12:
        for cost in COSTS:
            right = 0
            for train, test in _folds(labels, None, 3):
                machine = SVC(C=cost, gamma=gamma, break_ties=True).fit(scaled[train], labels[train])
                right += int((machine.predict(scaled[test]) == labels[test]).sum())
            if right > best[0]:
                best = (right, cost, gamma)
    assert (svm.accuracy * 105, svm.c, svm.gamma) == pytest.approx(best)


def test_probabilities_are_some_and_calibrated_on_held_out_faces() -> None:
    features, labels = clouds(280, apart=0.8)
    new, truth = clouds(7000, apart=0.8)
    rng = np.random.default_rng(280)
    centres = rng.normal(size=(7, 12)) * 0.8  # the new faces come from the same clouds
    new = centres[truth] + np.random.default_rng(1).normal(size=(7000, 12))
    probabilities = fit_svm(features, labels, seed=0).predict(new)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    right = probabilities.argmax(axis=1) == truth
    assert probabilities.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.12)


def test_an_emotion_never_seen_has_no_chance_and_two_are_enough() -> None:
    features, labels = clouds(40, classes=(2, 5))
    probabilities = fit_svm(features, labels, seed=0).predict(features)
    assert (probabilities[:, [0, 1, 3, 4, 6]] == 0).all()
    assert (probabilities.argmax(axis=1) == labels).all()


def test_a_class_of_one_face_is_no_obstacle() -> None:
    features, labels = clouds(61)
    labels = np.where(labels == 1, 2, labels)
    labels[7] = 1
    assert fit_svm(features, labels, seed=0).predict(features).shape == (61, 7)


def test_a_group_is_never_on_both_sides() -> None:
    _, labels = clouds(140)
    groups = np.random.default_rng(0).integers(0, 30, 140)
    folds = list(_folds(labels, groups, 0))
    assert len(folds) > 1
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])


def test_scale_does_not_matter() -> None:
    features, labels = clouds(105)
    one, two = fit_svm(features, labels, seed=0), fit_svm(1000 * features + 5, labels, seed=0)
    assert (one.c, one.gamma) == (two.c, two.gamma)
    np.testing.assert_allclose(one.predict(features), two.predict(1000 * features + 5), atol=1e-6)


@pytest.mark.parametrize(("rows", "labels"), [(5, [1] * 5), (5, [0, 1, 2]), (0, [])])
def test_what_cannot_be_fitted_is_refused(rows: int, labels: list[int]) -> None:
    with pytest.raises(InputError):
        fit_svm(np.zeros((rows, 3)), labels, seed=0)
