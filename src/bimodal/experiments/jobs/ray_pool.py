"""Run jobs on Ray, on this machine or on a cluster."""

import importlib
import logging
import os
import socket
from collections import Counter
from typing import Any

from bimodal.errors import InputError
from bimodal.experiments.jobs.job import Job, Outcome, perform
from bimodal.progress import inform

_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_STARTS = 3
"""How often a job is started whose process or machine is lost: it may be the job that ends it."""


class RayPool:
    """Runs as many jobs at a time as the cluster has cores, or GPUs for deep jobs.

    A job whose process or machine is lost starts again, on another machine if its own is gone; it continues from the files
    that it has written. A job that was killed because memory ran out does not.

    Args:
        address: of a Ray cluster, `auto` or `host:port`; None starts Ray on this machine only.

    Raises:
        InputError: Ray does not start, or no cluster answers at the address.
    """

    def __init__(self, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if address is None:
            # Ray executes any code that reaches its ports, and opens them to the whole network. With this variable at 0
            # it assumes that there is no cluster, and binds to the loopback interface.
            os.environ[_LOOPBACK] = "0"
            where = {"address": "local", "num_cpus": len(os.sched_getaffinity(0)), "include_dashboard": False}
        else:
            _check_address(address)
            where = {"address": address}
        self._ray: Any = importlib.import_module("ray")
        try:
            self._ray.init(logging_level=logging.ERROR, log_to_driver=False, **where)
        except Exception as error:  # Ray raises a bare Exception if the start takes too long
            trouble = "Ray does not start" if address is None else f"no Ray cluster answers at --address {address}"
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{trouble}: {reason}") from error
        resources = self._ray.cluster_resources()
        cores, self._gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
        self._places = 2 * cores  # queue some jobs at Ray, so that no machine waits for the next one
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        self._most_cores = max(int(machine.get("CPU", 0)) for machine in machines)
        self.description = f"on Ray: {len(machines)} machine(s), {cores} cores, {self._gpus} GPUs"
        self._perform = self._ray.remote(max_retries=0)(perform)
        self._running: dict[Any, Job] = {}
        self._starts: Counter[str] = Counter()

    @property
    def has_place(self) -> bool:
        return len(self._running) < self._places

    def start(self, job: Job) -> None:
        self._starts[job.name] += 1
        needed = {"num_gpus": 1} if job.deep and self._gpus else {"num_cpus": min(job.cores, self._most_cores)}
        self._running[self._perform.options(name=job.name, **needed).remote(job)] = job

    def wait(self) -> Outcome:
        lost = self._ray.exceptions
        while True:
            (done,), _ = self._ray.wait(list(self._running), num_returns=1)
            job = self._running.pop(done)
            try:
                outcome: Outcome = self._ray.get(done)
                return outcome
            except lost.RayError as error:
                if job.result is not None and job.result.is_file():
                    return Outcome(job, None)
                # max_retries of Ray would say nothing, and repeat a job without end that memory does not suffice for
                if isinstance(error, lost.OutOfMemoryError) or self._starts[job.name] >= _STARTS:
                    times = f" {self._starts[job.name]} times" if self._starts[job.name] > 1 else ""
                    reason = f"its process was killed{times} ({type(error).__name__}); it may have run out of memory"
                    return Outcome(job, reason)
                inform(f"{job.name}: its process or machine was lost ({type(error).__name__}); it starts again")
                self.start(job)

    def close(self) -> None:
        running = list(self._running)
        try:
            for reference in running:
                self._ray.cancel(reference, force=True)
            if running:  # a call that resumes the study must not find them at work in its folders
                self._ray.wait(running, num_returns=len(running), timeout=20)
        finally:
            self._ray.shutdown()
            os.environ.pop(_LOOPBACK, None)


def _check_address(address: str) -> None:
    """Check within seconds that something answers; Ray tries for minutes."""
    host, _, port = address.rpartition(":")
    if address == "auto" or "://" in address:
        return
    if not (host and port.isdecimal()):
        raise InputError(f"--address expects auto or HOST:PORT of a Ray cluster, got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"no Ray cluster answers at --address {address}: {error}") from error
