"""Studies, predictions and features on a cluster of two Ray nodes on this machine, which loses a worker and then a node.

`python -m tests.robustness.cluster`: it takes minutes, and prints what it found; docs/scaling.md has the last result. Ray's ports are
open to the network meanwhile: run it on a machine that others cannot reach.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tests.conftest import ROOT, write_data
from tests.robustness.ray_nodes import RayNodes

_METHODS = "svm-lpq,svm-phog,resnet50,resnet50-bdr"
_OUTPUT, _TIMEOUT_S = "output.txt", 900
_TIMES = {"seconds", "seconds_a_run"}


@dataclass(frozen=True)
class _Task:
    """A command for the cluster.

    Attributes:
        options: its command line, for a data folder and the path of its output.
        may_be_lost: whether a job, by the output and its name, is one to kill now: a training after its first epoch, or a shard.
        results: reads what must be the same with and without losses, from the output.
    """

    options: Callable[[Path, Path], list[object]]
    may_be_lost: Callable[[Path, str], bool]
    results: Callable[[Path], dict[str, object]]


def main() -> int:
    """Run each task without Ray, and on a cluster that loses a worker or a node; compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of the tasks to run")
    given = parser.parse_args()
    os.environ |= {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    work = Path(tempfile.mkdtemp(prefix="cluster-"))
    small = write_data(work / "data", {"train": 70, "val": 21, "test": 21}, wrong=7)
    large = write_data(work / "large", {"train": 700, "val": 70})
    failed = []
    for name, task in _TASKS.items():
        if given.only not in name:
            continue
        data = large if name in ("predict", "embed", "audit") else small
        expected = _run(name, task, data, work, "without Ray")
        for loss in ("worker", "node"):
            found = _run(name, task, data, work, loss)
            differ = [key for key in expected.keys() | found.keys() if not _same(expected.get(key), found.get(key))]
            if differ:
                failed.append(name)
            print(f"    {len(expected)} results, which differ from those without Ray: {sorted(differ)}", flush=True)
    shutil.rmtree(work)
    return 1 if failed else 0


def _run(name: str, task: _Task, data: Path, work: Path, loss: str) -> dict[str, object]:
    """Run a task; return its results. Every job must have started once, but for those that were lost, once more."""
    folder = work / f"{name}-{loss}".replace(" ", "-")
    folder.mkdir()
    if name in ("embed", "audit"):  # features are kept in the data folder
        data = Path(shutil.copytree(data, folder / "data"))
    out, start = folder / "out", time.monotonic()
    command: list[object] = [sys.executable, ROOT / "tests/robustness/small_studies.py", *task.options(data, out)]
    if loss == "without Ray":
        environment = os.environ | ({} if name in ("predict", "embed", "audit") else {"TEST_WITHOUT_RAY": "1"})
        _wait(_start(command, folder, environment), folder)
        lost, again = "", []
    else:
        with RayNodes() as nodes:
            process = _start([*command, "--address", nodes.address], folder, os.environ)
            lost = nodes.kill(loss, lambda job: task.may_be_lost(out, job), process)
            _wait(process, folder)
        again = [line.split(":")[0].strip() for line in _output(folder).splitlines() if "starts again" in line]
        assert again, f"nothing was lost: {_output(folder)}"
    starts = Counter(
        line[20:] for log in out.glob("logs/**/*.log") for line in log.read_text().splitlines() if _is_start(line)
    )
    often = {job: count for job, count in starts.items() if count > 1}
    print(
        f"{name}, {loss}: {time.monotonic() - start:.0f} s; killed: {lost or 'nothing'}; started again: {again}; "
        f"{len(starts)} jobs, of which started more than once: {often}",
        flush=True,
    )
    assert all(count == 1 + again.count(job) for job, count in starts.items()), "a job ran twice that was not lost"
    assert "failed" not in _output(folder), _output(folder)
    return task.results(out)


def _start(
    command: list[object], folder: Path, environment: "dict[str, str] | os._Environ[str]"
) -> "subprocess.Popen[bytes]":
    with (folder / _OUTPUT).open("wb") as log:
        return subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env=environment)


def _wait(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    assert process.wait(_TIMEOUT_S) == 0, _output(folder)


def _output(folder: Path) -> str:
    return (folder / _OUTPUT).read_text()


def _is_start(line: str) -> bool:
    return line[:2] == "20" and line[4:5] == "-" and line[13:14] == ":"


def _tables(out: Path) -> dict[str, object]:
    """Return the rows of a study's tables, but for times."""
    tables = {}
    for file in out.glob("*.csv"):
        table = pd.read_csv(file)
        kept = [
            column for column in table.columns if not _TIMES & {column, column.split("_")[0]} and column != "conclusion"
        ]
        assert not table[kept].duplicated().any(), f"{file} has a row twice"
        tables[file.name] = table[kept].to_csv()
    return tables


def _reproduced(out: Path) -> dict[str, object]:
    files = [file for name in ("predictions_test.csv", "removed.csv") for file in out.glob(f"runs/**/{name}")]
    return _tables(out) | {str(file.relative_to(out)): file.read_bytes() for file in files}


def _studied(out: Path) -> dict[str, object]:
    records = {}
    for file in out.glob("cells/**/*.npz"):
        with np.load(file) as arrays:
            records |= {f"{file.stem}/{key}": arrays[key].tobytes() for key in arrays.files if key != "seconds"}
    return _tables(out) | records


def _embedded(out: Path) -> dict[str, object]:
    with np.load(out.with_suffix(".npz")) as arrays:
        return {key: arrays[key].tobytes() for key in arrays.files}


def _same(one: object, other: object) -> bool:
    return one is not None and one == other


_TASKS = {
    "reproduce": _Task(
        lambda data, out: ["reproduce", data, "--out", out, "--quick", "--seeds", "2", "--methods", _METHODS],
        lambda out, job: (out / "runs" / job.replace(", ", "/").replace(" ", "-") / "last.ckpt").exists(),
        _reproduced,
    ),
    "study label-noise": _Task(
        lambda _, out: ["study", "label-noise", "--out", out],
        lambda out, job: any((out / "cells").glob(f"{job}.work/**/last.ckpt")),
        _studied,
    ),
    "predict": _Task(
        lambda data, out: ["predict", data / "images", "--out", out.with_suffix(".csv"), "--no-detect"],
        lambda _, job: job.startswith("files"),
        lambda out: {"table": out.with_suffix(".csv").read_bytes()},
    ),
    "embed": _Task(
        lambda data, out: ["embed", data, "--out", out.with_suffix(".npz")],
        lambda _, job: job.startswith("pictures"),
        _embedded,
    ),
    "audit": _Task(
        lambda data, out: ["audit", data, "--out", out],
        lambda _, job: job.startswith("pictures"),
        lambda out: {name: (out / name).read_bytes() for name in ("suspects.csv", "verdict.json")},
    ),
}


if __name__ == "__main__":
    sys.exit(main())
