"""Processes in which the libraries are already imported: `python -c` without the seconds that importing PyTorch takes.

A server imports the libraries once and forks itself for each process. For tests that need a process of their own (signals,
settings of the whole process, several at once), but not a fresh interpreter: what Python and the libraries read at their
start, such as `PYTHONIOENCODING` or `HF_HOME`, is that of the tests.
"""

import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

LIBRARIES = [
    *("pandas", "cv2", "lightning.pytorch", "timm", "torchmetrics.classification", "albumentations"),
    *("sklearn.linear_model", "sklearn.model_selection", "torch.utils.tensorboard", "fastapi", "uvicorn"),
]
"""Nothing of `bimodal`, which looks at the terminal, and nothing that starts threads of its own."""

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(LIBRARIES)

COMMAND = "from bimodal.cli.main import run; run()"
RANK = (
    "import os; from lightning.fabric.utilities.rank_zero import rank_zero_only; "
    "rank_zero_only.rank = int(os.environ['RANK'])\n"  # Lightning reads it when it is imported
)


class Process:
    """A process that runs `code` with `arguments` in `sys.argv`, in a session of its own.

    Args:
        code: as for `python -c`.
        arguments: become strings.
        cwd: its current folder, by default that of the tests.
        env: in addition to the environment of the tests.
    """

    def __init__(
        self, code: str, *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._argv = ["bimodal", *map(str, arguments)]
        folder = Path(tempfile.mkdtemp())
        self._outputs = folder / "out", folder / "err"
        environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "NO_COLOR": "1"} | dict(env or {})
        given = (code, self._argv, str(cwd or Path.cwd()), environment, *self._outputs)
        self.process: ForkServerProcess = SERVER.Process(target=_run, args=given)
        self.process.start()
        weakref.finalize(self, _end, self.process, folder)

    @property
    def stdout(self) -> str:
        """What it has printed until now."""
        return self._outputs[0].read_text() if self._outputs[0].exists() else ""

    def wait(self, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        """Wait for the end of the process; a process that is late is killed, so that a deadlock fails a test."""
        self.process.join(timeout)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            self.process.join()
        outputs = [file.read_text() if file.exists() else "" for file in self._outputs]
        if code is None:
            raise subprocess.TimeoutExpired(self._argv, timeout, *(text.encode() for text in outputs))
        return subprocess.CompletedProcess(self._argv, code, *outputs)


def python(code: str, *arguments: object, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run `code` as `Process` does, to its end."""
    return Process(code, *arguments, **options).wait()  # type: ignore[arg-type]


def bimodal(*arguments: object, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run the command line."""
    return python(COMMAND, *arguments, **options)


def script(file: Path) -> str:
    """Return code that runs a file which, as by `python FILE`, can import its neighbours."""
    return f"import runpy, sys; sys.path.insert(0, {str(file.parent)!r}); runpy.run_path({str(file)!r}, run_name='__main__')"


def launched(
    count: int, code: str, *arguments: object, env: Mapping[str, str] | None = None
) -> "list[subprocess.CompletedProcess[str]]":
    """Run `count` processes of one training, as `torchrun` starts them; return them by rank.

    If one fails, the others have ten seconds to notice it.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    shared = {
        "TORCHELASTIC_RUN_ID": "tests",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "GROUP_RANK": "0",
    }
    own = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
    started = [Process(RANK + code, *arguments, env={**(env or {}), **shared, **each}) for each in own]
    running = {each.process.sentinel: each.process for each in started}
    limit: float | None = 300
    while running and (ended := connection.wait(list(running), limit)):
        for sentinel in ended:
            process = running.pop(sentinel)  # type: ignore[index]
            process.join()
            limit = 10 if process.exitcode else limit
    for process in running.values():
        process.kill()
    return [each.wait() for each in started]


def _end(process: ForkServerProcess, folder: Path) -> None:
    """Leave nothing of a process when its object is deleted, at the latest at the end of the tests."""
    if process.is_alive():
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def _run(code: str, argv: list[str], cwd: str, environment: dict[str, str], stdout: Path, stderr: Path) -> None:
    os.setsid()
    for number, file in ((1, stdout), (2, stderr)):
        written = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(written, number)
        os.close(written)
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = argv
    exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})
