"""Two calls never write one folder at once, and a lock ends with its process."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.label_audit.audit import audit
from bimodal.locks import locked
from bimodal.training.train import train
from tests.conftest import Outcome, fails_with_one_line, write_data

HOLD = "import sys, time, pathlib\nfrom bimodal.locks import locked\n"
HOLD += "with locked(pathlib.Path(sys.argv[1])): print('locked', flush=True); time.sleep(600)"


def test_a_lock_names_its_process_and_ends_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        says = rf"another call of bimodal works in .*run \(process {process.pid} on .+, since 20.+\); wait"
        with pytest.raises(InputError, match=says), locked(folder):
            pass
        process.kill()
        process.wait()
    with locked(folder), pytest.raises(InputError, match=rf"process {os.getpid()} on"), locked(folder):
        pass
    with locked(folder):
        folder.mkdir()
        folder.rename(tmp_path / "moved")  # a locked folder can be replaced
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]


def test_many_calls_at_once_are_one_after_the_other_or_refused(tmp_path: Path) -> None:
    inside, most, refused = 0, 0, 0
    guard = threading.Lock()

    def call() -> None:
        nonlocal inside, most, refused
        for _ in range(50):
            try:
                with locked(tmp_path / "run"):
                    with guard:
                        inside += 1
                        most = max(most, inside)
                    with guard:
                        inside -= 1
            except InputError:
                refused += 1

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert refused < 200


def test_a_second_training_or_resume_is_refused_at_once(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    data = write_data(tmp_path / "data", {"train": 14, "val": 7})
    with locked(tmp_path / "run"):
        for more in ([data], [data, "--overwrite"], [data, "--folds", 2]):
            fails_with_one_line(cli("train", *more, "--out", tmp_path / "run"), "another call of bimodal works in")
    assert not (tmp_path / "run").exists()
    with locked(tmp_path / "run"), pytest.raises(InputError, match="another call of bimodal works in"):
        train(None, tmp_path / "run", resume=True)


def test_an_audit_that_is_at_work_is_not_deleted(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data", {"train": 42}), tmp_path / "audit"
    audit(data, out)
    before = sorted(path.name for path in out.iterdir())
    with locked(out), pytest.raises(InputError, match="another call"):
        audit(data, out, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == before
