"""`bimodal report` on the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome, fails_with_one_line
from tests.runs import write_run


def test_several_runs_are_reported_in_the_current_folder(
    tmp_path: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a, b = write_run(tmp_path, "a"), write_run(tmp_path, "b", rule="wang")
    done = cli("report", a, b)
    assert done.returncode == 0, done.stderr
    assert "bimodal-report/report.html" in done.stdout
    assert (tmp_path / "bimodal-report" / "report.html").is_file()


def test_bad_input_is_one_line(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    fails_with_one_line(cli("report", tmp_path / "absent"), "expected a run folder")
    a = write_run(tmp_path, "a")
    (a / "removed.csv").unlink()
    fails_with_one_line(cli("report", a), "removed.csv")
