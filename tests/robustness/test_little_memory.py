"""A process that may take hardly any more memory: one line, where threads and OpenBLAS waited for ever."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.features.probe import SMALL, Probe
from bimodal.memory_check import LEAST
from bimodal.vision.pictures import map_in_threads
from tests.robustness.commands import wrong_end
from tests.robustness.forked import Forked, import_libraries
from tests.robustness.limits import more_memory

_TOO_LITTLE = f"this process may not take {LEAST >> 20} MiB more"
_MOST_SECONDS = 60.0


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import_libraries(heavy=False)
    folder = tmp_path_factory.mktemp("faces")
    random = np.random.default_rng(0)
    for number in range(40):
        file = folder / "faces" / ("happy", "sad")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(file)
    return folder


@pytest.mark.parametrize("size", [0, 2**20, LEAST - 2**20])
def test_a_command_says_so_before_it_starts_threads(faces: Path, size: int) -> None:
    process = Forked(faces, "prepare", "faces", "data", before=more_memory(size))
    ended = process.wait(_MOST_SECONDS)
    process.close()
    assert ended, "no end"
    assert process.returncode == 2
    assert not wrong_end(process)
    assert "too little memory" in process.stderr
    assert not (faces / "data").exists()


def test_a_command_with_more_memory_works(faces: Path) -> None:
    process = Forked(faces, "prepare", "faces", "data", before=more_memory(2 * LEAST))
    ended = process.wait(_MOST_SECONDS)
    process.close()
    assert ended, "no end"
    assert process.returncode == 0, process.stderr
    assert (faces / "data/manifest.csv").is_file()


def fit_a_probe() -> None:
    features = np.random.default_rng(0).normal(size=(SMALL + 1, 64)).astype(np.float32)  # enough for several threads
    Probe.fit(features, np.arange(len(features)) % 7, classes=7, inverse_penalty=0.01)


def use_threads() -> None:
    map_in_threads(abs, range(1000), "counting")


@pytest.mark.parametrize("run", [fit_a_probe, use_threads])
def test_work_says_so_before_it_starts(tmp_path: Path, run: Callable[[], None]) -> None:
    process = Forked(tmp_path, before=more_memory(200 * 2**20), run=run)
    ended = process.wait(_MOST_SECONDS)
    process.close()
    assert ended, "no end"
    assert _TOO_LITTLE in process.stderr
