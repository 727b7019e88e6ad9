"""Decisions are on the disk when `add` returns, whatever happens afterwards, and events are never changed."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.review import schema
from bimodal.review.store import FILE, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path)


def counted(store: Store) -> dict[str, tuple[str, str]]:
    return {row.image: (row.decision, row.label) for row in store.merged().itertuples()}


def test_a_decision_is_read_by_another_connection(store: Store, tmp_path: Path) -> None:
    added = store.add(" ann ", "a, b.png", "relabel", "Happiness", "smiles")
    assert (added.reviewer, added.label, added.time[-6:]) == ("ann", "happy", "+00:00")
    assert Store.open(tmp_path).history("a, b.png") == [added]


def test_the_last_decision_of_each_reviewer_counts(store: Store) -> None:
    store.add("ann", "a", "keep")
    store.add("bob", "a", "remove")
    store.add("ann", "a", "relabel", "sad")
    assert store.current()[["reviewer", "decision"]].to_numpy().tolist() == [["bob", "remove"], ["ann", "relabel"]]
    assert counted(store) == {"a": ("relabel", "sad")}
    assert store.disagreements()["reviewer"].tolist() == ["bob", "ann"]
    store.add("bob", "a", "relabel", "sad")
    assert store.disagreements().empty
    assert store.merged()["agreed"].tolist() == [True]


def test_unsure_counts_only_where_nobody_is_sure(store: Store) -> None:
    store.add("ann", "a", "remove")
    store.add("bob", "a", "unsure")
    store.add("bob", "b", "unsure")
    assert counted(store) == {"a": ("remove", ""), "b": ("unsure", "")}
    assert store.disagreements().empty
    store.add("ann", "a", "unsure")  # ann has changed her mind
    assert counted(store) == {"a": ("unsure", ""), "b": ("unsure", "")}


def test_undo_brings_earlier_decisions_back_one_batch_a_call(store: Store) -> None:
    store.add("ann", "a", "keep")
    store.add_many("ann", ["a", "b", "c"], "remove")
    store.add("bob", "b", "keep")
    assert [each.image for each in store.undo("ann")] == ["a", "b", "c"]
    assert counted(store) == {"a": ("keep", ""), "b": ("keep", "")}
    assert [each.decision for each in store.undo("ann")] == ["keep"]
    assert store.undo("ann") == []
    assert counted(store) == {"b": ("keep", "")}
    assert [event.decision for event in store.history("a")] == ["keep", "remove", "undo", "undo"]
    assert store.count == 9


def test_a_wrong_decision_among_several_stores_none(store: Store) -> None:
    with pytest.raises(InputError, match="expected a new label"):
        store.add_all("ann", [("a", "keep", "", ""), ("b", "relabel", "cheerful", "")])
    assert store.count == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("", "a", "keep"), "name of the reviewer"),
        (("x" * 81, "a", "keep"), "name of the reviewer"),
        (("a\nb", "a", "keep"), "name of the reviewer"),
        (("ann", "", "keep"), "name of a picture"),
        (("ann", "\udcff.png", "keep"), "name of a picture"),
        (("ann", "a", "delete"), "keep, relabel, remove, unsure"),
        (("ann", "a", "undo"), "keep, relabel, remove, unsure"),
        (("ann", "a", "keep", "", "y" * 1001), "the reason"),
    ],
)
def test_values_that_are_refused(store: Store, values: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        store.add(*values)
    assert store.count == 0


def test_events_cannot_be_changed_or_deleted(store: Store, tmp_path: Path) -> None:
    store.add("ann", "a", "keep")
    with sqlite3.connect(tmp_path / FILE) as connection:
        for statement in ("DELETE FROM event", "UPDATE event SET reviewer = 'eve'"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                connection.execute(statement)


def test_the_log_is_written_ahead_and_synchronised(store: Store) -> None:
    state = {
        name: store._writer._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    assert state == {"journal_mode": "wal", "synchronous": 2}


WRITER = """
    import sys
    from bimodal.review.store import Store
    store = Store.open(sys.argv[1])
    for number in range(100_000):
        print(store.add(sys.argv[2], f"{number}.png", "keep").id, flush=True)
"""


def writer(folder: Path, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


def test_killing_two_writers_loses_nothing_that_was_returned(tmp_path: Path) -> None:
    processes = {name: writer(tmp_path, name) for name in ("ann", "bob")}
    returned: dict[int, str] = {}
    for _ in range(30):
        for name, process in processes.items():
            assert process.stdout is not None
            returned[int(process.stdout.readline())] = name
    for name, process in processes.items():
        process.send_signal(signal.SIGKILL)
        assert process.stdout is not None
        returned |= {int(line): name for line in process.stdout if line.endswith("\n")}
        process.wait()
    with Store.open(tmp_path) as store:
        stored = dict(store.current()[["id", "reviewer"]].itertuples(index=False))
        assert returned.items() <= stored.items()
        assert store.count == len(stored)  # no number was used twice or left out
        assert store.count - len(returned) <= 2  # at most one decision of each was on its way


def test_threads_share_a_store(store: Store) -> None:
    def decide(name: str) -> None:
        for number in range(20):
            store.add(name, f"{number}.png", "keep")
            store.merged()

    threads = [threading.Thread(target=decide, args=(f"reviewer {number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count == 100
    assert len(store.current()) == 100


def test_notes_are_replaced(store: Store, tmp_path: Path) -> None:
    assert store.note("name") == ""
    store.set_note("name", "one")
    store.set_note("name", "two")
    assert Store.open(tmp_path).note("name") == "two"


def test_a_damaged_file_and_one_of_another_program_are_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database " * 1000)
    with pytest.raises(InputError, match=r"review\.sqlite is damaged") as caught:
        Store.open(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / FILE).unlink()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(InputError, match="not a file of bimodal's review"):
        Store.open(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_damaged_page_is_found_on_opening(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add_many("ann", [f"{number}.png" for number in range(2000)], "keep")
    content = bytearray((tmp_path / FILE).read_bytes())
    content[5 * 4096 : 6 * 4096] = b"\xff" * 4096
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError, match=r"review\.sqlite is damaged"):
        Store.open(tmp_path)


def test_an_earlier_version_is_brought_up_and_a_later_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(tmp_path) as store:
        store.add("ann", "a", "keep")
    later = (*schema.MIGRATIONS, ("ALTER TABLE note ADD COLUMN time TEXT NOT NULL DEFAULT ''",))
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", later)
        with Store.open(tmp_path) as store:
            assert store.count == 1
    with pytest.raises(InputError, match="later version of bimodal"):
        Store.open(tmp_path)


def test_a_failed_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path).close()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE new (x)", "CREATE TABLE note (x)")))
        with pytest.raises(OSError, match="already exists"):
            Store.open(tmp_path)
    assert Store.open(tmp_path).count == 0


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="unable to open"):
        Store.open(tmp_path / "missing")
