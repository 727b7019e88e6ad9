import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.data.counts import report_missing_classes
from bimodal.data.leakage import (
    copies_by_row,
    first_copies,
    groups_across_splits,
    has_copy_in,
    inseparable_groups,
    pretraining_overlap,
    report_copies,
    report_groups,
    training_leaks,
    training_overlap,
)
from bimodal.data.manifest import Manifest
from bimodal.model_files import packaged
from tests.conftest import write_data


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


def test_kinds_of_copies_are_distinguished() -> None:
    first = np.array([0, 0, 0, 0])
    labels, splits = np.array([3, 3, 3, 5]), ["train", "train", "val", "val"]
    problems = report_copies(["a", "b", "c", "d"], labels, splits, first, "kept")
    assert [(problem.image, problem.problem) for problem in problems] == [
        ("b", "identical"),
        ("c", "identical-across-splits"),
        ("d", "identical-two-labels"),
    ]
    assert "sad; the same pixels as a, happy in train" in problems[2].detail


def test_reports_groups_across_splits_and_missing_classes() -> None:
    problems = report_groups(["a", "b", "c", "d"], ["val", "train", "test", "val"], ["x", "x", "", "y"])
    assert [(p.image, p.split, p.detail) for p in problems] == [("a", "val", "x: 1 in train, 1 in val")]
    missing = report_missing_classes(np.array([0, 1, 0]), ["train", "train", "val"])
    assert [(p.split, p.detail) for p in missing] == [("val", "no disgust picture in val")]


def test_copies_against_search() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        digests = [None if x == 0 else bytes([x]) for x in rng.integers(0, 8, 20)]
        others = [None if x == 0 else bytes([x]) for x in rng.integers(0, 8, 3)]
        same = {
            row: [other for other in range(20) if other != row and digests[other] == digests[row]]
            for row in range(20)
            if digests[row] is not None
        }
        assert copies_by_row(digests) == {row: copies for row, copies in same.items() if copies}
        expected = [digest is not None and digest in others for digest in digests]
        assert has_copy_in(digests, others).tolist() == expected


def test_groups_are_joined_by_copies(tmp_path: Path) -> None:
    data = write_data(tmp_path, {"train": 4, "val": 2})
    shutil.copyfile(data / "images/train-0001.png", data / "images/val-0000.png")
    table = pd.read_csv(data / "manifest.csv", dtype=str, na_filter=False)
    table["group"] = ["Ann", "Bob", "Bob", "", "", "Ann"]
    table.to_csv(data / "manifest.csv", index=False)
    manifest = Manifest.read(data)
    groups = inseparable_groups(manifest)
    assert groups.tolist() == [0, 1, 1, 3, 1, 0]
    crossing = groups_across_splits(groups.tolist(), manifest.table["split"].tolist())
    assert crossing == {0: {"train": 1, "val": 1}, 1: {"train": 2, "val": 1}}


def test_pictures_that_a_run_was_trained_on(tmp_path: Path) -> None:
    trained = Manifest.read(write_data(tmp_path / "trained", {"train": 7, "val": 7}))
    other = write_data(tmp_path / "other", {"test": 7}, seed=1)
    shutil.copyfile(trained.path(3), other / "images/test-0002.png")  # of training
    shutil.copyfile(trained.path(9), other / "images/test-0004.png")  # of validation
    manifest = Manifest.read(other)
    assert training_overlap(manifest, list(range(7)), trained.table_with_digests) == 1
    assert training_overlap(manifest, [0, 1, 4], trained.table_with_digests) == 0


def test_pictures_that_the_packaged_network_was_pretrained_on(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest.read(tiny_data)
    digests = [digest for digest in manifest.pixel_digests[:2] if digest is not None]
    np.save(tmp_path / packaged.TRAINING_DIGESTS, packaged.short_digests(digests))
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    assert pretraining_overlap(manifest) == "bimodal/face-s was pretrained on 2 of these 112 pictures"
    assert pretraining_overlap(manifest, [0, 5]) == "bimodal/face-s was pretrained on 1 of these 2 pictures"
    assert pretraining_overlap(manifest, [5, 6]) == ""
    other = write_data(tmp_path / "other", {"train": 7}, seed=9)
    (other / "source.json").write_text('{"kind": "fer2013", "options": {"align": true}}')
    assert "pretrained on FER2013" in pretraining_overlap(Manifest.read(other))
    (other / "source.json").write_text('{"kind": "fer2013", "options": {"align": false}}')
    assert pretraining_overlap(Manifest.read(other)) == ""


def test_leaks_from_training_are_counted() -> None:
    table = pd.DataFrame(
        {
            "image": ["a", "b", "c", "d", "e"],
            "split": ["train", "train", "test", "test", "val"],
            "group": ["Ann", "", "Ann", "", "Bob"],
            "digest": ["01", "02", "03", "02", ""],
        }
    )
    near = "near-duplicate-across-splits"
    problems = pd.DataFrame(
        [("c", "test", near, "correlation 0.99 with b"), ("d", "test", near, "correlation 0.99 with x")],
        columns=["image", "split", "problem", "detail"],
    )
    assert training_leaks(table, "val", problems) == ""
    assert training_leaks(table, "test", problems).startswith(
        "Of these 2 faces, 1 has a group (person or film) that is also in training, 1 has a copy in training, "
        "1 has a near-duplicate in training:"
    )
