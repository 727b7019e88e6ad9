"""Decisions are handed in again and again: the next ranking trusts them, and every round is recorded."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.label_audit import audit as audit_module
from bimodal.label_audit.audit import Audit, audit
from bimodal.label_audit.decisions import Rounds, write_cleaned
from tests.label_audit.conftest import FACES


def write_decisions(folder: Path, *lines: str) -> Path:
    file = folder / "my-decisions.csv"
    file.write_text("\n".join(["image,decision,label,by,why", *lines]) + "\n", encoding="utf-8")
    return file


@pytest.fixture(params=["audited", "trained"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Audit, Path, Path]:
    """Each of the two audits, its data, and a copy of its folder to change."""
    earlier: Audit = request.getfixturevalue(request.param)
    return earlier, earlier.out.parent / "data", Path(shutil.copytree(earlier.out, tmp_path / "out"))


def test_decided_labels_are_trusted_by_the_next_ranking(made: tuple[Audit, Path, Path], tmp_path: Path) -> None:
    earlier, data, out = made
    kept, removed, relabelled = earlier.ranking.suspects["image"][:3]
    given = earlier.ranking.table.set_index("image")["label"]
    new = next(name for name in NAMES if name != given[relabelled])
    file = write_decisions(tmp_path, f"{kept},keep,,,", f"{removed},remove,,,", f"{relabelled},relabel,{new},,")
    done = audit(data, out, decisions=file)
    table = pd.read_csv(out / "suspects.csv", keep_default_na=False).set_index("image")
    assert len(table) == FACES - 1
    assert removed not in table.index
    for image in (kept, relabelled):
        flags = table.loc[image, "flags"].split(";")
        assert "decided" in flags
        assert not {"suspect", "removable"} & set(flags)
        assert table.loc[image, "probability"] == 0
        assert table.loc[image, "rank"] >= FACES - 2
    assert table.loc[relabelled, "label"] == new
    judged = done.ranking.judgement
    assert judged.labels[judged.rows == Manifest.read(data).table["image"].tolist().index(relabelled)] == [
        NAMES.index(new)
    ]
    assert not {kept, removed, relabelled} & set(pd.read_csv(out / "proposals.csv")["image"])
    page = (out / "suspects.html").read_text()
    assert f"data-image='\"{kept}\"'" not in page
    assert done.cleaned is not None
    assert (done.cleaned.kept, done.cleaned.removed, done.cleaned.relabelled) == (1, 1, 1)


def test_a_second_round_replaces_the_cleaned_data_and_records_every_change(
    audited: Audit, data: Path, out: Path, tmp_path: Path
) -> None:
    given = audited.ranking.table.set_index("image")["label"]
    first, second, third = sorted(audited.ranking.suspects["image"][:3])
    one, two = [name for name in NAMES if name != given[first]][:2]
    audit(data, out, decisions=write_decisions(tmp_path, f"{first},relabel,{one},Ada,a", f"{second},remove,,Ada,b"))
    audit(data, out, decisions=write_decisions(tmp_path, f"{first},relabel,{two},Bo,c", f"{second},keep,,Bo,d"))
    done = audit(data, out, decisions=write_decisions(tmp_path, f"{third},remove,,Cy,e"))
    assert done.cleaned is not None
    assert (done.cleaned.kept, done.cleaned.removed, done.cleaned.relabelled) == (1, 1, 1)
    changes = pd.read_csv(out / "cleaned/changes.csv", keep_default_na=False)
    assert changes.to_numpy().tolist() == [
        [1, first, "relabel", given[first], one, "Ada", "a"],
        [1, second, "remove", given[second], "", "Ada", "b"],
        [2, first, "relabel", one, two, "Bo", "c"],
        [2, second, "keep", "", given[second], "Bo", "d"],
        [3, third, "remove", given[third], "", "Cy", "e"],
    ]
    cleaned = Manifest.read(out / "cleaned").table.set_index("image")
    assert (cleaned.loc[first, "label"], cleaned.loc[first, "original_label"]) == (two, given[first])
    assert second in cleaned.index
    assert third not in cleaned.index


def test_the_same_decisions_again_are_no_new_round(
    audited: Audit, data: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_decisions(tmp_path, f"{audited.ranking.suspects['image'].iloc[0]},remove,,Ada,a")
    audit(data, out, decisions=file)
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    monkeypatch.setattr(audit_module, "judge_by_features", None)  # a call of it would fail
    again = audit(data, out, decisions=file)
    assert again.cleaned is not None
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("change", ["edit", "add"])
def test_edited_cleaned_data_are_refused(audited: Audit, data: Path, out: Path, tmp_path: Path, change: str) -> None:
    first, second = audited.ranking.suspects["image"][:2]
    audit(data, out, decisions=write_decisions(tmp_path, f"{first},remove,,,"))
    if change == "edit":
        text = (out / "cleaned/manifest.csv").read_text()
        (out / "cleaned/manifest.csv").write_text(text.replace("happy", "sad", 1))
    else:
        (out / "cleaned/notes.txt").write_text("mine")
    content = (out / "cleaned/manifest.csv").read_bytes()
    with pytest.raises(InputError, match="move it away"):
        audit(data, out, decisions=write_decisions(tmp_path, f"{second},remove,,,"))
    assert (out / "cleaned/manifest.csv").read_bytes() == content


def test_edited_proposals_are_kept_and_unedited_ones_follow_the_round(
    audited: Audit, data: Path, out: Path, tmp_path: Path
) -> None:
    first, second = audited.ranking.suspects["image"][:2]
    audit(data, out, decisions=write_decisions(tmp_path, f"{first},keep,,,"))
    proposals = (out / "proposals.csv").read_text()
    assert first not in proposals
    assert second in proposals
    (out / "proposals.csv").write_text(proposals.replace("remove", "keep", 1))
    audit(data, out, decisions=write_decisions(tmp_path, f"{second},keep,,,"))
    assert (out / "proposals.csv").read_text() == proposals.replace("remove", "keep", 1)


def test_an_interrupted_round_leaves_no_page_of_the_round_before(
    audited: Audit, data: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = audited.ranking.suspects["image"].iloc[0]
    file = write_decisions(tmp_path, f"{first},remove,,,")
    with monkeypatch.context() as patch:
        patch.setattr("bimodal.label_audit.suspects_page.render_page", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            audit(data, out, decisions=file)
    audit(data, out)
    assert first not in (out / "suspects.html").read_text()
    assert first not in (out / "suspects.csv").read_text()


def test_decisions_of_all_suspects_leave_none(audited: Audit, data: Path, out: Path, tmp_path: Path) -> None:
    lines = [f"{image},keep,,," for image in audited.ranking.table["image"]]
    done = audit(data, out, decisions=write_decisions(tmp_path, *lines))
    assert done.ranking.suspects.empty
    assert json.loads((out / "verdict.json").read_text())["noise_rate"] == 0
    assert np.all(done.ranking.judgement.decided)


def test_damaged_rounds_are_one_clear_error(data: Path, out: Path) -> None:
    (out / "decisions.csv").write_text("round,image,decision\none,images/train-0001.png,keep\n")
    with pytest.raises(
        InputError, match=r"decisions.csv is damaged: expected a number from 1 in the column round, got 'one'"
    ):
        audit(data, out)


def test_an_edited_table_is_kept_beside_the_new_one(data: Path, out: Path, tmp_path: Path) -> None:
    edited = (out / "suspects.csv").read_text().replace("happy", "sad")
    (out / "suspects.csv").write_text(edited)
    audit(data, out, decisions=write_decisions(tmp_path, "images/train-0001.png,keep,,,"))
    assert (out / "suspects.edited-1.csv").read_text() == edited
    assert "images/train-0001.png" in (out / "decisions.csv").read_text()
    (out / "decisions.csv").write_text(
        (out / "decisions.csv").read_text() + "2,images/train-0002.png,keep,,ann,,sure\n"
    )
    by_hand = (out / "decisions.csv").read_text()
    audit(data, out, decisions=write_decisions(tmp_path, "images/train-0003.png,keep,,,"))
    assert (out / "decisions.edited-1.csv").read_text() == by_hand
    assert "images/train-0002.png" in (out / "decisions.csv").read_text()
    assert not (out / "suspects.edited-2.csv").exists()
    with pytest.raises(InputError, match="would delete"):  # also with --overwrite
        audit(data, out, overwrite=True)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("9" * 5000 + ",a.png,keep,sad,happy,ann,", "expected a number from 1 in the column round"),
        ("1,a.png,swap,sad,happy,ann,", "row 1: expected keep, remove or relabel and two emotions, got 'swap'"),
        ("1,a.png,relabel,sad,bored,ann,", "row 1: expected keep, remove or relabel and two emotions"),
    ],
)
def test_damaged_changes_are_one_clear_error(
    data: Path, tmp_path: Path, audited: Audit, row: str, message: str
) -> None:
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    (copy / "changes.csv").write_text(f"round,image,change,from,to,by,why\n{row}\n")
    rounds = Rounds.read(None, manifest := Manifest.read(copy))
    rounds = rounds.with_file(write_decisions(tmp_path, "images/train-0001.png,keep,,,"), manifest)
    with pytest.raises(InputError, match=message):
        write_cleaned(manifest, rounds, tmp_path / "cleaned", tmp_path / "cleaned.sha256")
