"""Two Ray nodes on this machine, of which a worker or the second can be killed."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_POLL_S, _TIMEOUT_S = 0.05, 300


class RayNodes:
    """Two Ray nodes of one core each, as processes; the first serves the cluster."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        self._second = self._cluster.add_node(num_cpus=1)
        self._cluster.wait_for_nodes()
        self.address = str(self._cluster.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.shutdown()

    def kill(self, loss: str, may_be_lost: Callable[[str], bool], driver: "subprocess.Popen[bytes]") -> str:
        """Kill the process of a job, or the second node while it works on one; return the name of the job.

        Args:
            loss: `worker` or `node`.
            may_be_lost: whether the job of this name is one to kill now.
            driver: the process that uses the cluster.
        """
        nodes = self._cluster.list_all_nodes() if loss == "worker" else [self._second]
        managers = {node.all_processes["raylet"][0].process.pid for node in nodes}
        end = time.monotonic() + _TIMEOUT_S
        while True:
            assert driver.poll() is None, "the command ended before a job could be killed"
            assert time.monotonic() < end, "no job to kill"
            found = next(((pid, job) for pid, job in _workers(managers) if may_be_lost(job)), None)
            if found is not None:
                break
            time.sleep(_POLL_S)
        if loss == "worker":
            os.kill(found[0], signal.SIGKILL)
        else:
            self._cluster.remove_node(self._second, allow_graceful=False)
        return found[1]


def _workers(managers: set[int]) -> list[tuple[int, str]]:
    """Return the process id of each worker of these node managers, and the name of its job."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().split(b"\0")[0].decode()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, UnicodeDecodeError, IndexError):
            continue
        if parent in managers and title.startswith("ray::"):
            found.append((int(folder.name), title.removeprefix("ray::")))
    return found
