"""Kills and limits of the system, a short and seeded part of `make torture`."""

import shutil
from pathlib import Path

import pytest

from tests.label_audit.conftest import draw_data
from tests.robustness.kills import Kills, source_of
from tests.robustness.limits import run_limited


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    return source_of(folder, lambda data: draw_data(data, {"train": 42, "val": 7, "test": 7}), trained=False)


def test_a_killed_command_loses_nothing_and_can_be_repeated(source: Path, tmp_path: Path) -> None:
    kills = Kills(source, tmp_path, seed=15)
    assert [kills.kill(name, number) for number, name in enumerate(("prepare", "audit"))] == ["", ""]


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("prepare", "files of at most 4,096 bytes"),
        ("audit", "files of at most 65,536 bytes"),
        ("predict", "24 descriptors"),
    ],
)
def test_a_limit_is_one_line(source: Path, tmp_path: Path, name: str, condition: str) -> None:
    folder = Path(shutil.copytree(source, tmp_path / "work"))
    assert run_limited(folder, name, condition) == ""
