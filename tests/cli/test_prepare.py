import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.data.inspection_log import log_folder

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in ("happy", "sad"):
        folder = tmp_path / "faces" / label
        folder.mkdir(parents=True)
        for number in range(20):
            Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "faces"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Call `bimodal prepare ...` as the entry point does; return exit code, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        from bimodal.cli.main import run

        monkeypatch.setattr(sys, "argv", ["bimodal", "prepare", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            run()
        code = stop.value.code
        return (code if isinstance(code, int) else 1, *capfd.readouterr())

    return call


def test_prints_the_counts(source: Path, tmp_path: Path, run: Run) -> None:
    (source / "happy" / "text.png").write_text("no picture")
    code, out, _ = run(source, tmp_path / "data", "--seed", 3, "--test-share", 0.2)
    assert code == 0
    assert [line.split()[:4] for line in out.splitlines() if "happy" in line] == [["happy", "13", "3", "4"]]
    assert "1  unreadable (left out)" in out
    assert str(tmp_path / "data") in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none", "OUT"], "no such source"),
        (["SOURCE", "SOURCE/out"], "must not lie in each other"),
        (["SOURCE", "OUT", "--labels", "happy"], "--labels expects"),
        (["SOURCE", "OUT", "--val-share", "2"], "--val-share"),
        (["SOURCE", "OUT", "--sample", "99"], "--sample expects"),
        (["SOURCE", "OUT", "--group", "("], "--group"),
        (["SOURCE", "OUT", "--align", "--detector", "none.onnx"], "no face detector"),
        (["SOURCE", "OUT", "--root", "SOURCE"], "--root is for a list"),
        (["SOURCE", "/proc/none/out"], "No such file"),
    ],
)
def test_bad_input_is_one_line(source: Path, tmp_path: Path, run: Run, arguments: list[str], says: str) -> None:
    out = tmp_path / "data"
    places = {"SOURCE": str(source), "OUT": str(out), "SOURCE/out": str(source / "out")}
    code, printed, errors = run(*(places.get(argument, argument) for argument in arguments))
    assert code == 2
    assert printed == ""
    assert errors.startswith("bimodal: ")
    assert errors.count("\n") == 1
    assert says in errors
    assert not out.exists()


def test_an_existing_folder_is_kept(source: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "data"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    for more in ([], ["--overwrite"]):
        code, _, errors = run(source, out, *more)
        assert code == 2
        assert "--overwrite" in errors
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_reports_the_share_of_val_that_became_test(source: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "splits").mkdir()
    for split in ("train", "val"):
        shutil.copytree(source, tmp_path / "splits" / split)
    for share, says in (
        ([], "half of its validation split became the test split"),
        (["--test-share", 0.25], "0.25 of its validation split became the test split"),
    ):
        code, out, errors = run(tmp_path / "splits", tmp_path / "data", "--overwrite", *share)
        assert code == 0, errors
        assert says in out
    _, out, _ = run(tmp_path / "splits", tmp_path / "data", "--overwrite", "--test-share", 0)
    assert "became the test split" not in out


def test_ctrl_c_leaves_only_what_the_same_command_continues_from(source: Path, tmp_path: Path, run: Run) -> None:
    code = (
        "import os, sys, time, bimodal.data.inspection as p\n"
        "def slow(source): os.write(1, b'started\\n'); time.sleep(1); return read(source)\n"  # one write: threads
        "read, p.decode_reduced = p.decode_reduced, slow\n"
        "sys.argv = ['bimodal', 'prepare', *sys.argv[1:]]\n"
        "from bimodal.cli.main import run; run()\n"
    )
    arguments = [sys.executable, "-c", code, str(source), str(tmp_path / "data")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(2):  # Python does not wait for a thread in whose start the signal comes, which loses its picture
            assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        more, errors = process.communicate()
    assert process.returncode == 130, errors
    assert more.count("started") < 20  # of 40: only those that the threads had begun
    assert "Traceback" not in errors
    assert more.endswith("interrupted; the same command continues\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [log_folder(tmp_path / "data").name, "faces"]
    code, out, errors = run(source, tmp_path / "data")
    assert (code, errors) == (0, "")
    assert "continuing an interrupted prepare" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "faces"]
