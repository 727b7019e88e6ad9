"""`bimodal report` on the command line."""

from pathlib import Path

from tests.conftest import bimodal, fails_with_one_line
from tests.runs import write_run


def test_several_runs_are_reported_in_the_current_folder(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a"), write_run(tmp_path, "b", rule="wang")
    done = bimodal("report", a, b, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "bimodal-report/report.html" in done.stdout
    assert (tmp_path / "bimodal-report" / "report.html").is_file()


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    fails_with_one_line(bimodal("report", tmp_path / "absent"), "expected a run folder")
    a = write_run(tmp_path, "a")
    (a / "removed.csv").unlink()
    fails_with_one_line(bimodal("report", a), "removed.csv")
