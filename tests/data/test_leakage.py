import numpy as np

from bimodal.data.counts import report_missing_classes
from bimodal.data.leakage import first_copies, report_copies, report_groups


def test_first_copies_against_search() -> None:
    rng = np.random.default_rng(0)
    order = {"train": 0, "val": 1, "test": 2}
    for _ in range(50):
        digests = [None if x == 0 else bytes([x]) for x in rng.integers(0, 8, 30)]
        splits = rng.choice(list(order), 30).tolist()
        expected = [
            row
            if digests[row] is None
            else min((j for j in range(30) if digests[j] == digests[row]), key=lambda j: (order[splits[j]], j))
            for row in range(30)
        ]
        assert first_copies(digests, splits).tolist() == expected


def test_copies_are_told_apart() -> None:
    first = np.array([0, 0, 0, 0])
    labels, splits = np.array([3, 3, 3, 5]), ["train", "train", "val", "val"]
    problems = report_copies(["a", "b", "c", "d"], labels, splits, first, "kept")
    assert [(problem.image, problem.problem) for problem in problems] == [
        ("b", "identical"),
        ("c", "identical-across-splits"),
        ("d", "identical-two-labels"),
    ]
    assert "sad; the same pixels as a, happy in train" in problems[2].detail


def test_groups_and_classes() -> None:
    problems = report_groups(["a", "b", "c", "d"], ["val", "train", "test", "val"], ["x", "x", "", "y"])
    assert [(p.image, p.split, p.detail) for p in problems] == [("a", "val", "x: 1 in train, 1 in val")]
    missing = report_missing_classes(np.array([0, 1, 0]), ["train", "train", "val"])
    assert [(p.split, p.detail) for p in missing] == [("val", "no disgust picture in val")]
