"""Damaged input files, a short and seeded part of `make torture`: every command ends with 0, or with 2 and one line."""

from pathlib import Path

from tests.robustness.calls import Ended
from tests.robustness.fuzzed import fuzz
from tests.robustness.targets import Target, build

EXAMPLES = 30


def test_a_damaged_file_is_read_or_is_one_line(tmp_path: Path) -> None:
    problems: list[str] = []
    codes: list[int] = []

    def report(target: Target, ended: Ended, _folder: Path) -> None:
        codes.append(ended.code)
        if ended.problem:
            problems.append(f"{target.file}, bimodal {' '.join(target.command)}: {ended.problem}")

    fuzz(tmp_path, build(tmp_path, trained=False), EXAMPLES, seed=15, report=report)
    assert not problems, "\n\n".join(problems)
    assert len(codes) >= EXAMPLES
    assert {0, 2} == set(codes)
