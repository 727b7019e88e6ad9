"""The demo at a small size: it ends in a table and a page, goes on when interrupted, and touches nothing else."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import bimodal, fails_with_one_line

SMALL_DEMO = ["demo", "--seeds", "2", "--faces", "100", "--epochs", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interrupt a demo while it trains."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "bimodal", *SMALL_DEMO]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
    ) as process:
        end = time.monotonic() + 120
        while not list(folder.glob("bimodal-demo/*-seed*/config.yaml")) and time.monotonic() < end:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to all of them
    assert process.returncode == 130
    assert not (folder / "bimodal-demo/report.html").exists()
    return folder


def test_demo_goes_on_and_ends_in_a_table_and_a_page(folder: Path) -> None:
    drawn = folder / "bimodal-demo/drawn/truth.csv"
    before = drawn.stat().st_mtime_ns
    result = bimodal(*SMALL_DEMO, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert drawn.stat().st_mtime_ns == before, "it drew anew"
    for words in ("without removal", "accuracy", "faces removed", "of them truly wrong", "bimodal-demo/report.html"):
        assert words in result.stdout
    page = (folder / "bimodal-demo/report.html").read_text(encoding="utf-8")
    assert "wrong training labels were found" in page
    again = bimodal(*SMALL_DEMO, cwd=folder)
    assert again.returncode == 0
    assert "trained" not in again.stdout, "it trained anew"


def test_demo_leaves_other_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "bimodal-demo").mkdir()
    (tmp_path / "bimodal-demo/thesis.tex").write_text("dear")
    fails_with_one_line(bimodal(*SMALL_DEMO, cwd=tmp_path), "bimodal-demo", "no earlier demo")
    assert [file.name for file in (tmp_path / "bimodal-demo").iterdir()] == ["thesis.tex"]
    fails_with_one_line(bimodal("demo", "--seeds", "1", cwd=tmp_path), "--seeds must be from 2 to 20")


def test_demo_says_why_a_training_failed(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bimodal-demo"
    shutil.copytree(folder / "bimodal-demo", copy)
    run = copy / "wang-seed1"
    (run / "predictions_test.csv").unlink()
    (run / "config.yaml").write_text("no: run\n")
    fails_with_one_line(bimodal(*SMALL_DEMO, cwd=tmp_path), "wang-seed1 failed", "not the configuration of a run")
