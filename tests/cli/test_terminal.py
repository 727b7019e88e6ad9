"""What reaches the terminal: text in any encoding, bounded lines, no warnings of libraries, quiet ends of pipes."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.cli.terminal import one_line
from bimodal.errors import InputError
from bimodal.progress import warn
from tests.conftest import Outcome, bimodal, fails_with_one_line

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def _faces(folder: Path, names: list[str | bytes]) -> Path:
    rng = np.random.default_rng(0)
    for number, name in enumerate(names):
        place = folder / ("happy", "sad")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (24, 24), np.uint8)).save(place / os.fsdecode(name), "PNG")
    return folder


@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, ASCII])
def test_text_that_the_encoding_lacks_is_escaped(tmp_path: Path, settings: dict[str, str]) -> None:
    faces = _faces(tmp_path / "faces", ["smile 😀.png", b"caf\xe9.png", *(f"{i}.png" for i in range(18))])
    (faces / "happy" / "broken 😀.png").write_bytes(b"no picture")
    prepared = bimodal("prepare", faces, tmp_path / "data 中", env=settings)
    assert prepared.returncode == 0, prepared.stderr
    assert "data \\u4e2d" in prepared.stdout or "data \\udce4" in prepared.stdout
    for arguments in (["--help"], ["draw", "--help"], ["predict", tmp_path / "no 中"]):
        result = bimodal(*arguments, env=settings)
        assert result.returncode == (0 if "--help" in arguments else 2)
        assert "Traceback" not in result.stderr
        assert (result.stdout + result.stderr).isascii() or settings == {"PYTHONIOENCODING": "latin-1"}


def test_similar_characters_replace_those_that_the_encoding_lacks() -> None:
    code = "from bimodal.cli.terminal import terminal_output\nwith terminal_output(): print('224 × 224 … \\udcff 中')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert result.stdout == "224 x 224 ... \\udcff \\u4e2d\n"


def test_warnings_of_libraries_do_not_reach_the_user(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import logging

    import bimodal.synthetic.dataset

    def complain(*_: object, **__: object) -> int:
        warnings.warn("Corrupt EXIF data", stacklevel=1)
        logging.getLogger("another.library").warning("more samples per pixel than can be decoded")
        warn("our warning")
        return 0

    monkeypatch.setattr(bimodal.synthetic.dataset, "write_set", complain)
    monkeypatch.setattr(sys, "warnoptions", [])
    result = cli("draw", tmp_path / "out")
    assert (result.returncode, result.stderr) == (0, "our warning\n")


def test_messages_are_one_line_of_bounded_length(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    message = str(InputError("expected a name, got " + "x" * 8_000_000 + "; choose another"))
    assert len(message) < 1_100
    assert message.startswith("expected a name, got xxx")
    assert message.endswith("xxx; choose another")
    assert one_line("a\n\x1b[2Jb") == "a \\x1b[2Jb"
    table = tmp_path / "faces.csv"
    table.write_text("image,label\na.png," + "y" * 100_000 + "\n")
    result = cli("prepare", table, tmp_path / "data")
    fails_with_one_line(result, "yyy")
    assert len(result.stderr) < 1_500
    usage = cli("draw", "--count", "z" * 100_000, tmp_path / "out")
    assert usage.returncode == 2
    assert len(usage.stderr) < 3_000


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["reproduce", "--list"]])
def test_a_reader_that_stops_ends_the_command_quietly(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)  # as after `| head -1`
    result = subprocess.run(
        [sys.executable, "-m", "bimodal", *arguments], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (result.returncode, result.stderr) == (141, "")


def test_an_output_on_a_full_disk_is_one_line() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "bimodal", "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith("No space left on device")
    assert len(result.stderr.splitlines()) == 1
