"""A process that may take hardly any more memory: one line, where threads and OpenBLAS waited for ever."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.memory import LEAST
from tests import forked
from tests.conftest import fails_with_one_line

TOO_LITTLE = f"this process may not take {LEAST >> 20} MiB more"
LIMIT = "from tests.robustness.limits import more_memory; more_memory({size})(); "
PROBE = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from bimodal.features.probe import Probe
labels = np.arange(700) % 7
"""
PICTURES = "from bimodal.vision.pictures import map_in_threads\n"


def prepared(faces: Path, size: int) -> "subprocess.CompletedProcess[str]":
    """Run `prepare` in a process that may take so many bytes more."""
    return forked.python(LIMIT.format(size=size) + forked.COMMAND, "prepare", "faces", "data", cwd=faces)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    random = np.random.default_rng(0)
    for number in range(40):
        file = folder / "faces" / ("happy", "sad")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(file)
    return folder


@pytest.mark.parametrize("size", [2**24, LEAST - 2**20])
def test_a_command_says_so_before_it_starts(faces: Path, size: int) -> None:
    fails_with_one_line(prepared(faces, size), TOO_LITTLE)
    assert [path.name for path in faces.iterdir()] == ["faces"]


def test_a_command_with_more_memory_works(faces: Path) -> None:
    ended = prepared(faces, 2 * LEAST)
    assert ended.returncode == 0, ended.stderr
    assert (faces / "data/manifest.csv").is_file()


@pytest.mark.parametrize(
    ("load", "work"),
    [
        (PICTURES, "map_in_threads(abs, range(1000), 'counting')"),
        (PROBE, "Probe.fit(np.random.default_rng(0).normal(size=(700, 64)), labels, classes=7, inverse_penalty=0.01)"),
    ],
)
def test_work_says_so_before_it_starts(load: str, work: str) -> None:
    ended = forked.python(load + LIMIT.format(size=200 * 2**20) + work)
    assert ended.returncode == 1
    assert f"MemoryError: {TOO_LITTLE}" in ended.stderr
