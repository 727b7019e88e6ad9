"""Training sets with known wrong labels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.data.manifest import Manifest
from bimodal.emotions import CODES, NAMES
from bimodal.errors import InputError
from bimodal.experiments.label_noise import samples
from bimodal.experiments.label_noise.cells import Cell, all_cells
from bimodal.experiments.label_noise.samples import (
    RIGHT,
    UNDECIDED,
    WRONG,
    even_counts,
    read_fer,
    write_fer_cell,
    write_public,
)
from tests.conftest import write_data

PLUS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


@pytest.fixture(scope="module")
def fer(tmp_path_factory: pytest.TempPathFactory) -> samples.Fer:
    """A data folder like FER2013's: of ten faces seven are clean, one is wrong, one undecided, one shows no emotion."""
    folder = write_data(tmp_path_factory.mktemp("fer"), {"train": 700, "val": 70, "test": 140})
    table = pd.read_csv(folder / "manifest.csv", keep_default_na=False)
    votes = []
    for i, label in enumerate(table["label"]):
        code = CODES[label]
        other = PLUS[(code + 2) % 7]
        kinds = [f"{PLUS[code]}:9 {other}:1"] * 7 + [f"{other}:8 {PLUS[code]}:1", f"{PLUS[code]}:4 {other}:4", "NF:9"]
        votes.append(kinds[i // 7 % 10])
    pd.DataFrame({"image": table["image"], "votes": votes}).to_csv(folder / "origins.csv", index=False)
    return read_fer(Manifest.read(folder))


def test_votes_decide_which_labels_are_wrong(fer: samples.Fer) -> None:
    kinds = np.arange(910) // 7 % 10
    assert (fer.truth[kinds < 7] == RIGHT).all()
    assert (fer.truth[kinds == 7] == WRONG).all()
    assert (fer.truth[kinds == 8] == UNDECIDED).all()
    assert (fer.truth[kinds == 9] == WRONG).all()  # most taggers see no face
    assert (fer.is_clean == (kinds < 8)).all()
    assert fer.confusions.sum(axis=1) == pytest.approx(np.ones(7))
    assert fer.confusions.diagonal() == pytest.approx(np.zeros(7))


@pytest.mark.parametrize("pattern", ["symmetric", "confusions"])
def test_the_truth_file_marks_the_wrong_labels(fer: samples.Fer, tmp_path: Path, pattern: str) -> None:
    cell = Cell("clean", 210, pattern, 0.2, "", 3)  # type: ignore[arg-type]
    write_fer_cell(fer, cell, tmp_path / "cell")
    manifest = Manifest.read(tmp_path / "cell")
    rows = manifest.rows("train")
    truth = np.load(tmp_path / "cell/truth.npy")
    assert len(truth) == len(manifest)
    true = manifest.table["true_label"].map(CODES).to_numpy()
    assert (truth[rows] == WRONG).sum() == 42
    assert ((manifest.labels != true) == (truth == WRONG)).all()
    assert (truth[manifest.rows("test")] == RIGHT).all()
    assert np.bincount(true[rows], minlength=7).tolist() == [30] * 7
    wrong = rows[truth[rows] == WRONG]
    if pattern == "confusions":  # here each emotion is confused with one other only
        assert ((true[wrong] - 2) % 7 == manifest.labels[wrong]).all()
    else:
        assert len({(int(t), int(g)) for t, g in zip(true[wrong], manifest.labels[wrong], strict=True)}) > 20


def test_levels_of_one_seed_share_their_faces_and_no_training_face_is_tested(fer: samples.Fer, tmp_path: Path) -> None:
    images = []
    for noise in (0.0, 0.4):
        write_fer_cell(fer, Cell("clean", 210, "symmetric", noise, "", 1), tmp_path / f"{noise}")
        manifest = Manifest.read(tmp_path / f"{noise}")
        images.append(set(manifest.table["image"][manifest.rows("train")]))
        assert not images[-1] & set(manifest.table["image"][manifest.rows("test")])
        assert all("test" in image for image in manifest.table["image"][manifest.rows("test")])
    assert images[0] == images[1]


def test_a_rare_emotion_is_cut_to_a_tenth(fer: samples.Fer, tmp_path: Path) -> None:
    write_fer_cell(fer, Cell("clean", 210, "symmetric", 0.0, "happy", 1), tmp_path / "rare")
    manifest = Manifest.read(tmp_path / "rare")
    counts = np.bincount(manifest.labels[manifest.rows("train")], minlength=7)
    assert counts[CODES["happy"]] == 3
    assert set(np.delete(counts, CODES["happy"])) == {30}


def test_fer2013s_labels_are_unchanged(fer: samples.Fer, tmp_path: Path) -> None:
    write_fer_cell(fer, Cell("own", 200, "own", 0.0, "", 0), tmp_path / "own")
    manifest = Manifest.read(tmp_path / "own")
    rows = manifest.rows("train")
    assert len(rows) == 200
    own = dict(zip(fer.manifest.table["image"], fer.manifest.table["label"], strict=True))
    assert all(own[image] == label for image, label in zip(
        manifest.table["image"][rows], manifest.table["label"][rows], strict=True
    ))  # fmt: skip
    truth = np.load(tmp_path / "own/truth.npy")[rows]
    assert {RIGHT, WRONG, UNDECIDED} == set(truth.tolist())


@pytest.mark.parametrize("clean", [True, False])
def test_sets_of_public_test_hold_out_clean_faces_of_it(
    fer: samples.Fer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: bool
) -> None:
    monkeypatch.setattr(samples, "VAL", 20)
    write_public(fer, clean, tmp_path / "public")
    manifest = Manifest.read(tmp_path / "public")
    truth = np.load(tmp_path / "public/truth.npy")
    assert all("test" in image for image in manifest.table["image"])
    assert (truth[np.concatenate([manifest.rows("val"), manifest.rows("test")])] == RIGHT).all()
    assert len(manifest.rows("val")) == 20
    rows = manifest.rows("train")
    own = dict(zip(fer.manifest.table["image"], fer.manifest.table["label"], strict=True))
    changed = [own[image] != label for image, label in manifest.table[["image", "label"]].iloc[rows].to_numpy()]
    assert len(rows) < 93 if clean else len(rows) == 93  # two thirds of 140
    assert any(changed) if clean else not any(changed)
    assert set(truth[rows].tolist()) == ({RIGHT} if clean else {RIGHT, WRONG, UNDECIDED})


def test_missing_votes_or_faces_are_refused(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": 21, "val": 7, "test": 7})
    with pytest.raises(InputError, match="--votes"):
        read_fer(Manifest.read(data))
    with pytest.raises(InputError, match="needs 50 faces"):
        even_counts(np.array([10, 20]), 50)


def test_each_cell_has_its_name() -> None:
    cells = all_cells()
    assert len({cell.name for cell in cells}) == len(cells)
    assert {cell.seed for cell in cells} == {0, 1, 2}
    assert {cell.noise for cell in cells if cell.size == 891 and cell.faces == "clean"} == {0, 0.05, 0.1, 0.2, 0.4}
    assert len(NAMES) == 7
