"""The demo at a small size: it ends with a table and a page, continues when interrupted, and keeps other files."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread, main_thread
from types import SimpleNamespace

import pandas as pd
import pytest

from bimodal import demo
from bimodal.data.manifest import Manifest
from bimodal.demo import _train_all, run_demo
from bimodal.errors import InputError
from bimodal.report.gallery import Truth
from bimodal.report.tables import found_table
from bimodal.runs.run import Run
from tests import forked
from tests.conftest import Outcome, fails_with_one_line

SMALL_DEMO = ["demo", "--seeds", "2", "--faces", "200", "--epochs", "2"]


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
        os.killpg(process.pid, signal.SIGINT)  # like Ctrl-C: to all processes
    assert process.returncode == 130
    assert not (folder / "bimodal-demo/report.html").exists()
    return folder


class Training:
    """A training of the demo in a process of `forked`, with what the demo uses of `Popen`."""

    def __init__(self, command: list[str], **_: object) -> None:
        assert tuple(command[:3]) == demo._BIMODAL
        self.process, self.returncode = forked.Process(forked.COMMAND, *command[3:]), -1

    def communicate(self) -> tuple[str, str]:
        result = self.process.wait()
        self.returncode = result.returncode
        return result.stdout, result.stderr

    def send_signal(self, number: int) -> None:
        if self.process.process.is_alive():
            os.kill(self.process.process.pid or 0, number)


@pytest.fixture
def forked_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each training seconds of imports; the interrupted demo starts them as a user's does."""
    attributes = {name: getattr(subprocess, name) for name in ("DEVNULL", "PIPE")}
    monkeypatch.setattr(demo, "subprocess", SimpleNamespace(Popen=Training, **attributes))


