"""Each example runs, and most of the examples that it removes have wrong labels."""

import re

import pytest

from tests import forked
from tests.conftest import ROOT


@pytest.mark.parametrize("name", ["lightning", "plain_torch", "sklearn"])
def test_example_removes_wrong_labels(name: str) -> None:
    result = forked.python(forked.script(ROOT / "examples" / f"with_{name}.py"))
    assert result.returncode == 0, result.stderr
    removed, wrong = (
        int(number) for number in re.findall(r"removed (\d+) .* (\d+) of them had wrong labels", result.stdout)[0]
    )
    assert removed >= 20
    assert wrong / removed > 0.8, result.stdout
