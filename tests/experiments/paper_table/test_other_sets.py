"""The larger set without the study's pictures, and the same faces before alignment."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bimodal.data.leakage import pretraining_overlap
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.paper_table.other_sets import larger_table, match_pictures
from bimodal.experiments.paper_table.reproduction import _leave_out_pretrained, reproduce
from bimodal.model_files import packaged
from tests.conftest import write_data


@pytest.fixture
def _pretrained_on_test_faces(tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packaged network was pretrained on three test faces of `tiny_data`."""
    manifest = Manifest.read(tiny_data)
    digests = [manifest.pixel_digests[row] or b"" for row in manifest.rows("test")[:3]]
    np.save(tmp_path / packaged.TRAINING_DIGESTS, packaged.short_digests(digests))
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)


@pytest.mark.usefixtures("_pretrained_on_test_faces")
def test_overlap_with_the_pretraining_is_found(tiny_data: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(tiny_data)
    assert pretraining_overlap(manifest) == "bimodal/face-s was pretrained on 3 of these 112 pictures"
    assert pretraining_overlap(manifest, manifest.rows("train").tolist()) == ""
    other = write_data(tmp_path / "other", {"train": 14}, seed=9)
    assert pretraining_overlap(Manifest.read(other)) == ""
    (other / "source.json").write_text('{"kind": "fer2013", "options": {"align": true}}')
    assert "the source of these faces" in pretraining_overlap(Manifest.read(other))


@pytest.mark.usefixtures("_pretrained_on_test_faces")
def test_a_network_that_was_pretrained_on_the_faces_is_left_out(tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"3 of these 112 pictures.* leave out of --methods: two-stage-face-s$"):
        reproduce(tiny_data, tmp_path / "study", StudyOptions(methods=("two-stage-face-s",), quick=True))
    assert not (tmp_path / "study" / "study.yaml").exists()
    manifest = Manifest.read(tiny_data)
    options, notes = _leave_out_pretrained(StudyOptions(quick=True), [manifest])
    names = [method.name for method in options.chosen]
    assert "face-s-scratch" in names
    assert "two-stage-face-s" not in names
    assert [note.partition(" ")[0] for note in notes] == ["two-stage-face-s", "two-stage-face-s-bdr"]
    baseline = StudyOptions(methods=("majority",))
    assert _leave_out_pretrained(baseline, [manifest]) == (baseline, [])


def test_copies_of_the_studys_pictures_are_left_out_whatever_their_format(tiny_data: Path, tmp_path: Path) -> None:
    own = Manifest.read(tiny_data)
    write_data(tmp_path, {"train": 210, "val": 42}, seed=9)
    # copies of a training and of a test face, under other names and in another format
    for place, row in (("train-0003", own.rows("train")[5]), ("val-0007", own.rows("test")[2])):
        Image.open(own.path(int(row))).save(tmp_path / f"images/{place}.bmp")
        shutil.move(tmp_path / f"images/{place}.bmp", tmp_path / f"images/{place}.png")
    table, note = larger_table(Manifest.read(tmp_path), "larger", [own])
    assert len(table) == 250
    assert not set(table["image"]) & {"images/train-0003.png", "images/val-0007.png"}
    assert "2 of its pictures have the same pixels as pictures in this study" in note


def test_copies_of_faces_before_alignment_are_left_out_too(tiny_data: Path, tmp_path: Path) -> None:
    own = Manifest.read(tiny_data)
    before = write_data(tmp_path / "before", {"train": 70, "val": 21, "test": 21}, seed=7)
    larger = write_data(tmp_path / "larger", {"train": 210, "val": 42}, seed=9)
    shutil.copyfile(before / "images/test-0004.png", larger / "images/train-0004.png")
    known, _ = larger_table(Manifest.read(larger), "larger", [own, Manifest.read(before)])
    assert len(known) == 251


def test_a_set_without_new_faces_is_refused(tiny_data: Path, tmp_path: Path) -> None:
    own = Manifest.read(tiny_data)
    shutil.copytree(tiny_data / "images", tmp_path / "images")
    own.table.assign(split=["train", "val"] * 56).to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(InputError, match="no faces in split train that are not in this study"):
        larger_table(Manifest.read(tmp_path), "larger", [own])


def test_limits_keep_the_proportions_of_the_classes(tiny_data: Path, tmp_path: Path) -> None:
    write_data(tmp_path, {"train": 210, "val": 42}, seed=9)
    table, _ = larger_table(Manifest.read(tmp_path), "larger", [Manifest.read(tiny_data)], {"train": 70, "val": 14})
    counts = table.groupby(["split", "label"]).size()
    assert (counts["train"] == 10).all()
    assert (counts["val"] == 2).all()


def test_a_set_that_is_not_larger_is_refused(tiny_data: Path, tmp_path: Path) -> None:
    write_data(tmp_path, {"train": 42, "val": 7}, seed=9)
    with pytest.raises(InputError, match="42 training faces that are not in this study, no more than the 70"):
        larger_table(Manifest.read(tmp_path), "larger", [Manifest.read(tiny_data)])


def test_faces_are_matched_by_their_source_file(tiny_data: Path, tmp_path: Path) -> None:
    own = Manifest.read(tiny_data)
    order = np.random.default_rng(0).permutation(len(own))
    other = own.table.iloc[order].reset_index(drop=True)
    renamed = [f"images/x{number}.png" for number in range(len(other))]
    (tmp_path / "images").mkdir()
    for image, new in zip(other["image"], renamed, strict=True):
        shutil.copyfile(tiny_data / image, tmp_path / new)
    origins = pd.DataFrame({"image": renamed, "origin": [f"Faces/{image}" for image in other["image"]]})
    origins.to_csv(tmp_path / "origins.csv", index=False)
    other.assign(image=renamed).to_csv(tmp_path / "manifest.csv", index=False)
    table = match_pictures(own, Manifest.read(tmp_path))
    for mine, theirs in zip(own.table["image"], table["image"], strict=True):
        assert (tmp_path / theirs).read_bytes() == (tiny_data / mine).read_bytes()
    assert (table["split"] == own.table["split"]).all()


def test_a_face_without_a_match_is_named(tiny_data: Path, tmp_path: Path) -> None:
    other = write_data(tmp_path, {"train": 70, "val": 21, "test": 20})
    with pytest.raises(InputError, match=r"1 of the 112 faces .* no counterpart .*images/test-0020"):
        match_pictures(Manifest.read(tiny_data), Manifest.read(other))
