"""Commands in processes that are forked from this one, which has imported the libraries once: each saves seconds."""

import atexit
import os
import signal
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "200"}
DEFECT = 70
"""Exit code of a forked process that an exception ends."""


def import_libraries() -> None:
    """Import what the commands import while they run."""
    import bimodal.classical.small_nets
    import bimodal.classical.svm
    import bimodal.cli.main
    import bimodal.experiments.paper_table.reproduction
    import bimodal.export.publish
    import bimodal.features.probe
    import bimodal.inference.predict
    import bimodal.inference.torch_network
    import bimodal.report.report_page
    import bimodal.review.server
    import bimodal.training.train  # noqa: F401


class Forked:
    """A command in a process group of its own, forked from this process.

    Args:
        folder: its current folder.
        arguments: of `bimodal`.
        before: called in the new process before the command.
        run: what is called in place of the command.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        before: Callable[[], None] | None = None,
        run: Callable[[], None] | None = None,
    ) -> None:
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(folder, arguments, (self._out.fileno(), self._err.fileno()), before, run)

    def wait(self, seconds: float) -> bool:
        """Wait for the end, and return whether it came in time."""
        end, pause = time.monotonic() + seconds, 0.005
        while self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                return False
            else:
                time.sleep(pause)
                pause = min(pause * 1.5, 0.1)
        return True

    def signal(self, number: int) -> None:
        """Send a signal to the command alone."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL to the command and its processes, and wait for its end."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            if self.returncode is None:  # it has not made its group yet
                os.kill(self.pid, signal.SIGKILL)
        self.wait(60)

    @property
    def stdout(self) -> str:
        """What it has written to standard output so far."""
        return _content(self._out.fileno())

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far."""
        return _content(self._err.fileno())

    def close(self) -> None:
        """Kill what is left, and forget the output."""
        self.kill()
        self._out.close()
        self._err.close()


def _content(file: int) -> str:
    return os.pread(file, os.fstat(file).st_size, 0).decode("utf-8", "replace")


def _become(
    folder: Path,
    arguments: tuple[str, ...],
    outputs: tuple[int, int],
    before: Callable[[], None] | None,
    run: Callable[[], None] | None,
) -> None:
    """Be the command, and never return."""
    code = DEFECT
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        null = os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate((null, *outputs)):
            os.dup2(file, number)
        for file in {null, *outputs}:
            os.close(file)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  until the end
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        os.environ.update(ENVIRONMENT)
        os.chdir(folder)
        sys.argv = ["bimodal", *arguments]
        sys.modules["__main__"] = types.ModuleType("__main__")  # not imported again by the processes of multiprocessing
        sys.modules["ray"] = None  # type: ignore[assignment]  # not installed: it starts many processes, for a minute
        if before:
            before()
        if run is None:
            from bimodal.cli.main import run as command

            run = command
        run()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
