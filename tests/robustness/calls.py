"""Calls of the command line in this process, and what is wrong with how they end."""

import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

MOST_CPU_SECONDS, MOST_SECONDS, MOST_MORE_MEMORY = 120, 900, 4 * 2**30
"""Of a command: processor time, which other programs do not change; time, in which one that waits for ever is found; bytes."""
_LONGEST = 3000  # letters of a message


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, or the traceback of a defect; what it wrote to standard error."""

    code: int
    stderr: str
    defect: str = ""

    @property
    def problem(self) -> str:
        """What is wrong with this end; empty if nothing is."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("bimodal: ")]
        if self.defect:
            return self.defect
        if self.code not in (0, 2) or "Traceback" in self.stderr:
            return f"exit code {self.code}: {self.stderr[-2000:]}"
        if self.code == 2 and (not self.stderr.strip() or len(lines) > 1):
            return f"expected one line, got {self.stderr[-2000:]!r}"
        if "too little memory" in self.stderr:
            return self.stderr
        if any(len(line) > _LONGEST for line in lines):
            return f"a line of {max(map(len, lines))} letters: {lines[0][:200]}"
        return ""


class Hang(BaseException):
    """A command took longer than `MOST_CPU_SECONDS` or `MOST_SECONDS`."""


def call(*arguments: object) -> Ended:
    """Run a command, or one of `READERS`, in this process with bounded time and memory."""
    import bimodal.inference.torch_network
    import bimodal.report.report_page
    import bimodal.training.train  # noqa: F401  libraries take gigabytes of addresses, before these are bounded
    from bimodal.cli.ending import exit_code_of
    from bimodal.cli.main import app
    from tests.robustness.reviews import READERS

    before = sys.argv
    sys.argv = ["bimodal", *map(str, arguments)]
    defect, code = "", -1
    with _captured() as stderr:
        try:
            with _limited():
                reader = READERS.get(str(arguments[0]))
                code = exit_code_of(partial(reader, *map(str, arguments[1:])) if reader else app)
        except BaseException as error:
            defect = "".join(traceback.format_exception(error))
        finally:
            sys.argv = before
            sys.stderr.flush()
        stderr.seek(0)
        written = stderr.read().decode("utf-8", "replace")
    return Ended(code, written, defect)


@contextmanager
def _captured() -> Iterator[Any]:
    """Redirect what this process and its libraries write; yield the file with standard error."""
    with tempfile.TemporaryFile() as stderr, tempfile.TemporaryFile() as stdout:
        sys.stdout.flush()
        sys.stderr.flush()
        kept = os.dup(1), os.dup(2)
        streams = sys.stdout, sys.stderr
        os.dup2(stdout.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        sys.stdout = os.fdopen(1, "w", closefd=False, encoding="utf-8")
        sys.stderr = os.fdopen(2, "w", closefd=False, encoding="utf-8")
        try:
            yield stderr
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            sys.stdout, sys.stderr = streams
            for number, old in zip((1, 2), kept, strict=True):
                os.dup2(old, number)
                os.close(old)


@contextmanager
def _limited() -> Iterator[None]:
    """Bound the time of a block, and the address space that it takes in addition."""

    def stop(number: int, _frame: object) -> None:
        seconds = f"{MOST_SECONDS} seconds" if number == signal.SIGALRM else f"{MOST_CPU_SECONDS} seconds of work"
        raise Hang(f"no end after {seconds}")

    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * os.sysconf("SC_PAGESIZE")
    old = resource.getrlimit(resource.RLIMIT_AS)
    before = {number: signal.signal(number, stop) for number in (signal.SIGALRM, signal.SIGPROF)}
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST_MORE_MEMORY, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)
        for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
