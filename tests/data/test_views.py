"""The same pictures under other splits and labels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.data.views import with_wrong_labels, write_view
from bimodal.errors import InputError
from tests.conftest import write_data


def test_a_view_has_the_same_pictures_and_decodes_none_again(tiny_data: Path, tmp_path: Path) -> None:
    source = Manifest.read(tiny_data)
    before = decoded(source, 32)
    write_view(source, with_wrong_labels(source.table, 0.5, seed=1), tmp_path / "view")
    view = Manifest.read(tmp_path / "view")
    assert view.fingerprint != source.fingerprint
    np.testing.assert_array_equal(decoded(view, 32), before)
    assert len(list((tiny_data / ".cache").glob("faces-32-*.npy"))) == 1


def test_a_part_of_the_pictures_keeps_its_own_cache(tiny_data: Path, tmp_path: Path) -> None:
    source = Manifest.read(tiny_data)
    write_view(source, source.table.iloc[::2].reset_index(drop=True), tmp_path / "view")
    view = Manifest.read(tmp_path / "view")
    np.testing.assert_array_equal(decoded(view, 32), decoded(source, 32)[::2])


def test_an_existing_view_is_kept(tiny_data: Path, tmp_path: Path) -> None:
    source = Manifest.read(tiny_data)
    write_view(source, source.table, tmp_path / "view")
    write_view(source, source.table.iloc[:10], tmp_path / "view")
    assert len(Manifest.read(tmp_path / "view")) == len(source)


def test_a_view_follows_moved_pictures(tmp_path: Path) -> None:
    here = write_data(tmp_path / "here", {"train": 14, "val": 7})
    write_view(Manifest.read(here), Manifest.read(here).table, tmp_path / "view")
    here.rename(tmp_path / "there")
    write_data(tmp_path / "here", {"train": 14, "val": 7}, seed=5)  # other pictures of the same names
    moved = Manifest.read(tmp_path / "there")
    write_view(moved, moved.table, tmp_path / "view")
    assert Manifest.read(tmp_path / "view").pictures_fingerprint == moved.pictures_fingerprint


def test_wrong_labels_need_two_emotions() -> None:
    table = pd.DataFrame({"label": "sad", "split": "train", "original_label": "", "true_label": ""}, index=range(9))
    with pytest.raises(InputError, match="at least two emotions"):
        with_wrong_labels(table, 0.5, seed=0)


def test_wrong_labels_have_the_share_only_in_training_and_are_recorded(tiny_data: Path) -> None:
    table = Manifest.read(tiny_data).table
    wrong = with_wrong_labels(table, 0.3, seed=4)
    changed = wrong["label"] != table["label"]
    assert changed.sum() == 21
    assert set(wrong.loc[changed, "split"]) == {"train"}
    assert (wrong.loc[changed, "original_label"] == table.loc[changed, "label"]).all()
    known = table["true_label"] != ""
    assert (wrong.loc[known, "true_label"] == table.loc[known, "true_label"]).all()
    assert (wrong.loc[~known, "true_label"] == table.loc[~known, "label"]).all()
    pd.testing.assert_frame_equal(wrong, with_wrong_labels(table, 0.3, seed=4))
    assert (wrong["label"] != with_wrong_labels(table, 0.3, seed=5)["label"]).any()


def test_each_wrong_label_is_as_likely_as_another() -> None:
    n = 7000
    table = pd.DataFrame({"label": "sad", "split": "train", "original_label": "", "true_label": ""}, index=range(n))
    table.loc[:6, "label"] = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
    counts = with_wrong_labels(table, 0.9, seed=0)["label"].value_counts().drop("sad")
    assert len(counts) == 6
    assert counts.min() > 0.85 * n * 0.9 / 6
