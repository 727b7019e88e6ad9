"""Many jobs, some of which need others: through Ray on one machine or a cluster, or else one after the other."""

import importlib.util
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bimodal.errors import InputError
from bimodal.progress import inform, report, warn

_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@dataclass(frozen=True)
class Job:
    """A call that leaves its results in files.

    Attributes:
        name: unique; what people read.
        call: a function of a module, so that another process can find it.
        arguments: of the call.
        log: file that takes what the call prints; for a failure, its traceback.
        needs: names of jobs that must have ended well before.
        deep: whether it trains a deep network: it gets a GPU where there is one.
        cores: how many it is given on a CPU; each deep run at full size takes gigabytes of memory, whatever its cores.
        is_run: whether it is a run of the study, or something that runs need.
    """

    name: str
    call: Callable[..., object]
    arguments: Mapping[str, Any]
    log: Path
    needs: tuple[str, ...] = ()
    deep: bool = False
    cores: int = 1
    is_run: bool = True


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `error` is None, or one line that says why it failed."""

    job: Job
    error: str | None
    seconds: float = 0.0


class Pool(Protocol):
    """Where jobs run."""

    description: str

    def start(self, job: Job) -> None:
        """Start a job, or let it wait for a free place."""

    def wait(self) -> Outcome:
        """Return the next job that has ended."""

    @property
    def has_place(self) -> bool:
        """Whether another job may be started."""


def run_jobs(jobs: Sequence[Job], pool: Pool) -> Iterator[Outcome]:
    """Run jobs in their order as far as what they need has ended, and give back each as it ends.

    A job that fails is an outcome with an error; those that need it fail with it; the others go on.

    Args:
        jobs: what to run; what a job needs must be among them.
        pool: where.
    """
    waiting = list(jobs)
    well: set[str] = set()
    failed: dict[str, str] = {}
    known = {job.name for job in jobs}
    running = 0
    while waiting or running:
        for job in list(waiting):
            broken = next((need for need in job.needs if need in failed or need not in known), None)
            if broken is not None:
                waiting.remove(job)
                failed[job.name] = f"needs {broken}, which failed: {failed.get(broken, 'it is not among the jobs')}"
                yield Outcome(job, failed[job.name])
            elif pool.has_place and well.issuperset(job.needs):
                waiting.remove(job)
                pool.start(job)
                running += 1
        if running:
            outcome = pool.wait()
            running -= 1
            if outcome.error is None:
                well.add(outcome.job.name)
            else:
                failed[outcome.job.name] = outcome.error
            yield outcome


def run_all(jobs: Sequence[Job], address: str | None, total: int) -> dict[str, str]:
    """Run jobs where there is room, log the progress, and return why some failed, by their names.

    Args:
        jobs: what to run; nothing is started for none.
        address: see `open_pool`.
        total: how many runs the study has, with those that ended in an earlier call.
    """
    failures: dict[str, str] = {}
    if not jobs:
        return failures
    with open_pool(address) as pool:
        todo = sum(job.is_run for job in jobs)
        if total > todo:
            inform(f"{total - todo} of {total} runs are finished already")
        inform(f"{todo} runs to do, {pool.description}")
        done = total - todo
        report("runs", done, total)
        for outcome in run_jobs(jobs, pool):
            done += outcome.job.is_run
            if outcome.error is None:
                inform(f"{outcome.job.name}: {outcome.seconds:.0f} s")
            else:
                failures[outcome.job.name] = outcome.error
                warn(f"{outcome.job.name}: failed: {outcome.error}")
            report("runs", done, total)
    return failures


@contextmanager
def open_pool(address: str | None = None) -> Iterator[Pool]:
    """Give Ray's machines, if Ray is installed, else one process beside this one.

    Args:
        address: of a Ray cluster, `auto` or `host:port`; None: a Ray of our own on this machine.

    Raises:
        InputError: an address without Ray, or where no cluster answers.
    """
    if importlib.util.find_spec("ray") is None:
        if address is not None:
            raise InputError("--address needs Ray; install it with: pip install ray")
        pool: _OneProcess | _Ray = _OneProcess()
    else:
        pool = _Ray(address)
    try:
        yield pool
    finally:
        pool.close()


def perform(job: Job) -> tuple[str | None, float]:
    """Run a job here, with what it prints going to its log; return why it failed, or None, and its seconds."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    with job.log.open("a", encoding="utf-8") as log, _printing_to(log):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {job.name}", flush=True)
        try:
            job.call(**job.arguments)
        except Exception as error:  # a failed run is a row of the table, not the end of the study
            traceback.print_exc()
            text = " ".join(str(error).split())
            reason = text if isinstance(error, InputError | OSError) else f"{type(error).__name__}: {text}"
            return reason[:500], time.monotonic() - begin
    return None, time.monotonic() - begin