@pytest.mark.slow
@pytest.mark.usefixtures("forked_trainings")
def test_an_interrupted_demo_continues_and_ends_with_a_table_and_a_page(
    folder: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    drawn = folder / "bimodal-demo/drawn/truth.csv"
    before = drawn.stat().st_mtime_ns
    result = cli(*SMALL_DEMO)
    assert result.returncode == 0, result.stderr
    assert drawn.stat().st_mtime_ns == before, "the faces were drawn again"
    assert "Two seeds give no useful interval" in " ".join(result.stdout.split())
    for words in (
        "no cleaning",
        "cleaning by the audit",
        "removal in training",
        "accuracy",
        "bimodal-demo/report.html",
    ):
        assert words in result.stdout
    page = (folder / "bimodal-demo/report.html").read_text(encoding="utf-8")
    assert "training labels are wrong on purpose" in page
    assert 'href="audit/suspects.html"' in page
    again = cli(*SMALL_DEMO)
    assert again.returncode == 0
    assert "trained" not in again.stdout + again.stderr, "networks were trained again"


@pytest.mark.slow
@pytest.mark.usefixtures("forked_trainings")
def test_the_counts_are_those_of_the_suspects_and_the_true_labels(folder: Path) -> None:
    """Continues the demo where the test above has not completed it."""
    out = folder / "bimodal-demo"
    done = run_demo(out, 2, faces=200, epochs=2)
    truth = pd.read_csv(out / "drawn/truth.csv")
    truth = truth[truth["image"].str.startswith("train/")]
    wrong = {f"images/{image}" for image in truth["image"][truth["label"] != truth["true_label"]]}
    table = pd.read_csv(out / "audit/suspects.csv", keep_default_na=False)
    suspects, removable = (set(table["image"][table["flags"].str.contains(flag)]) for flag in ("suspect", "removable"))
    assert len(suspects) > 5
    assert done.found["audit"] == Truth(len(wrong), (len(wrong),), (len(suspects),), (len(suspects & wrong),))
    (row, _) = found_table(done.found, done.faces).groups[0].rows
    assert row[3].startswith(f"{100 * len(suspects & wrong) / len(suspects):.1f} % (")
    assert row[4].startswith(f"{100 * len(suspects & wrong) / len(wrong):.1f} % (")
    before, after = (set(Manifest.read(out / name).table["image"]) for name in ("data", "cleaned"))
    assert before - after == removable
    trained = {len(Run.open(out / f"{key}-seed0").manifest) for key in ("none", "cleaned")}
    assert trained == {len(before), len(after)}


def test_demo_keeps_other_folders(tmp_path: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bimodal-demo").mkdir()
    (tmp_path / "bimodal-demo/thesis.tex").write_text("mine")
    fails_with_one_line(cli(*SMALL_DEMO), "bimodal-demo", "has no demo")
    assert [file.name for file in (tmp_path / "bimodal-demo").iterdir()] == ["thesis.tex"]
    fails_with_one_line(cli("demo", "--seeds", "1"), "--seeds must be a whole number from 2 to 20")


def test_more_seeds_continue_a_demo_and_other_settings_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    class StopError(Exception):
        """Ends the demo before it trains."""

    def train(runs: list[Path], *_: object) -> None:
        asked.append([run.name for run in runs])
        raise StopError

    monkeypatch.setattr("bimodal.demo._train_all", train)
    for seeds in (2, 3):
        with pytest.raises(StopError):
            run_demo(tmp_path / "a/b", seeds, faces=100, epochs=2)
    assert [len(names) for names in asked] == [6, 9]
    assert set(asked[0]) < set(asked[1])
    for faces, epochs in ((101, 2), (100, 3)):
        with pytest.raises(InputError, match="has a demo with other settings"):
            run_demo(tmp_path / "a/b", 2, faces, epochs)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="must be a folder"):
        run_demo(tmp_path / "file", 2, faces=100, epochs=2)


@pytest.mark.parametrize("how", ["failure", "Ctrl-C"])
def test_the_other_trainings_end_when_one_fails_or_at_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Each training is replaced by a process that makes its folder, and then fails or sleeps a minute."""
    code = (
        "import sys, time; from pathlib import Path; out = Path(sys.argv[4]); out.mkdir()\n"
        "if out.name == 'none-seed0' and out.with_name('fail').exists():\n"
        "    while not out.with_name('wang-seed0').exists(): time.sleep(0.02)\n"
        "    sys.exit('bimodal: no luck')\n"
        "time.sleep(60)\n"
        "(out / 'ended').touch()\n"
    )
    (tmp_path / "fake.py").write_text(code)
    monkeypatch.setattr("bimodal.demo._BIMODAL", (sys.executable, str(tmp_path / "fake.py"), "x"))
    monkeypatch.setattr("bimodal.demo.os.sched_getaffinity", lambda _: {0, 1})
    runs = [tmp_path / f"{rule}-seed{seed}" for seed in range(3) for rule in ("none", "wang")]
    if how == "failure":
        (tmp_path / "fail").touch()
        with pytest.raises(InputError, match="none-seed0 failed: no luck"):
            _train_all(runs, 2)
    else:

        def interrupt() -> None:
            while not (runs[0].exists() and runs[1].exists()):
                time.sleep(0.02)
            signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)

        Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            _train_all(runs, 2)
    assert not list(tmp_path.glob("*/ended")), "a training was not stopped"
    assert sum(run.exists() for run in runs) <= 3, "further trainings were started"


@pytest.mark.slow
@pytest.mark.usefixtures("forked_trainings")
def test_demo_says_why_a_training_failed(
    folder: Path, tmp_path: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "bimodal-demo"
    shutil.copytree(folder / "bimodal-demo", copy)
    run = copy / "wang-seed1"
    run.mkdir(exist_ok=True)  # the interrupted demo may not have made it
    (run / "predictions_test.csv").unlink(missing_ok=True)
    (run / "config.yaml").write_text("no: run\n")
    fails_with_one_line(cli(*SMALL_DEMO), "wang-seed1 failed", "not the configuration of a run")
