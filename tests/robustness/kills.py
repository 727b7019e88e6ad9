"""Kills: after SIGKILL nothing of the user's is lost, and the same command again ends as if it had not been killed."""

import errno
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from bimodal.data.inspection_log import log_folder
from tests.robustness.commands import (
    COMMANDS,
    Reference,
    digests,
    finished,
    hidden_parts,
    inputs,
    lines_of,
    wrong_end,
)
from tests.robustness.file_operations import failing_from, killed_at, recorded
from tests.robustness.forked import Forked

_ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
_MOST_TO_STOP = 300.0  # seconds, on a machine that others use, too
FAILURES = {"the disk is full": errno.ENOSPC, "the folder is read-only": errno.EROFS}


class Workshop:
    """Runs commands, each in a copy of a folder with `data`, `faces` and `trained`.

    The methods return what is wrong, or an empty text.
    """

    def __init__(self, source: Path, work: Path) -> None:
        self.source, self.work = source, work
        self._references: dict[str, Reference] = {}
        work.mkdir(parents=True, exist_ok=True)

    def reference(self, name: str) -> Reference:
        """Return what a command gives that nothing disturbs."""
        if name not in self._references:
            folder, file = self.copy(f"{name}-whole"), self.work / f"{name}-operations"
            start = time.monotonic()
            process = finished(folder, *COMMANDS[name].first, before=recorded(file))
            assert process.returncode == 0, process.stderr
            seconds, found = time.monotonic() - start, digests(folder, COMMANDS[name].results)
            assert len(found) == len(COMMANDS[name].results), folder
            process.close()
            self._references[name] = Reference(found, seconds, lines_of(file))
            shutil.rmtree(folder)
        return self._references[name]

    def killed(self, name: str, choose: random.Random, at_operation: bool) -> str:
        """Kill a command once, at a random moment or before a random file operation, and call it again."""
        reference, folder = self.reference(name), self.copy(name)
        given = inputs(folder)
        if at_operation:
            number = choose.randint(1, len(reference.operations))
            moment = f"before operation {number}, {reference.operations[number - 1]}"
            process = Forked(folder, *COMMANDS[name].first, before=killed_at(number))
            if not process.wait(600):
                process.close()
                return f"{name}, {moment}: no end after 600 seconds"
            if process.returncode != -signal.SIGKILL:
                return (
                    f"{name}, {moment}: it was not killed, but ended with {process.returncode}: {process.stderr[-500:]}"
                )
        else:
            seconds = choose.uniform(0.0, 1.05) * reference.seconds
            moment = f"after {seconds:.2f} of {reference.seconds:.2f} s"
            process = Forked(folder, *COMMANDS[name].first)
            process.wait(seconds)
        process.close()
        problem = self._repaired(folder, name, given)
        return f"{name}, SIGKILL {moment}: {problem}" if problem else ""

    def stopped(self, name: str, choose: random.Random, number: signal.Signals) -> str:
        """Send a signal to a command: it ends by itself with the exit code of the signal, and leaves nothing hidden.

        `prepare` keeps what it has inspected, if it says that the same command continues.
        """
        reference, folder = self.reference(name), self.copy(name)
        given, seconds = inputs(folder), choose.uniform(0.05, 1.0) * reference.seconds
        process = Forked(folder, *COMMANDS[name].first)
        process.wait(seconds)
        process.signal(number)
        what = f"{name}, {number.name} after {seconds:.2f} s"
        if not process.wait(_MOST_TO_STOP):
            process.close()
            return f"{what}: no end after {_MOST_TO_STOP:.0f} seconds"
        at_the_edge = -number  # the default of the system, before the command starts and after it has ended
        problem = wrong_end(process, (0, _ENDS[number], at_the_edge))
        promised = {log_folder(folder / "DATA").name} if "the same command continues" in process.stdout else set()
        if process.returncode and not problem and (left := set(hidden_parts(folder)) - promised):
            problem = f"hidden parts are left: {sorted(left)}"
        process.close()
        problem = problem or self._repaired(folder, name, given)
        return f"{what}: {problem}" if problem else ""

    def failing(self, name: str, number: int, failure: str) -> str:
        """Let a file operation of a command and the later ones fail, then call it again on a disk that works."""
        kind, code = self.reference(name).operations[number - 1], FAILURES[failure]
        folder = self.copy(name)
        given = inputs(folder)
        process = finished(folder, *COMMANDS[name].first, before=failing_from(number, code))
        problem = wrong_end(process)
        process.close()
        problem = problem or self._repaired(folder, name, given)
        return f"{name}, {failure} from operation {number}, {kind}: {problem}" if problem else ""

    def limited(
        self,
        name: str,
        before: Callable[[], None] | None,
        around: Callable[[Path], AbstractContextManager[None]] | None = None,
    ) -> str:
        """Run a command in a process that `before` limits, with its folder in a block; then without the limit."""
        folder = self.copy(name)
        given = inputs(folder)
        with around(folder) if around else nullcontext():
            process = finished(folder, *COMMANDS[name].first, before=before)
            problem = wrong_end(process)
            process.close()
        return problem or self._repaired(folder, name, given)

    def compared(self, folder: Path, name: str) -> str:
        """Compare results with those that nothing disturbed; delete the folder if they are the same."""
        found, expected = digests(folder, COMMANDS[name].results), self.reference(name).digests
        if found != expected:
            return f"other results than without it: {sorted(each for each in expected if expected[each] != found.get(each))}"
        if left := hidden_parts(folder):
            return f"hidden parts are left: {left}"
        shutil.rmtree(folder)
        return ""

    def copy(self, name: str) -> Path:
        """Return a new copy of the folder."""
        folder = self.work / f"{name}-{os.getpid()}-{time.monotonic_ns()}"
        return Path(shutil.copytree(self.source, folder, symlinks=True))

    def _repaired(self, folder: Path, name: str, given: dict[str, str]) -> str:
        """Check the user's files, call a command again, and compare its results."""
        if inputs(folder) != given:
            return "a file of the user's was lost or changed"
        problem = again(folder, name)
        if not problem and inputs(folder) != given:
            problem = "a file of the user's was lost or changed by the second call"
        return problem or self.compared(folder, name)


def again(folder: Path, name: str) -> str:
    """Call a command after a kill; if there is nothing to resume, the message must say so, and the first one works."""
    command, errors = COMMANDS[name], ""
    for arguments in (command.again, command.first, (*command.first, "--overwrite")):
        process = finished(folder, *arguments)
        code, errors, problem = process.returncode, process.stderr, wrong_end(process)
        process.close()
        if problem:
            return f"{' '.join(arguments)} ended with {problem}"
        if code == 0:
            return ""
    return f"no call succeeds after it: {errors[-500:]}"
