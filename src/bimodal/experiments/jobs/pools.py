"""Where jobs run: one worker process, or Ray on one machine or a cluster."""

import importlib.util
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from bimodal.errors import InputError
from bimodal.experiments.jobs.job import Job, Outcome


class Pool(Protocol):
    """Runs jobs."""

    description: str

    @property
    def has_place(self) -> bool:
        """Whether another job may be started."""

    def start(self, job: Job) -> None:
        """Start a job, or queue it."""

    def wait(self) -> Outcome:
        """Wait for the next job to end, and return its outcome."""

    def close(self) -> None:
        """Stop the running jobs."""


@contextmanager
def open_pool(address: str | None = None) -> Iterator[Pool]:
    """Open a pool: Ray if it is installed, else one worker process.

    Args:
        address: of a Ray cluster, `auto` or `host:port`; None starts Ray on this machine only.

    Raises:
        InputError: an address is given but Ray is not installed, or no cluster answers at the address.
    """
    pool: Pool
    if importlib.util.find_spec("ray") is not None:
        from bimodal.experiments.jobs.ray_pool import RayPool

        pool = RayPool(address)
    elif address is not None:
        raise InputError("--address needs Ray; install it with: pip install ray")
    else:
        pool = _OneProcess()
    try:
        yield pool
    finally:
        pool.close()


class _OneProcess:
    """Runs one job at a time in a worker process, so that a job that is killed does not end the study.

    The process is `bimodal.experiments.jobs.worker`: unlike `multiprocessing`, it does not import the caller's script.
    """

    description = "one after the other (install Ray to run several at a time: pip install ray)"

    def __init__(self) -> None:
        self._worker: subprocess.Popen[bytes] | None = None
        self._job: Job | None = None

    @property
    def has_place(self) -> bool:
        return self._job is None

    def start(self, job: Job) -> None:
        if self._worker is None:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "bimodal.experiments.jobs.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self._job = job
        assert self._worker.stdin is not None
        with suppress(BrokenPipeError):  # the worker is dead: `wait` reports it
            pickle.dump(job, self._worker.stdin)
            self._worker.stdin.flush()

    def wait(self) -> Outcome:
        job, worker = self._job, self._worker
        assert job is not None
        assert worker is not None
        assert worker.stdout is not None
        try:
            outcome: Outcome = pickle.load(worker.stdout)  # noqa: S301  # from our process
        except (EOFError, pickle.UnpicklingError):  # it died before or while it answered
            self._worker = None
            outcome = Outcome(job, "its process was killed; it may have run out of memory")
        self._job = None  # until here, `close` interrupts the job
        return outcome

    def close(self) -> None:
        if self._worker is None:
            return
        assert self._worker.stdin is not None
        with suppress(BrokenPipeError):
            self._worker.stdin.close()
        if self._job is not None:  # we are interrupted: interrupt the job, too
            self._worker.send_signal(signal.SIGINT)
        try:
            self._worker.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._worker.kill()
