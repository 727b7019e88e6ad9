"""Kills, signals and limits, a short and seeded part of `make torture`: each command and each kind of limit once or twice."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests import forked
from tests.conftest import ROOT
from tests.robustness.file_operations import operation
from tests.robustness.records import Records

TORTURE = "import sys; from tests.robustness.torture import main; sys.exit(main())"


def test_nothing_is_lost_and_a_run_is_continued(tmp_path: Path) -> None:
    short = ("--commands", "prepare,audit,review", "--kills", "4", "--signals", "1", "--limits", "1", "--fuzzed", "0")
    for part in ("", "SIG"):  # the second run finds its cases done
        ended = forked.python(TORTURE, *short, "--part", part, "--work", tmp_path, "--seed", "15", cwd=ROOT)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        cases = [json.loads(line) for line in (tmp_path / "cases.jsonl").read_text().splitlines()]
        parts = Counter(case["part"] for case in cases)
        assert parts["SIGKILL at a random moment or file operation"] == 4
        assert len(parts) >= 7
        assert set(parts.values()) == {4, 1}


def test_problems_are_counted_by_kind(tmp_path: Path) -> None:
    records = Records(tmp_path / "cases.jsonl", "abc", say=lambda _line: None)
    outcomes = {
        "1": "a file of the user's was lost or changed",
        "2": "Traceback (most",
        "3": "no end after 9 seconds",
        "4": "?",
        "5": "",
    }
    records.try_all("part", [(name, lambda problem=problem: problem) for name, problem in outcomes.items()])

    def broken() -> str:
        raise AssertionError("Traceback")

    records.try_all("part", [("1", broken), ("6", broken)])  # the first is done
    assert "| part | `abc` | 6 | 1 | 2 | 1 | 1 |" in records.table()
    assert Records(tmp_path / "cases.jsonl", "abc").table() == records.table()


@pytest.mark.parametrize(
    ("event", "arguments", "kind"),
    [
        ("open", ("data/images/train-0003.png", "w", os.O_WRONLY | os.O_CREAT), "open data/images/#-#.png"),
        ("open", ("/home/data/a.csv", "r", os.O_RDONLY), ""),
        ("open", ("/elsewhere/a.csv", "w", os.O_WRONLY), ""),
        ("os.rename", (".bimodal-1a-2-3-4b", "/home/out", -1, -1), "os.rename out"),
        ("os.remove", (b".bimodal-1a-2-3-4b.csv", -1), "os.remove .bimodal-#.csv"),
        ("os.listdir", (".",), ""),
    ],
)
def test_operations_that_change_files_are_known(event: str, arguments: tuple[object, ...], kind: str) -> None:
    assert operation(event, arguments, "/home") == kind
