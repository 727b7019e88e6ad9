"""The protocols: no group in two splits, every emotion in every split, and notes on what leaks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.experiments.paper_table.protocol import Fold, Protocol, divide_by


def manifest(folder: Path, groups: int, crossing: tuple[str, ...], count: int = 420) -> Manifest:
    """Faces of some groups, each group in one split, or spread over the splits `crossing`."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        split = ("train", "train", "train", "val", "test")[number // 7 % 5]
        group = f"{'shared' if split in crossing else split}-{number % groups}" if groups else ""
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        rows.append((f"{number}.png", NAMES[number % 7], split, group))
    pd.DataFrame(rows, columns=["image", "label", "split", "group"]).to_csv(folder / "manifest.csv", index=False)
    return Manifest.read(folder)


def shared_groups(fold: Fold) -> set[str]:
    by_split = [set(part["group"]) for _, part in fold.table.groupby("split")]
    return {group for group in set.union(*by_split) if sum(group in own for own in by_split) > 1}


def test_splits_without_shared_groups_stay(tmp_path: Path) -> None:
    data = manifest(tmp_path, groups=9, crossing=())
    (fold,) = divide_by("group-disjoint", data).folds
    pd.testing.assert_frame_equal(fold.table, data.table)


def test_shared_groups_of_val_and_test_leave_training_as_it_is(tmp_path: Path) -> None:
    data = manifest(tmp_path, groups=9, crossing=("val", "test"))
    division = divide_by("group-disjoint", data)
    (fold,) = division.folds
    assert shared_groups(fold) == set()
    train = (data.table["split"] == "train").to_numpy()
    assert ((fold.table["split"] == "train").to_numpy() == train).all()
    assert (fold.table["split"] == "test").sum() == pytest.approx((data.table["split"] == "test").sum(), abs=12)
    assert "divided again" in division.notes[0]


def test_groups_shared_with_training_divide_all_splits(tmp_path: Path) -> None:
    data = manifest(tmp_path, groups=20, crossing=("train", "val", "test"))
    (fold,) = divide_by("group-disjoint", data).folds
    assert shared_groups(fold) == set()
    assert (fold.table["split"] == "train").mean() == pytest.approx(0.6, abs=0.06)


def test_the_papers_protocol_notes_what_leaks(tmp_path: Path) -> None:
    data = manifest(tmp_path, groups=9, crossing=())
    division = divide_by("paper", data)
    (fold,) = division.folds
    leaked = fold.table.loc[(fold.table["split"] == "test") & fold.table["group"].isin(shared_groups(fold))]
    assert len(leaked) > 0
    assert f"This leaks: {len(leaked)} of the" in division.notes[1]
    halves = fold.table["split"].value_counts()
    assert abs(halves["val"] - halves["test"]) <= 1


def test_sfews_halves_stay(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text('{"kind": "sfew"}')
    data = manifest(tmp_path, groups=9, crossing=("val", "test"))
    (fold,) = divide_by("paper", data).folds
    pd.testing.assert_frame_equal(fold.table, data.table)


def test_two_folds_test_every_face_once_and_share_no_group(tmp_path: Path) -> None:
    data = manifest(tmp_path, groups=20, crossing=("train", "val", "test"))
    one, two = divide_by("person-independent", data).folds
    assert shared_groups(one) == shared_groups(two) == set()
    tested = [(fold.table["split"] == "test").to_numpy() for fold in (one, two)]
    assert (tested[0] ^ tested[1]).all()
    for fold in (one, two):
        others = fold.table[fold.table["split"] != "test"]
        assert (others["split"] == "val").mean() == pytest.approx(0.2, abs=0.06)


def test_identical_pictures_stay_together(tmp_path: Path) -> None:
    data = manifest(tmp_path, groups=20, crossing=("train", "val", "test"))
    for number in range(0, 420, 60):  # of different groups
        Image.new("RGB", (4, 4), "red").save(tmp_path / f"{number}.png")
    (fold,) = divide_by("group-disjoint", Manifest.read(data.root)).folds
    assert fold.table["split"].iloc[range(0, 420, 60)].nunique() == 1


@pytest.mark.parametrize("protocol", ["group-disjoint", "paper"])
def test_identical_pictures_without_groups(tmp_path: Path, protocol: Protocol) -> None:
    (tmp_path / "source.json").write_text('{"kind": "sfew"}')
    data = manifest(tmp_path, groups=0, crossing=())
    val, test = (data.rows(split)[:5] for split in ("val", "test"))
    for one, other in zip(val, test, strict=True):
        data.path(int(one)).write_bytes(data.path(int(other)).read_bytes())
    data = Manifest.read(tmp_path)
    division = divide_by(protocol, data)
    (fold,) = division.folds
    text = " ".join(division.notes)
    if protocol == "paper":
        assert "This leaks: 5 of the" in text
    else:
        assert "5 sets of identical pictures" in text
        splits = fold.table["split"].to_numpy()
        assert (splits[val] == splits[test]).all()


def test_blank_pictures_are_not_identical(tmp_path: Path) -> None:
    data = manifest(tmp_path, groups=0, crossing=())
    for row in (data.rows("train")[0], data.rows("test")[0]):
        Image.new("RGB", (4, 4)).save(data.path(int(row)))
        data.table.loc[row, "flag"] = "blank"
    data.table.to_csv(tmp_path / "manifest.csv", index=False)
    data = Manifest.read(tmp_path)
    (fold,) = divide_by("group-disjoint", data).folds
    pd.testing.assert_frame_equal(fold.table, data.table)


@pytest.mark.parametrize(
    ("protocol", "groups", "words"),
    [("person-independent", 0, "needs groups"), ("group-disjoint", 3, "no faces in split val")],
)
def test_a_protocol_without_its_groups_or_splits_is_refused(
    tmp_path: Path, protocol: Protocol, groups: int, words: str
) -> None:
    data = manifest(tmp_path, groups=groups, crossing=())
    if groups:
        data.table["split"] = data.table["split"].replace("val", "train")
    with pytest.raises(InputError, match=words):
        divide_by(protocol, data)


def test_a_class_missing_from_a_split_is_named(tmp_path: Path) -> None:
    data = manifest(tmp_path, groups=0, crossing=())
    data.table.loc[(data.table["split"] == "test") & (data.table["label"] == "fear"), "split"] = "train"
    with pytest.raises(InputError, match="no fear face in split test"):
        divide_by("group-disjoint", data)
