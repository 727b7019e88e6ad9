import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from bimodal.classical import svm as module
from bimodal.classical.svm import COSTS, WIDTHS, fit_svm
from bimodal.errors import InputError

Examples = tuple[NDArray[np.float64], NDArray[np.int64]]


@pytest.fixture
def whole_grid() -> None:
    """A small grid, for the tests that search all of it."""


@pytest.fixture(autouse=True)
def _small_grid(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "whole_grid" not in request.fixturenames:
        monkeypatch.setattr(module, "COSTS", (1.0, 10.0))
        monkeypatch.setattr(module, "WIDTHS", (0.1, 0.3))


def blobs(n: int, emotions: int = 7, dimensions: int = 6, apart: float = 1.2, seed: int = 0) -> Examples:
    """A cluster for each emotion, and features of different scales."""
    rng = np.random.default_rng(seed)
    centres = apart * np.random.default_rng(99).normal(size=(7, dimensions))
    labels = np.arange(n) % emotions
    return (rng.normal(size=(n, dimensions)) + centres[labels]) * 10.0 ** np.arange(-2, dimensions - 2), labels


def slow_fit(features: NDArray[np.float64], labels: NDArray[np.int64], seed: int) -> tuple[float, float, float]:
    """The grid search, point by point, with scikit-learn's kernel: accuracy, C, gamma."""
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    best = (-1.0, 0.0, 0.0)
    for width in WIDTHS:
        for cost in COSTS:
            right = 0
            for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(scaled, labels):
                machine = SVC(C=cost, gamma=width / features.shape[1], break_ties=True).fit(
                    scaled[train], labels[train]
                )
                right += int((machine.predict(scaled[test]) == labels[test]).sum())
            best = max(best, (right / len(labels), cost, width / features.shape[1]), key=lambda point: point[0])
    return best


@pytest.mark.usefixtures("whole_grid")
@pytest.mark.parametrize("emotions", [2, 7])
def test_search_and_decisions_equal_those_of_scikit_learn_point_by_point(emotions: int) -> None:
    features, labels = blobs(84, emotions)
    accuracy, cost, gamma = slow_fit(features, labels, seed=3)
    found = fit_svm(features, labels, seed=3)
    assert (found.accuracy, found.c) == (accuracy, cost)
    assert found.gamma == pytest.approx(gamma)

    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    plain = SVC(C=cost, gamma=gamma, break_ties=True).fit(scaled, labels)
    unseen, _ = blobs(300, emotions, seed=1)
    decisions = plain.predict((unseen - features.mean(axis=0)) / features.std(axis=0))
    assert len(np.unique(decisions)) == emotions
    assert np.array_equal(found.predict(unseen).argmax(axis=1), decisions)


def test_probabilities_sum_to_one_and_are_zero_for_absent_emotions() -> None:
    features, labels = blobs(60, 3)
    labels = np.array([1, 4, 6])[labels]
    probabilities = fit_svm(features, labels, seed=0).predict(features)
    assert probabilities.shape == (60, 7)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(np.flatnonzero(probabilities.sum(axis=0)), [1, 4, 6])
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.8


def test_it_is_accurate_on_separable_faces_and_at_chance_on_noise() -> None:
    features, labels = blobs(210)
    unseen, truth = blobs(210, seed=1)
    assert (fit_svm(features, labels, seed=0).predict(unseen).argmax(axis=1) == truth).mean() > 0.6
    shuffled = np.random.default_rng(0).permutation(labels)
    assert fit_svm(features, shuffled, seed=0).accuracy < 0.3
    assert (fit_svm(features, shuffled, seed=0).predict(unseen).argmax(axis=1) == truth).mean() < 0.35


def test_scale_and_offset_of_features_do_not_matter() -> None:
    features, labels = blobs(84)
    unseen, _ = blobs(50, seed=1)
    plain, moved = fit_svm(features, labels, seed=0), fit_svm(1000 - 3 * features, labels, seed=0)
    assert (moved.c, moved.accuracy) == (plain.c, plain.accuracy)
    assert moved.predict(1000 - 3 * unseen) == pytest.approx(plain.predict(unseen), abs=1e-6)


def test_a_constant_feature_changes_nothing() -> None:
    features, labels = blobs(84)
    padded = np.concatenate([features, np.full((84, 20), 0.1)], axis=1)
    plain, other = fit_svm(features, labels, seed=0), fit_svm(padded, labels, seed=0)
    assert other.gamma == pytest.approx(plain.gamma)
    assert other.predict(padded) == pytest.approx(plain.predict(features), abs=1e-6)
    nothing = fit_svm(np.ones((84, 3)), np.r_[labels[:70], [5] * 14], seed=0)
    assert np.array_equal(nothing.predict(np.ones((2, 3))).argmax(axis=1), [5, 5])


def test_the_result_depends_on_the_seed_only() -> None:
    features, labels = blobs(84, apart=0.5)
    first, again = fit_svm(features, labels, seed=1), fit_svm(features, labels, seed=1)
    assert np.array_equal(first.predict(features), again.predict(features))
    assert len({fit_svm(features, labels, seed=seed).accuracy for seed in range(4)}) > 1


def test_faces_of_a_group_are_held_out_together() -> None:
    """Each person has one random emotion, so only persons in training can be classified."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 5)
    labels = rng.integers(0, 4, 40)[person]
    features = rng.normal(size=(40, 8))[person] + 0.05 * rng.normal(size=(200, 8))
    assert fit_svm(features, labels, seed=0).accuracy > 0.95
    assert fit_svm(features, labels, seed=0, groups=person).accuracy < 0.5
    assert fit_svm(features, labels, seed=0, groups=[f"film {one}" for one in person]).accuracy < 0.5


def test_a_face_without_a_group_is_its_own_group() -> None:
    features, labels = blobs(84)
    alone = fit_svm(features, labels, seed=0, groups=range(84))
    for groups in ([""] * 84, [-1] * 84):
        found = fit_svm(features, labels, seed=0, groups=groups)
        assert np.array_equal(found.predict(features), alone.predict(features))


@pytest.mark.parametrize("rarest", [1, 2, 4])
def test_a_rare_emotion_leaves_fewer_folds(rarest: int) -> None:
    labels = np.r_[np.arange(60) % 3, [6] * rarest]
    features = blobs(60, 3)[0]
    features = np.concatenate([features, features[:rarest] + 1e3])
    assert len(module._folds(labels, None, seed=0)) == max(rarest, 2)
    probabilities = fit_svm(features, labels, seed=0).predict(features)
    assert probabilities[-1, 6] > 0
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.8


@pytest.mark.parametrize("people", [2, 3, 7])
def test_groups_with_one_emotion_each_can_be_fitted(people: int) -> None:
    person = np.repeat(np.arange(people), 8)
    features = np.random.default_rng(0).normal(size=(len(person), 3)) + 5 * person[:, None]
    machine = fit_svm(features, person, seed=0, groups=person)
    assert machine.accuracy == 0.0  # nobody can know an emotion that was held out
    assert (machine.predict(features).argmax(axis=1) == person).mean() > 0.9


def test_folds_hold_out_each_face_once_whatever_the_groups() -> None:
    rng = np.random.default_rng(0)
    for trial in range(60):
        n = int(rng.integers(4, 40))
        codes, groups = rng.integers(0, rng.integers(2, 8), n), rng.integers(-1, rng.integers(1, 9), n)
        if len(np.unique(codes)) < 2 or np.bincount(codes).max() < 2 or (len(np.unique(groups)) < 2 and groups[0] >= 0):
            continue
        folds = module._folds(codes.astype(np.int64), groups, seed=trial)
        assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(n))
        for train, test in folds:
            assert len(np.intersect1d(train, test)) == 0
            assert set(groups[train]) & set(groups[test]) <= {-1}
        if trial < 20:  # whatever a fold lacks, it can be searched
            assert 0 <= fit_svm(rng.normal(size=(n, 2)), codes, trial, groups).accuracy <= 1


def test_the_temperature_has_the_highest_likelihood() -> None:
    features, labels = blobs(84, apart=0.6)
    decided = np.random.default_rng(0).normal(size=(84, 7)) + 1.5 * np.eye(7)[labels]
    found = module._temperature(decided, labels)

    def loss(temperature: float) -> float:
        return float(-log_softmax(decided / temperature, axis=1)[np.arange(84), labels].mean())

    assert loss(found) <= min(loss(temperature) for temperature in np.geomspace(0.01, 100, 400)) + 1e-6
    # Probabilities of unseen faces say more than equal chances do, though most decisions are wrong.
    unseen, truth = blobs(700, apart=0.6, seed=1)
    given = fit_svm(features, labels, seed=0).predict(unseen)[np.arange(700), truth]
    assert -np.log(given).mean() < np.log(7)


def test_no_faces_give_no_rows() -> None:
    assert fit_svm(*blobs(21, 3), seed=0).predict(np.empty((0, 6))).shape == (0, 7)


@pytest.mark.parametrize(
    ("features", "labels", "groups", "words"),
    [
        (np.ones(4), [0, 1, 0, 1], None, "finite features"),
        (np.ones((4, 0)), [0, 1, 0, 1], None, "finite features"),
        ([[1.0], [np.nan], [0.0], [2.0]], [0, 1, 0, 1], None, "not finite"),
        (np.ones((4, 2)), [0, 1, 0], None, r"labels \(n,\)"),
        (np.ones((4, 2)), [0, 1, 0, 7], None, "codes 0 to 6"),
        (np.ones((4, 2)), [0, 1, 0, -1], None, "codes 0 to 6"),
        (np.ones((4, 2)), [3, 3, 3, 3], None, "two emotions"),
        (np.ones((0, 2)), [], None, "two emotions"),
        (np.ones((4, 2)), [0, 1, 2, 3], None, "two training faces of one emotion"),
        (np.ones((4, 2)), [0, 1, 0, 1], [1, 2], "a group for each"),
        (np.ones((4, 2)), [0, 1, 0, 1], ["Ann"] * 4, "leave the groups out"),
    ],
)
def test_unusable_training_data_are_refused(features: object, labels: object, groups: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit_svm(features, labels, 0, groups)  # type: ignore[arg-type]


def test_too_many_faces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FACES", 83)
    with pytest.raises(InputError, match="at most 83"):
        fit_svm(*blobs(84), seed=0)


@pytest.mark.parametrize("features", [np.ones((2, 5)), np.ones(6), np.full((2, 6), np.inf)], ids=["D", "row", "inf"])
def test_features_of_another_width_are_refused(features: NDArray[np.float64]) -> None:
    machine = fit_svm(*blobs(21, 3), seed=0)
    with pytest.raises(InputError, match="expected"):
        machine.predict(features)
