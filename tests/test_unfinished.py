"""What a killed process leaves is deleted by the next call; what a living one writes, and old content, never."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bimodal import unfinished as module
from bimodal.files import staged_folder, write_atomically, write_text
from bimodal.unfinished import unfinished

WRITER = """
import os, signal, sys
from pathlib import Path
from bimodal.files import staged_folder, write_text
folder = Path(sys.argv[1])
def stop(part):
    part.write_text("half")
    print(part.name, flush=True)
    {then}
with staged_folder(folder / "out", overwrite=True, content=("mark",), marks=("mark",)) as new:
    (new / "mark").write_text("new")
    write_text(folder / "whole.csv", "whole")
    from bimodal.files import write_atomically
    write_atomically(folder / "table.csv", stop)
"""


@pytest.fixture(autouse=True)
def _first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_swept", set())


def _hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".bimodal-"))


def test_parts_of_a_killed_process_are_deleted_by_the_next_call(tmp_path: Path) -> None:
    code = WRITER.format(then="os.kill(os.getpid(), signal.SIGKILL)")
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], stdout=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(_hidden(tmp_path)) == 2  # a folder and a file
    write_text(tmp_path / "other.csv", "x")
    assert _hidden(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv", "whole.csv"]


def test_parts_of_a_living_process_of_another_host_and_files_of_users_stay(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER.format(then="sys.stdin.read()"), tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as living:
        assert living.stdout is not None
        part = living.stdout.readline().strip()
        parts = _hidden(tmp_path)
        host, pid = part.split("-")[1:3]
        assert int(pid) == living.pid
        elsewhere = part.replace(host, "0" * 8).replace(f"-{pid}-", "-999999999-")
        others = [".bimodal-notes", ".bimodal-0123456789ab.csv", ".bimodal-prepare-0123-4567", elsewhere]
        for name in others:
            (tmp_path / name).touch()
        write_text(tmp_path / "other.csv", "x")
        assert _hidden(tmp_path) == sorted([*parts, *others])
        living.communicate("")
    assert living.returncode == 0
    assert _hidden(tmp_path) == sorted(others)
    assert (tmp_path / "out" / "mark").read_text() == "new"


def test_a_new_process_with_the_number_of_the_dead_one_does_not_keep_its_parts(tmp_path: Path) -> None:
    name = unfinished(tmp_path / "a.csv").name
    _, pid, start = name.split("-")[1:4]
    (tmp_path / name.replace(f"-{pid}-{start}-", f"-{pid}-{int(start) + 1}-")).touch()
    module._swept.clear()
    write_text(tmp_path / "b.csv", "x")
    assert _hidden(tmp_path) == []


def test_old_content_comes_back_after_a_kill_between_the_two_renames(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from bimodal.files import staged_folder
out, rename = Path({str(tmp_path)!r}) / "out", os.rename
def write(text):
    with staged_folder(out, overwrite=True, content=("mark",), marks=("mark",)) as folder:
        (folder / "mark").write_text(text)
def renamed(source, target):
    rename(source, target)
    os.kill(os.getpid(), signal.SIGKILL)
write("old")
os.rename = renamed
write("new")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    write_text(tmp_path / "other.csv", "x")  # a call that writes something else deletes neither the old nor the new
    assert len(_hidden(tmp_path)) == 2
    with staged_folder(tmp_path / "out", True, ("mark",), ("mark",)) as folder:
        assert (tmp_path / "out" / "mark").read_text() == "old"
        (folder / "mark").write_text("newer")
    assert (tmp_path / "out" / "mark").read_text() == "newer"


@pytest.mark.parametrize(
    "message", ["4096 requested and 0 written", "PytorchStreamWriter failed writing file: file write failed"]
)
def test_errors_of_libraries_without_a_number_name_the_file(tmp_path: Path, message: str) -> None:
    def fail(_: Path) -> None:
        raise (OSError if "requested" in message else RuntimeError)(message)

    with pytest.raises(OSError, match="error") as caught:
        write_atomically(tmp_path / "a.npy", fail)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(tmp_path / "a.npy"))


def test_a_limit_of_the_file_size_names_the_file(tmp_path: Path) -> None:
    code = f"""
import resource, signal
from pathlib import Path
import numpy as np
from bimodal.files import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_atomically(Path({str(tmp_path / "big.npy")!r}), lambda part: np.save(part, np.zeros(10_000)))
except OSError as error:
    print(error.filename, error.errno)
"""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert shown.stdout.split()[0] == str(tmp_path / "big.npy")
    assert _hidden(tmp_path) == []
