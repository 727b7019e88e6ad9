"""A job: a function call that writes its results to files, and how it ended."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from bimodal.errors import InputError


@dataclass(frozen=True)
class Job:
    """A function call that writes its results to files.

    Attributes:
        name: unique name, shown to the user.
        call: a picklable callable, so that another process can run it.
        arguments: keyword arguments of the call.
        log: file for what the call prints, and for the traceback if it fails.
        needs: names of the jobs that must succeed first.
        deep: whether the job trains a deep network; it gets a GPU if there is one.
        cores: CPU cores reserved for the job on a machine without GPUs; fewer jobs then share the memory.
        is_run: whether the job is a run of the study, and not a preparation that several runs need.
        result: the file that the job writes last, and that is absent before; None: not known. If it is there when the job is
            lost, the job had ended.
    """

    name: str
    call: Callable[..., object]
    arguments: Mapping[str, Any]
    log: Path
    needs: tuple[str, ...] = ()
    deep: bool = False
    cores: int = 1
    is_run: bool = True
    result: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        job: the job.
        error: None if the job succeeded, else one line with the reason.
        seconds: running time.
    """

    job: Job
    error: str | None
    seconds: float = 0.0


def perform(job: Job) -> Outcome:
    """Run a job in this process; everything that it prints goes to its log file."""
    start = time.monotonic()
    try:
        error = _error_of(job)
    except OSError as failure:  # of the log: a full disk, which tells no more than this
        error = f"{job.log}: {failure.strerror}"
    return Outcome(job, error and error[:500], time.monotonic() - start)


def _error_of(job: Job) -> str | None:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("a", encoding="utf-8") as log, _output_to(log):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {job.name}", flush=True)
        try:
            job.call(**job.arguments)
        except Exception as failure:  # the study goes on without a failed run
            traceback.print_exc()
            text = " ".join(str(failure).split())
            return text if isinstance(failure, InputError | OSError) else f"{type(failure).__name__}: {text}"
    return None


@contextmanager
def _output_to(log: TextIO) -> Iterator[None]:
    """Send standard output and error to a file, including the output of C libraries."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:  # a full disk, too, must not leave the output in the log
            for number, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, number)
                os.close(copy)
