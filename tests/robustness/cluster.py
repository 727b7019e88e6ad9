"""Studies on a cluster of two Ray nodes on this machine, of which a worker and then a node are killed.

`python -m tests.robustness.cluster`: it takes minutes, and prints what it found; docs/scaling.md has the last result. Ray's ports are
open to the network meanwhile: run it on a machine that others cannot reach.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT, write_data


def main() -> int:
    """Run a study without and with losses, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", default="svm-lpq,svm-phog,resnet50,resnet50-bdr")
    parser.add_argument("--seeds", default="2")
    parser.add_argument("--work", type=Path, default=None)
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp(prefix="cluster-"))
    data = write_data(work / "data", {"train": 70, "val": 21, "test": 21}, wrong=7)
    options = ["reproduce", data, "--quick", "--methods", given.methods, "--seeds", given.seeds]
    losses: dict[str, Callable[[_Cluster], str] | None] = {
        "undisturbed": None,
        "worker": _kill_worker,
        "node": _kill_node,
    }
    tables = {}
    for name, lose in losses.items():
        study = work / name
        tables[name] = _run([*options, "--out", study], study, lose)
    same = {name: table == tables["undisturbed"] for name, table in tables.items()}
    print("the same predictions as undisturbed:", same)
    if given.work is None:
        shutil.rmtree(work)
    return 0 if all(same.values()) else 1


class _Cluster:
    """Two Ray nodes on this machine, as processes; the driver is on the first."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        first = {"num_cpus": 1, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=first)
        self.second = self.cluster.add_node(num_cpus=1)
        self.cluster.wait_for_nodes()

    def close(self) -> None:
        self.cluster.shutdown()


def _run(options: list[object], study: Path, lose: Callable[[_Cluster], str] | None) -> dict[str, bytes]:
    """Run a study; return its predictions by file. Every run must have started once, but for those that were lost."""
    os.environ["PYTHONPATH"] = f"{ROOT / 'src'}:{ROOT}"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = _Cluster()
    start = time.monotonic()
    try:
        command = [sys.executable, "-m", "bimodal", *map(str, options), "--address", cluster.cluster.address]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lost: list[str] = []
        if lose is not None:
            threading.Thread(target=_lose_when_training, args=(study, cluster, lose, lost), daemon=True).start()
        output, _ = process.communicate(timeout=3000)
    finally:
        cluster.close()
    starts = Counter(
        str(log.relative_to(study / "logs")) for log in study.glob("logs/**/*.log") for line in log.read_text().splitlines()
        if line.startswith("20") and "seed" in line
    )  # fmt: skip
    again = [line.strip() for line in output.splitlines() if "starts again" in line]
    results = sorted(study.glob("runs/**/result.json"))
    twice = [name for name, count in starts.items() if count > 1]
    print(
        f"{study.name}: exit code {process.returncode}, {len(results)} runs finished in {time.monotonic() - start:.0f} s; lost: "
        f"{lost}; said: {again}; started more than once: {twice}; failed: {output.count('failed:')}"
    )
    if process.returncode:
        print(output)
    assert process.returncode == 0
    assert len(twice) <= len(again), "a run was started twice that was not lost"
    return {str(file.relative_to(study)): file.read_bytes() for file in study.glob("runs/**/predictions_test.csv")}


def _lose_when_training(study: Path, cluster: _Cluster, lose: Callable[[_Cluster], str], lost: list[str]) -> None:
    """Wait until a network has trained an epoch, and then kill."""
    while not list(study.glob("runs/**/last.ckpt")):
        time.sleep(0.05)
    lost.append(lose(cluster))


def _kill_worker(cluster: _Cluster) -> str:
    """Kill the process of a job in the middle of its training."""
    nodes = cluster.cluster.list_all_nodes()
    managers = {node.all_processes["raylet"][0].process.pid for node in nodes}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().split(b"\0")[0].decode()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, UnicodeDecodeError):
            continue
        if parent in managers and title.startswith("ray::") and "seed" in title and "resnet50" in title:
            os.kill(int(folder.name), signal.SIGKILL)
            return title
    return "no worker found"


def _kill_node(cluster: _Cluster) -> str:
    """Kill all processes of the second node."""
    cluster.cluster.remove_node(cluster.second, allow_graceful=False)
    return "the second node"


if __name__ == "__main__":
    sys.exit(main())
