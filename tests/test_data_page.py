"""Each row of docs/data.md: its command reads a small source in that layout, and every face has the right emotion."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests import data_page_formats  # noqa: F401  registers its sources
from tests.conftest import ROOT, SHARED, Outcome
from tests.data_page_sources import ABSENT, COUNTS, MAKERS

ROWS = dict(
    re.findall(
        r"^\| \*\*(.+?)\*\*.*?\| `(bimodal prepare .*?)` \|",
        (ROOT / "docs/data.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)


def test_each_row_of_the_page_has_a_source() -> None:
    assert set(ROWS) == {*MAKERS, "a folder in a bucket"}  # a bucket needs a server: tests/cluster reads one


@pytest.mark.parametrize("name", MAKERS)
def test_command(name: str, tmp_path: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    MAKERS[name]()
    command = shlex.split(ROWS[name])[1:]
    if "--align" in command:
        detector = SHARED / "models/face_detection_yunet_2023mar.onnx"
        if not detector.is_file():
            pytest.skip("needs the face detector")
        command += ["--detector", str(detector)]
    result = cli(*command)
    assert result.returncode == 0, result.stderr
    counts = pd.read_csv("DATA/counts.csv", index_col=0).sum(axis=1).to_dict()
    assert counts == COUNTS | dict.fromkeys(ABSENT.get(name, []), 0)
