"""Each example runs, and most of the examples that it removes have wrong labels."""

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
        check=False,
    )
    assert result.returncode == 0, result.stderr
    removed, wrong = (
        int(number) for number in re.findall(r"removed (\d+) .* (\d+) of them had wrong labels", result.stdout)[0]
    )
    assert removed >= 20
    assert wrong / removed > 0.8, result.stdout
