"""Decisions go to the CSV of the audit and back, and the cleaned set follows them, undone ones excepted."""

from pathlib import Path

import pandas as pd
import pytest

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.label_audit.audit import audit
from bimodal.label_audit.decisions import read_decisions
from bimodal.locks import locked
from bimodal.review.cleaned import write_cleaned_set
from bimodal.review.exchange import export_decisions, import_decisions, take_over_rounds
from bimodal.review.opened import OpenAudit
from bimodal.review.store import Store


def image(number: int) -> str:
    return f"images/train-{number:04}.png"


@pytest.fixture
def store(opened: OpenAudit) -> Store:
    return Store.open(opened.folder)


def reviewed(store: Store) -> None:
    store.add("ann", image(0), "relabel", "sad", 'she frowns, "clearly"')
    store.add("ann", image(1), "remove")
    store.add("ann", image(2), "keep")
    store.add("bob", image(1), "keep", why="=SUM(A1)")
    store.add("bob", image(3), "unsure", why="too dark")
    store.add("bob", image(4), "remove")
    store.undo("bob")


def test_an_exported_file_is_what_the_audit_reads_and_what_import_brings_back(
    opened: OpenAudit, store: Store, tmp_path: Path
) -> None:
    reviewed(store)
    file = tmp_path / "decisions.csv"
    assert export_decisions(store, opened.manifest, file) == 4
    table = read_decisions(file, opened.manifest)
    assert table[["image", "decision", "label", "by"]].to_numpy().tolist() == [
        [image(0), "relabel", "sad", "ann"],
        [image(1), "keep", "", "bob"],
        [image(2), "keep", "", "ann"],
    ]
    assert "ann: remove" in table["why"][1]
    (tmp_path / "other").mkdir()
    with Store.open(tmp_path / "other") as other:
        assert import_decisions(other, opened.manifest, file) == 4
        key = ["image", "decision", "label", "reviewer", "time"]
        assert sorted(other.merged()[key].to_numpy().tolist()) == sorted(store.merged()[key].to_numpy().tolist())
        assert import_decisions(other, opened.manifest, file) == 0


def test_a_file_with_an_error_adds_nothing(opened: OpenAudit, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    file.write_text(f"image,decision\n{image(0)},remove\n{image(1)},erase\n")
    with pytest.raises(InputError, match="line 3"):
        import_decisions(store, opened.manifest, file)
    assert store.count == 0


def test_hostile_names_and_times_are_made_harmless(opened: OpenAudit, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    file.write_text(
        f"image,decision,by,when,why\n{image(0)},keep,{'x' * 500},never,\x1b[31mred\n{image(1)},keep,\x07,9999-99-99,\n",
        encoding="utf-8",
    )
    assert import_decisions(store, opened.manifest, file) == 2
    first, second = store.current().itertuples()
    assert (len(first.reviewer), first.why) == (80, "[31mred")
    assert second.reviewer == "unnamed"
    assert second.time.endswith("+00:00")


def test_the_cleaned_set_follows_the_decisions(opened: OpenAudit, store: Store) -> None:
    reviewed(store)
    done = write_cleaned_set(opened, store)
    assert (done.kept, done.removed, done.relabelled) == (2, 0, 1)
    table = Manifest.read(done.folder).table.set_index("image")
    assert table.at[image(0), "label"] == "sad"
    assert image(4) in table.index  # undone
    store.add("ann", image(1), "remove")
    store.add("ann", image(0), "relabel", "fear")
    again = write_cleaned_set(opened, store)
    assert (again.removed, again.relabelled) == (1, 1)
    rounds = pd.read_csv(opened.folder / "decisions.csv", keep_default_na=False)
    assert dict(zip(rounds["image"], rounds["round"], strict=True)) == {image(2): 1, image(0): 2, image(1): 2}
    changes = pd.read_csv(again.folder / "changes.csv", keep_default_na=False)
    assert changes[["image", "from", "to"]].to_numpy().tolist() == [
        [image(1), opened.manifest.table["label"].iat[1], ""],
        [image(0), opened.manifest.table["label"].iat[0], "fear"],
    ]
    assert OpenAudit.open(opened.folder).audited.judgement.decided.sum() == 2  # a later audit trusts them


def test_nothing_decided_and_everything_undone_give_the_same_faces(opened: OpenAudit, store: Store) -> None:
    assert write_cleaned_set(opened, store).removed == 0
    store.add("ann", image(1), "remove")
    assert write_cleaned_set(opened, store).removed == 1
    store.undo("ann")
    done = write_cleaned_set(opened, store)
    assert Manifest.read(done.folder).table["label"].tolist() == opened.manifest.table["label"].tolist()
    assert not (opened.folder / "decisions.csv").exists()


def test_edited_decisions_are_kept_when_no_decision_is_left(opened: OpenAudit, store: Store) -> None:
    store.add("ann", image(1), "remove")
    write_cleaned_set(opened, store)
    file = opened.folder / "decisions.csv"
    file.write_text(file.read_text().replace("ann", "Anne"))
    edited = file.read_bytes()
    store.undo("ann")
    write_cleaned_set(opened, store)
    assert not file.exists()
    assert (opened.folder / "decisions.edited-1.csv").read_bytes() == edited


def test_an_edited_cleaned_set_and_a_busy_folder_are_left_alone(opened: OpenAudit, store: Store) -> None:
    store.add("ann", image(1), "remove")
    with locked(opened.folder), pytest.raises(InputError, match="another call"):
        write_cleaned_set(opened, store)
    manifest = write_cleaned_set(opened, store).folder / "manifest.csv"
    manifest.write_text(manifest.read_text() + "\n")
    before = manifest.read_bytes()
    with pytest.raises(InputError, match="was edited"):
        write_cleaned_set(opened, store)
    assert manifest.read_bytes() == before


def test_rounds_of_the_command_line_are_taken_over_once(opened: OpenAudit, store: Store, tmp_path: Path) -> None:
    assert take_over_rounds(store, opened) == 0
    file = tmp_path / "mine.csv"
    file.write_text(f"image,decision,by\n{image(1)},remove,Ada\n{image(2)},keep,Ada\n")
    audit(opened.manifest.root, opened.folder, decisions=file)
    store.add("bob", image(2), "keep")
    assert take_over_rounds(store, opened) == 1
    assert store.current()["reviewer"].tolist() == ["bob", "Ada"]
    store.undo("Ada")
    assert take_over_rounds(store, opened) == 0  # an undone one does not come back
    store.add("bob", image(5), "remove")
    write_cleaned_set(opened, store)
    assert take_over_rounds(store, opened) == 0
    assert store.merged()["image"].tolist() == [image(2), image(5)]
