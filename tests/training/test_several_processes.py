"""Several processes train as one does: the same batches, losses and removals."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bimodal.runs.run import Run
from tests import forked
from tests.conftest import ROOT, SMALL

REMOVALS = ["--removal-epoch", "2", "--removal-every", "1", "--removal-min-per-class", "1"]
PLAIN = [*SMALL, "--epochs", "4", *REMOVALS, "--batch-size", "17"]
"""70 faces in batches of 17, so that the shares are uneven and the last batch has two faces, then fewer by two removals."""
EVERYTHING = [*PLAIN, "--augment", "fast", "--mixup", "0.3", "--balance", "loss", "--label-smoothing", "0.1"]


ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
SCRIPT = Path(__file__).with_name("in_64_bits.py")


def call(processes: int, *arguments: object) -> None:
    """Train on processes of `forked`, as if a launcher had started them."""
    options = ["train", *arguments, "--devices", processes, "--accelerator", "cpu"]
    code = forked.script(SCRIPT)
    results = forked.launched(processes, code, *options) if processes > 1 else [forked.python(code, *options)]
    assert [result.returncode for result in results] == [0] * processes, [result.stderr for result in results]


def train(data: Path, out: Path, processes: int, recipe: list[str]) -> Run:
    call(processes, data, "--out", out, *recipe)
    return Run.open(out)


@pytest.fixture(scope="module")
def on_one(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(tiny_data, tmp_path_factory.mktemp("one") / "run", 1, PLAIN)


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


def sees_each_example_once_an_epoch(run: Run, batch_size: int = 17) -> None:
    """Check by the ledger and the steps that no example is repeated or missing, before and after each removal."""
    epochs = len(run.metrics)
    removed = run.removed.set_index("row")["epoch"]
    expected = [removed.get(row, epochs) for row in run.losses["rows"]]
    assert run.losses["count"].tolist() == expected
    left = [len(run.losses["rows"]) - int((removed < epoch).sum()) for epoch in range(1, epochs + 1)]
    assert run.metrics["examples"].tolist() == left
    assert np.diff(run.metrics["step"], prepend=0).tolist() == [-(-count // batch_size) for count in left]
    assert run.steps["epoch"].value_counts(sort=False).tolist() == [-(-count // batch_size) for count in left]


@pytest.mark.slow
def test_two_processes_have_the_losses_and_removals_of_one(on_one: Run, tiny_data: Path, tmp_path: Path) -> None:
    assert len(set(on_one.removed["epoch"])) >= 2, "the data set shrinks, and then again"
    two = train(tiny_data, tmp_path / "two", 2, PLAIN)
    agree(on_one, two)
    sees_each_example_once_an_epoch(two)


@pytest.mark.slow
def test_three_processes_share_dropout_mixup_and_class_weights(tiny_data: Path, tmp_path: Path) -> None:
    config = tmp_path / "options.yaml"
    config.write_text(json.dumps({"backbone_options": {"drop_path_rate": 0.2}}))
    one, three = (train(tiny_data, tmp_path / str(n), n, [*EVERYTHING, "--config", str(config)]) for n in (1, 3))
    assert len(one.removed) > 0
    agree(one, three)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_is_one_line_and_the_run_is_resumed_on_one_and_four(
    on_one: Run, tiny_data: Path, tmp_path: Path, rank: int
) -> None:
    out, log = tmp_path / "run", tmp_path / "log"
    options = ["--out", str(out), *PLAIN, "--devices", "2", "--accelerator", "cpu"]
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-u", str(SCRIPT), "train", str(tiny_data), *options],
            stdout=stream,
            stderr=stream,
            env=ENVIRONMENT,
        )
        while not (out / "last.ckpt").exists():
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(process.pid if rank == 0 else int(children[0]), signal.SIGKILL)
        assert process.wait(60) == (2 if rank else -signal.SIGKILL)
    end = time.monotonic() + 60
    while not (lines := [line for line in log.read_text().splitlines() if not line.startswith(("epoch", "  "))]):
        assert time.monotonic() < end, "the process that is left says nothing"
        time.sleep(0.1)
    assert len(lines) == 1, lines
    assert f"rank {rank} of 2 training processes" in lines[0]
    assert f"bimodal train --out {out} --resume --devices 2" in lines[0]
    while Path(f"/proc/{children[0]}").exists():
        assert time.monotonic() < end, "the process that is left does not end"
        time.sleep(0.1)
    assert not (out / "model.safetensors").exists(), "the signal came too late to be a test"
    for count in (1, 4) if rank else (2,):
        again = tmp_path / str(count)
        shutil.copytree(out, again)
        call(count, "--out", again, "--resume")
        agree(on_one, Run.open(again))


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_the_run_is_resumed(on_one: Run, tiny_data: Path, tmp_path: Path) -> None:
    out, log, errors = tmp_path / "run", tmp_path / "log", tmp_path / "errors"
    options = ["--out", str(out), *PLAIN, "--devices", "2", "--accelerator", "cpu"]
    with log.open("w") as stream, errors.open("w") as error_stream:
        process = subprocess.Popen(
            [sys.executable, "-u", str(SCRIPT), "train", str(tiny_data), *options],
            stdout=stream,
            stderr=error_stream,
            env=ENVIRONMENT,
            start_new_session=True,
        )
        while not (out / "last.ckpt").exists():
            assert process.poll() is None, errors.read_text()
            time.sleep(0.01)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all processes
        assert process.wait(120) == 130, errors.read_text()
    assert not (out / "model.safetensors").exists(), "the signal came too late to be a test"
    lines = [line for line in (log.read_text() + errors.read_text()).splitlines() if line]
    assert [line for line in lines if not line.startswith(("epoch", "  "))] == [
        f"interrupted; resume with: bimodal train --out {out} --resume"
    ]
    end = time.monotonic() + 60
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < end, "the other process does not end"
        time.sleep(0.1)
    call(1, "--out", out, "--resume")
    agree(on_one, Run.open(out))
