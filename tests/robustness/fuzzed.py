"""Fuzzed input files: each example damages one file that a command reads, and the command must end well."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.robustness.calls import Ended, call
from tests.robustness.damage import damaged
from tests.robustness.targets import Target, copied, inside


def fuzz(
    workspace: Path, targets: Sequence[Target], examples: int, seed: int, report: Callable[[Target, Ended, Path], None]
) -> None:
    """Call `report` with how each of so many examples ended, and the folder in which it ran."""

    @seeded(seed)
    @settings(
        max_examples=examples, deadline=None, database=None, report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.sampled_from(list(targets)), st.data())
    def run(target: Target, data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory(dir=workspace, prefix="example-") as place:
            folder = copied(workspace, target, Path(place) / "work", lambda file: damaged(data.draw, file))
            with inside(folder):
                ended = call(*target.command)
            report(target, ended, folder)

    run()
    for left in workspace.glob("example-*"):
        shutil.rmtree(left, ignore_errors=True)


def undamaged(workspace: Path, target: Target) -> Ended:
    """Return how the command of a target ends if nothing is damaged."""
    with tempfile.TemporaryDirectory(dir=workspace, prefix="example-") as place:
        folder = copied(workspace, target, Path(place) / "work", lambda file: file.read_bytes())
        with inside(folder):
            return call(*target.command)
