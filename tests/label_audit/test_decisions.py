"""Decisions are checked line by line and applied, and every change is recorded."""

from pathlib import Path

import pandas as pd
import pytest

from bimodal.cells import to_cell
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.label_audit.decisions import Cleaned, Rounds, read_decisions, write_cleaned
from tests.conftest import write_data


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return Manifest.read(write_data(tmp_path / "data", {"train": 21, "val": 7, "test": 7}))


def write_decisions(folder: Path, *lines: str, head: str = "image,decision,label,by,why") -> Path:
    file = folder / "decisions.csv"
    file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return file


def clean(manifest: Manifest, file: Path, folder: Path) -> Cleaned:
    """Write the cleaned data after one round of decisions."""
    rounds = Rounds.read(None, manifest).with_file(file, manifest)
    return write_cleaned(manifest, rounds, folder, folder.with_suffix(".sha256"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_decisions_as_excel_saves_them(tmp_path: Path, manifest: Manifest, encoding: str) -> None:
    lines = [
        "Image;Decision;Label;By;Why",
        ";;;;",
        "images\\train-0000.png;Relabel;Happy;Jürgen;'=1+1",
        " images/train-0001.png ;remove;;Jürgen;",
    ]
    (tmp_path / "d.csv").write_bytes("\r\n".join(lines).encode(encoding))
    decisions = read_decisions(tmp_path / "d.csv", manifest)
    assert decisions[["row", "image", "decision", "label", "by", "why"]].to_numpy().tolist() == [
        [0, "images/train-0000.png", "relabel", "happy", "Jürgen", "=1+1"],
        [1, "images/train-0001.png", "remove", "", "Jürgen", ""],
    ]


def test_reasons_that_look_like_formulas_come_back_the_same(tmp_path: Path, manifest: Manifest) -> None:
    rounds = Rounds.read(None, manifest)
    for number, why in enumerate(("=1+1", "-x", "'=y", "@z")):
        file = write_decisions(tmp_path, f"images/train-000{number}.png,remove,,+me,{to_cell(why)}")
        rounds = rounds.with_file(file, manifest)
    rounds.write(tmp_path / "stored.csv")
    assert "'=1+1" in (tmp_path / "stored.csv").read_text()
    again = Rounds.read(tmp_path / "stored.csv", manifest).table
    assert again["why"].tolist() == ["=1+1", "-x", "'=y", "@z"]
    assert again["by"].tolist() == ["+me"] * 4
    done = write_cleaned(manifest, rounds, tmp_path / "cleaned", tmp_path / "cleaned.sha256")
    assert "'=1+1" in (done.folder / "changes.csv").read_text()


def test_each_change_is_recorded(tmp_path: Path, manifest: Manifest) -> None:
    file = write_decisions(
        tmp_path,
        "images/train-0000.png,relabel,happiness,Ada,smiles",
        "images/train-0001.png,Remove,,Ada,no face",
        "images/train-0002.png,keep,,Ada,",
        "images/train-0003.png,relabel,happy,Ada,already happy",
    )
    decisions = read_decisions(file, manifest)
    assert decisions["decision"].tolist() == ["relabel", "remove", "keep", "keep"]
    done = clean(manifest, file, tmp_path / "cleaned")
    assert (done.kept, done.removed, done.relabelled) == (2, 1, 1)
    table = pd.read_csv(done.folder / "manifest.csv", keep_default_na=False).set_index("image")
    first = table.loc["images/train-0000.png"]
    assert (first["label"], first["original_label"], first["changed_by"], first["why"]) == (
        "happy", "angry", "Ada", "smiles",
    )  # fmt: skip
    assert "images/train-0001.png" not in table.index
    assert table.loc["images/train-0003.png", "original_label"] == ""
    changes = pd.read_csv(done.folder / "changes.csv", keep_default_na=False)
    assert changes.to_numpy().tolist() == [
        [1, "images/train-0000.png", "relabel", "angry", "happy", "Ada", "smiles"],
        [1, "images/train-0001.png", "remove", "disgust", "", "Ada", "no face"],
    ]
    cleaned = Manifest.read(done.folder)  # the input of every other command
    assert len(cleaned) == 34
    tables = (manifest.table_with_digests, cleaned.table)
    before, after = (table[table["split"] != "train"].to_numpy().tolist() for table in tables)
    assert after == before


def test_a_label_changed_in_two_audits_keeps_its_original(tmp_path: Path, manifest: Manifest) -> None:
    first = write_decisions(tmp_path, "images/train-0000.png,relabel,happy,Ada,one")
    once = Manifest.read(clean(manifest, first, tmp_path / "once").folder)
    second = write_decisions(tmp_path, "images/train-0000.png,relabel,sad,Bo,two")
    twice = Manifest.read(clean(once, second, tmp_path / "twice").folder)
    assert twice.table["label"].iat[0] == "sad"
    assert twice.table["original_label"].iat[0] == "angry"
    changes = pd.read_csv(tmp_path / "twice/changes.csv", keep_default_na=False)
    assert changes[["round", "from", "to", "by"]].to_numpy().tolist() == [
        [1, "angry", "happy", "Ada"],
        [2, "happy", "sad", "Bo"],
    ]
    third = write_decisions(tmp_path, "images/train-0001.png,remove,,Cy,")
    table = pd.read_csv(clean(twice, third, tmp_path / "thrice").folder / "manifest.csv", keep_default_na=False)
    assert table[["changed_by", "why"]].iloc[0].tolist() == ["Bo", "two"]


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path, manifest: Manifest) -> None:
    file = write_decisions(tmp_path, "images/train-0001.png,remove,,Cy,")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("my thesis")
    with pytest.raises(InputError, match="move it away"):
        clean(manifest, file, tmp_path / "mine")
    assert (tmp_path / "mine/thesis.txt").read_text() == "my thesis"


def test_data_without_changes_can_be_cleaned_again(tmp_path: Path, manifest: Manifest) -> None:
    keep = write_decisions(tmp_path, "images/train-0000.png,keep,,Ada,")
    once = Manifest.read(clean(manifest, keep, tmp_path / "once").folder)
    assert len(once) == len(manifest)
    again = write_decisions(tmp_path, "images/train-0001.png,remove,,Ada,")
    assert clean(once, again, tmp_path / "twice").removed == 1


def test_a_line_without_a_decision_is_no_decision(tmp_path: Path, manifest: Manifest) -> None:
    lines = ("images/train-0000.png,,happy,,", "images/train-0001.png,remove,,,", "images/train-0000.png, ,,,")
    decisions = read_decisions(write_decisions(tmp_path, *lines), manifest)
    assert decisions["image"].tolist() == ["images/train-0001.png"]
    none = Rounds.read(None, manifest).with_file(write_decisions(tmp_path, lines[0]), manifest)
    assert none.table.empty


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("images/unknown.png,remove,,,", "line 2.*no such picture"),
        ("images/test-0000.png,remove,,,", "split test, and only training labels"),
        ("images/val-0000.png,relabel,happy,,", "split val"),
        ("images/train-0000.png,delete,,,", "keep, remove, relabel or unsure"),
        ("images/train-0000.png,relabel,,,", "expected a new label"),
        ("images/train-0000.png,relabel,hungry,,", "hungry"),
        ("images/train-0000.png,relabel,3,,", "expected a new label, one of angry, disgust, fear, happy, .*, got '3'"),
        ("images/train-0000.png,remove,,,\nimages/train-0000.png,keep,,,", "line 3.*two decisions"),
        ("../data/images/train-0000.png,remove,,,", "no such picture"),
    ],
)
def test_errors_in_decisions_name_the_line(tmp_path: Path, manifest: Manifest, line: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_decisions(write_decisions(tmp_path, line), manifest)


def test_two_columns_are_enough_and_a_repeated_line_is_allowed(tmp_path: Path, manifest: Manifest) -> None:
    line = "images/train-0000.png,remove"
    decisions = read_decisions(write_decisions(tmp_path, line, line, head="image,decision"), manifest)
    assert decisions[["decision", "by", "why"]].to_numpy().tolist() == [["remove", "unnamed", ""]]


def test_a_file_without_decisions_or_one_that_removes_all_is_refused(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(InputError, match="no column decision"):
        read_decisions(write_decisions(tmp_path, "images/train-0000.png", head="image"), manifest)
    all_removed = write_decisions(tmp_path, *(f"images/train-{i:04}.png,remove,,," for i in range(21)))
    with pytest.raises(InputError, match="training needs two"):
        clean(manifest, all_removed, tmp_path / "cleaned")
    assert not (tmp_path / "cleaned").exists()