@contextmanager
def _printing_to(log: Any) -> Iterator[None]:
    """Send to the log what is printed, by libraries in C too."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        os.close(saved[0])
        os.close(saved[1])


class _OneProcess:
    """One job at a time, in a process of its own, so that one that is killed ends neither us nor the others.

    The process is `bimodal.experiments.jobs.worker`: unlike those of `multiprocessing`, it does not run the caller's script anew.
    """

    description = "one after the other (with Ray installed, several at a time: pip install ray)"

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._job: Job | None = None

    @property
    def has_place(self) -> bool:
        return self._job is None

    def start(self, job: Job) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bimodal.experiments.jobs.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        assert self._process.stdin is not None
        self._job = job
        with suppress(BrokenPipeError):  # it is dead, which `wait` finds out
            pickle.dump(job, self._process.stdin)
            self._process.stdin.flush()

    def wait(self) -> Outcome:
        assert self._job is not None
        assert self._process is not None
        assert self._process.stdout is not None
        job = self._job
        try:
            error, seconds = pickle.load(self._process.stdout)  # noqa: S301  # from our own process, not from a file
        except (EOFError, pickle.UnpicklingError):  # it died before, or in the middle of, its answer
            self._process, self._job = None, None
            return Outcome(job, "its process was killed; was there too little memory?")
        self._job = None
        return Outcome(job, error, seconds)

    def close(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if self._job is not None:  # we are interrupted: so is it
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()


def _check_address(address: str) -> None:
    """Find out in seconds that nobody answers; Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if address == "auto" or "://" in address:
        return
    if not (host and port.isdecimal()):
        raise InputError(f"--address expects auto or HOST:PORT of a Ray cluster, got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"no Ray cluster answers at --address {address}: {error}") from error


class _Ray:
    """As many jobs at a time as there are cores, or GPUs for deep ones, on all machines of the cluster."""

    def __init__(self, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing of a study is told to anybody
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if address is None:
            # Ray runs whatever its ports are told, and opens them to the whole network, unless it believes that there
            # cannot be a cluster: then it binds to loopback alone.
            os.environ[_LOOPBACK] = "0"
        else:
            _check_address(address)
        self._ray: Any = importlib.import_module("ray")
        where: dict[str, Any] = {"address": address}
        if address is None:
            where = {"address": "local", "num_cpus": len(os.sched_getaffinity(0)), "include_dashboard": False}
        try:
            self._ray.init(logging_level=logging.ERROR, log_to_driver=False, **where)
        except Exception as error:  # of a start that takes too long Ray raises no more than that
            trouble = "Ray does not start" if address is None else f"no Ray cluster answers at --address {address}"
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{trouble}: {reason}") from error
        resources = self._ray.cluster_resources()
        cores, self._gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
        self._places = 2 * cores  # some wait at Ray's, so that no machine is idle between two
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        self._largest = max(int(machine.get("CPU", 0)) for machine in machines)
        self.description = f"through Ray: {len(machines)} machine(s), {cores} cores, {self._gpus} GPUs"
        self._perform = self._ray.remote(max_retries=0)(perform)
        self._running: dict[Any, Job] = {}

    @property
    def has_place(self) -> bool:
        return len(self._running) < self._places

    def start(self, job: Job) -> None:
        needed = {"num_gpus": 1} if job.deep and self._gpus else {"num_cpus": min(job.cores, self._largest)}
        self._running[self._perform.options(name=job.name, **needed).remote(job)] = job

    def wait(self) -> Outcome:
        (done,), _ = self._ray.wait(list(self._running), num_returns=1)
        job = self._running.pop(done)
        try:
            return Outcome(job, *self._ray.get(done))
        except self._ray.exceptions.RayError as error:
            return Outcome(job, f"its process was killed ({type(error).__name__}); was there too little memory?")

    def close(self) -> None:
        running = list(self._running)
        try:
            for reference in running:
                self._ray.cancel(reference, force=True)
            if running:  # whoever goes on with the study at once must not meet them in its folders
                self._ray.wait(running, num_returns=len(running), timeout=20)
        finally:
            self._ray.shutdown()
            os.environ.pop(_LOOPBACK, None)
