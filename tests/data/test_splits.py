from collections import Counter

import numpy as np
import pytest

from bimodal.data.splits import divide, linked_groups, portion, targets
from bimodal.errors import InputError

SFEW_VAL = np.array([77, 23, 46, 72, 84, 73, 56])
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def counts(labels: np.ndarray, splits: np.ndarray, split: str) -> list[int]:
    return np.bincount(labels[splits == split], minlength=7).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_halves_of_sfews_val_have_the_counts_of_the_paper(seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(7), SFEW_VAL))
    splits = divide(labels, {"test": 0.5, "val": 0.5}, seed)
    assert counts(labels, splits, "val") == [38, 12, 23, 36, 42, 36, 28]
    assert counts(labels, splits, "test") == [39, 11, 23, 36, 42, 37, 28]


def test_single_examples_meet_the_targets() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        labels = rng.integers(0, 7, rng.integers(40, 200))
        splits = divide(labels, SHARES, int(rng.integers(1000)))
        wanted = targets(np.bincount(labels, minlength=7), SHARES)
        for split, by_class in wanted.items():
            assert counts(labels, splits, split) == by_class.tolist()


def test_the_split_depends_on_the_seed() -> None:
    labels = np.repeat([0, 1], 50)
    assert (divide(labels, SHARES, 1) == divide(labels, SHARES, 1)).all()
    assert (divide(labels, SHARES, 1) != divide(labels, SHARES, 2)).any()


def test_groups_stay_together_and_the_shares_are_met_closely() -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 60, 900)
    labels = (groups + rng.integers(0, 3, 900)) % 7
    splits = divide(labels, SHARES, 0, groups)
    for group in range(60):
        assert len(set(splits[groups == group])) <= 1
    for split, share in SHARES.items():
        assert abs((splits == split).mean() - share) < 0.04
        for code in range(7):
            assert abs((splits[labels == code] == split).mean() - share) < 0.12


def test_a_class_with_one_face_is_in_train() -> None:
    labels = np.array([0] * 30 + [1])
    assert divide(labels, SHARES, 0)[30] == "train"


def test_halves_of_small_classes_are_halves() -> None:
    for by_class in ([2] * 7, [3, 1, 1, 3, 2, 3, 1], [1] * 7, [3] * 7):
        labels = np.repeat(np.arange(7), by_class)
        splits = divide(labels, {"test": 0.5, "val": 0.5}, 0)
        val, test = (np.array(counts(labels, splits, split)) for split in ("val", "test"))
        assert val.sum() == len(labels) // 2
        assert (abs(val - test) <= 2 - np.array(by_class) % 2).all()


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(InputError, match="too few examples for a val split"):
        divide(np.zeros(3, np.int64), SHARES, 0)
    with pytest.raises(InputError, match="10 examples in 1 group;"):
        divide(np.zeros(10, np.int64), SHARES, 0, np.zeros(10, np.int64))


def test_no_test_split_on_request() -> None:
    splits = divide(np.zeros(20, np.int64), {"train": 0.8, "val": 0.2, "test": 0.0}, 0)
    assert Counter(splits.tolist()) == {"train": 16, "val": 4}


def test_portion_adds_up() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        by_class, share = rng.integers(0, 50, 7), rng.random()
        part = portion(by_class, share)
        assert part.sum() == int(by_class.sum() * share + 1e-9)
        assert (abs(part - by_class * share) < 1).all()
    assert portion(np.array([100]), 0.29).tolist() == [29]


def test_linked_groups_against_transitive_closure() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        a, b = ([None if x == 0 else int(x) for x in rng.integers(0, 6, 12)] for _ in range(2))
        linked = np.array(
            [
                [
                    i == j or (a[i] is not None and a[i] == a[j]) or (b[i] is not None and b[i] == b[j])
                    for j in range(12)
                ]
                for i in range(12)
            ]
        )
        for _ in range(4):
            linked = linked @ linked
        units = linked_groups(a, b)
        np.testing.assert_array_equal(units[:, None] == units, linked)
