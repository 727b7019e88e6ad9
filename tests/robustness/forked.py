"""Commands in processes that are forked from this one, which has imported the libraries once: each saves seconds."""

import atexit
import os
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "200"}
DEFECT = 70
"""Exit code of a forked process that an exception ends."""


def import_libraries(heavy: bool) -> None:
    """Import what the commands import while they run; with `heavy`, PyTorch, too."""
    import bimodal.cli.main
    import bimodal.data.prepare
    import bimodal.features.probe
    import bimodal.inference.predict
    import bimodal.label_audit.audit
    import bimodal.review.server

    if heavy:
        import bimodal.classical.small_nets
        import bimodal.classical.svm
        import bimodal.experiments.paper_table.reproduction
        import bimodal.export.publish
        import bimodal.inference.torch_network
        import bimodal.report.report_page
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
        self._outputs = [_Output(), _Output()]
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(folder, arguments, tuple(output.end for output in self._outputs), before, run)
        for output in self._outputs:
            os.close(output.end)

    def wait(self, seconds: float) -> bool:
        """Wait for the end, and return whether it came in time."""
        end, pause = time.monotonic() + seconds, 0.005
        while self.returncode is None:
            for output in self._outputs:
                output.read()  # a full pipe would stop it
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
        return self._outputs[0].read()

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far."""
        return self._outputs[1].read()

    def close(self) -> None:
        """Kill what is left, and forget the output."""
        self.kill()
        for output in self._outputs:
            output.close()


class _Output:
    """What a process writes to a pipe; a file would have the largest size that its limits set."""

    def __init__(self) -> None:
        self._begin, self.end = os.pipe()
        os.set_blocking(self._begin, False)
        self._content = b""

    def read(self) -> str:
        """Return all that was written so far."""
        try:
            while self._begin >= 0 and (more := os.read(self._begin, 2**16)):
                self._content += more
        except BlockingIOError:
            pass
        return self._content.decode("utf-8", "replace")

    def close(self) -> None:
        """Read no more."""
        if self._begin >= 0:
            os.close(self._begin)
            self._begin = -1


def _become(
    folder: Path,
    arguments: tuple[str, ...],
    outputs: tuple[int, ...],
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
