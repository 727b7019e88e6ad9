"""Writes that wait together share a transaction; each is written or fails alone, and none returns before it is on the disk."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.review.group_commit import GroupCommit
from bimodal.review.store import FILE, Store


class Slow:
    """A connection that counts its commits; the first waits until it is told to go on."""

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.connection.execute("CREATE TABLE line (value INTEGER NOT NULL)")
        self.commits, self.go_on, self.waits = 0, threading.Event(), threading.Event()

    def execute(self, statement: str, values: tuple[int, ...] = ()) -> sqlite3.Cursor:
        if statement == "COMMIT":
            self.commits += 1
            self.waits.set()
            assert self.go_on.wait(30)
        return self.connection.execute(statement, values)

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path / "lines.sqlite")


def insert(value: int | None) -> Callable[[sqlite3.Connection], int | None]:
    def work(connection: sqlite3.Connection) -> int | None:
        connection.execute("INSERT INTO line VALUES (?)", (-1,))
        connection.execute("INSERT INTO line VALUES (?)", (value,))
        return value

    return work


def together(slow: Slow, group: GroupCommit, values: list[int | None]) -> list[object]:
    """Write a line, and the others while it is on its way to the disk; return what each write has returned or raised."""
    results: list[object] = [None] * (len(values) + 1)

    def write(place: int, value: int | None) -> None:
        try:
            results[place] = group.write(insert(value))
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=write, args=(place, each)) for place, each in enumerate([0, *values])]
    threads[0].start()
    assert slow.waits.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(group._waiting) < len(values):
        time.sleep(0.001)
    assert results == [None] * len(results), "a write has returned before it was on the disk"
    slow.go_on.set()
    for thread in threads:
        thread.join()
    return results


def test_those_that_wait_share_one_commit(slow: Slow, tmp_path: Path) -> None:
    group = GroupCommit(slow, tmp_path / "lines.sqlite")  # type: ignore[arg-type]
    assert together(slow, group, list(range(1, 9))) == list(range(9))
    assert slow.commits == 2
    stored = [value for (value,) in slow.connection.execute("SELECT value FROM line WHERE value >= 0")]
    assert sorted(stored) == list(range(9))


def test_a_write_that_fails_leaves_nothing_and_spares_the_others(slow: Slow, tmp_path: Path) -> None:
    group = GroupCommit(slow, tmp_path / "lines.sqlite")  # type: ignore[arg-type]
    first, second, failed, third = together(slow, group, [1, None, 2])
    assert (first, second, third) == (0, 1, 2)
    assert isinstance(failed, InputError)  # NULL is not allowed
    stored = [value for (value,) in slow.connection.execute("SELECT value FROM line ORDER BY value")]
    assert stored == [-1, -1, -1, 0, 1, 2]


def test_a_full_disk_is_told_to_all_that_share_the_transaction(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add("ann", "a", "keep")
        connection = store._writer._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OSError, match="full"):
            store.add_many("ann", [f"{number}.png" for number in range(3000)], "keep")
        assert store.count == 1
        connection.execute("PRAGMA max_page_count = 100000")
        store.add("ann", "b", "keep")
        assert store.current()["image"].tolist() == ["a", "b"]


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, sqlite3.connect(tmp_path / FILE) as other:
        store.add("ann", "a", "keep")
        other.execute("BEGIN IMMEDIATE")  # another program writes, and takes its time
        writer = threading.Thread(target=store.add, args=("ann", "b", "keep"))
        writer.start()
        assert (store.count, len(store.current()), len(store.history("a"))) == (1, 1, 1)
        assert writer.is_alive()
        other.execute("ROLLBACK")
        writer.join()
        assert store.count == 2
