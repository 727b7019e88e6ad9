"""Names that are no UTF-8, and cache folders that cannot be written."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_group

from bimodal.cli.lazy import LazyCommand
from bimodal.cli.main import app
from bimodal.cli.names import Command
from bimodal.errors import InputError
from bimodal.files import user_cache_folder
from bimodal.vision import faces
from tests.conftest import Outcome, fails_with_one_line
from tests.forked import bimodal

BAD = os.fsdecode(b"caf\xe9")
COMMANDS = [
    ("prepare", "faces", BAD),
    ("prepare", "faces", f"{BAD}/data"),
    ("audit", BAD, "--out", "audit"),
    ("audit", "data", "--out", BAD),
    ("demo", "--out", BAD),
    ("train", BAD, "--out", "run"),
    ("train", "data", "--out", BAD),
    ("evaluate", BAD),
    ("compare", BAD, "run"),
    ("report", BAD),
    ("predict", "a.png", "--out", f"{BAD}.csv"),
    ("predict", "a.png", "--draw", BAD),
    ("embed", "data", "--out", f"{BAD}.npz"),
    ("export", BAD),
    ("publish", BAD, "--out", "out"),
    ("reproduce", "data", "--out", BAD),
    ("pretrain", "data", "--out", BAD),
    ("draw", BAD),
    ("study", "label-noise", "--out", BAD),
]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_names_of_folders_that_are_no_utf8_are_refused_before_the_work(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    fails_with_one_line(cli(*arguments), "UTF-8", "caf\\udce9", "rename")
    assert list(tmp_path.iterdir()) == []


def test_every_command_checks_names() -> None:
    for lazy in get_group(app).commands.values():
        assert isinstance(lazy, LazyCommand)
        command = lazy.load()
        assert all(isinstance(one, Command) for one in getattr(command, "commands", {"": command}).values())


def test_pictures_with_such_names_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(20):
        folder = tmp_path / BAD / ("happy", "sad")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (24, 24), np.uint8)).save(folder / f"{number}{BAD}.png")
    prepared = bimodal("prepare", tmp_path / BAD, tmp_path / "data")
    assert prepared.returncode == 0, prepared.stderr
    assert "caf\\udce9" in (tmp_path / "data" / "origins.csv").read_text(encoding="utf-8")
    predicted = bimodal("predict", tmp_path / BAD, "--out", tmp_path / "t.csv", "--no-detect")
    assert predicted.returncode == 0, predicted.stderr
    assert "caf\\udce9" in (tmp_path / "t.csv").read_text(encoding="utf-8")
    shown = bimodal("predict", tmp_path / BAD / "sad" / f"1{BAD}.png", "--no-detect", "--draw", tmp_path / "drawn")
    assert (shown.returncode, "Traceback" in shown.stderr) == (0, False), shown.stderr


def test_a_cache_folder_that_cannot_be_written_is_named_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"bimodal cannot be written \(.*\); set XDG_CACHE_HOME to a folder"):
        user_cache_folder()
    with pytest.raises(InputError, match="set XDG_CACHE_HOME"):
        faces.detector_file()


def test_an_empty_variable_means_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache_folder() == tmp_path / ".cache" / "bimodal"


def test_libraries_do_not_see_an_empty_variable(cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cli("--version").returncode == 0
    assert "XDG_CACHE_HOME" not in os.environ
