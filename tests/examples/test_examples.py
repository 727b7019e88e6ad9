"""The examples run as they stand, and what they remove is mostly wrong."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("name", ["lightning", "plain_torch", "sklearn"])
def test_example_removes_wrong_labels(name: str) -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / f"with_{name}.py"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    removed, right = (
        int(number) for number in re.findall(r"removed (\d+) .* (\d+) of them were truly wrong", result.stdout)[0]
    )
    assert removed >= 20
    assert right / removed > 0.8, result.stdout
