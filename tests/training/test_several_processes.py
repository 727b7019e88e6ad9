"""Several processes train as one does: the same batches, losses and removals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bimodal.runs.run import Run
from tests.conftest import ROOT, SMALL

REMOVALS = ["--removal-epoch", "2", "--removal-every", "1", "--removal-min-per-class", "1"]
PLAIN = [*SMALL, "--epochs", "4", *REMOVALS, "--batch-size", "17"]
"""70 faces in batches of 17, so that the shares are uneven and the last batch has two faces, then fewer by two removals."""
EVERYTHING = [*PLAIN, "--augment", "fast", "--mixup", "0.3", "--balance", "loss", "--label-smoothing", "0.1"]


def train(data: Path, out: Path, processes: int, recipe: list[str]) -> Run:
    command = [sys.executable, Path(__file__).with_name("in_64_bits.py"), "train", data, "--out", out, *recipe]
    result = subprocess.run(
        [*map(str, command), "--devices", str(processes), "--accelerator", "cpu"],
        capture_output=True,
        text=True,
        timeout=300,  # a deadlock fails instead of blocking the tests
        check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    return Run.open(out)


def agree(one: Run, other: Run) -> None:
    assert (
        one.removed[["row", "epoch", "rank"]].to_numpy().tolist()
        == other.removed[["row", "epoch", "rank"]].to_numpy().tolist()
    )
    for name in ("metrics", "steps", "removal_steps"):
        for column, values in getattr(one, name).items():
            found = getattr(other, name)[column]
            if values.dtype == float:
                np.testing.assert_allclose(found, values, rtol=1e-6, err_msg=f"{name}: {column}")
            else:
                assert found.tolist() == values.tolist(), (name, column)
    for name, values in one.losses.items():
        np.testing.assert_allclose(other.losses[name], values, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_two_processes_have_the_losses_and_removals_of_one(tiny_data: Path, tmp_path: Path) -> None:
    one, two = (train(tiny_data, tmp_path / str(count), count, PLAIN) for count in (1, 2))
    assert len(set(one.removed["epoch"])) >= 2, "the data set shrinks, and then again"
    agree(one, two)


@pytest.mark.slow
def test_three_processes_share_dropout_mixup_and_class_weights(tiny_data: Path, tmp_path: Path) -> None:
    config = tmp_path / "options.yaml"
    config.write_text(json.dumps({"backbone_options": {"drop_path_rate": 0.2}}))
    one, three = (train(tiny_data, tmp_path / str(n), n, [*EVERYTHING, "--config", str(config)]) for n in (1, 3))
    assert len(one.removed) > 0
    agree(one, three)
