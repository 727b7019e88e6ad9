"""The cases of the table about robustness: which commands are disturbed, and how."""

import random
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path

from tests.robustness import limits
from tests.robustness.commands import COMMANDS, finished, inputs, wrong_end
from tests.robustness.forked import Forked
from tests.robustness.kills import FAILURES, Workshop
from tests.robustness.review_kills import REVIEW, Page, audited, killed_review

Case = tuple[str, Callable[[], str]]
"""A name, and a function that returns what is wrong, or an empty text."""
REVIEWING = "review"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Cases:
    """The cases of a run.

    Attributes:
        workshop: runs the commands.
        names: of `COMMANDS`, and `review`.
        seed: of all that is drawn.
        most: the largest number of cases of each kind of limit; those are drawn.
        mounts: whether file systems may be mounted.
    """

    workshop: Workshop
    names: Sequence[str]
    seed: int
    most: int
    mounts: bool

    @property
    def commands(self) -> list[str]:
        """The names without `review`, which ends only by a signal."""
        return [name for name in self.names if name != REVIEWING]

    def parts(self, kills: int, signals: int, only: str = "") -> Iterator[tuple[str, list[Case]]]:
        """Yield the rows of the table and their cases; with `only`, those rows that contain this text."""
        limits_of = {
            "disk full, or read-only, from each kind of file operation on": self._failing,
            "limits of file size, memory, descriptors; odd clocks": self._limited,
            "files from the future and the past": self._file_times,
            "no right to write": self._no_rights,
            **({"a small or a read-only file system": self._disks} if self.mounts else {}),
            **({"`/dev/shm` missing, read-only or small": self._shared_memory} if self.mounts else {}),
            "two calls at once": self._two_at_once,
        }
        parts: dict[str, Callable[[], list[Case]]] = {
            "SIGKILL at a random moment or file operation": lambda: list(self._kills(kills)),
            "SIGINT, SIGTERM, SIGHUP at a random moment": lambda: list(self._signals(signals)),
            **({name: partial(self._drawn, cases) for name, cases in limits_of.items()} if self.most else {}),
        }
        yield from ((name, cases()) for name, cases in parts.items() if only in name)

    def _drawn(self, cases: Callable[[], Iterator[Case]]) -> list[Case]:
        """Return as many cases as are asked for, in a random order, so that the first ones are of all commands."""
        every = sorted(cases(), key=lambda case: case[0])
        random.Random(self.seed).shuffle(every)
        return every[: self.most]

    def _kills(self, count: int) -> Iterator[Case]:
        for number in range(count):
            name, choose = self.names[number % len(self.names)], random.Random(f"{self.seed} {number}")
            if name == REVIEWING:
                yield f"{number} {name}", partial(self._killed_review, choose)
            else:
                at_operation = bool(number // len(self.names) % 2)
                yield f"{number} {name}", partial(self.workshop.killed, name, choose, at_operation)

    def _killed_review(self, choose: random.Random) -> str:
        return killed_review(partial(self._reviewed().copy, REVIEWING), choose)

    def _reviewed(self) -> Workshop:
        """Return a workshop whose folder has an audit, too."""
        folder = self.workshop.work.parent / "reviewed"
        if not (folder / "audit/suspects.csv").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.workshop.source, folder, symlinks=True)
            audited(folder)
        return Workshop(folder, self.workshop.work)

    def _signals(self, count: int) -> Iterator[Case]:
        names = self.commands
        for number in range(count):
            name, sent = names[number % len(names)], _SIGNALS[number // len(names) % len(_SIGNALS)]
            choose = random.Random(f"{self.seed} signal {number}")
            yield f"{number} {name} {sent.name}", partial(self.workshop.stopped, name, choose, sent)

    def _failing(self) -> Iterator[Case]:
        for name in self.commands:
            operations = self.workshop.reference(name).operations
            for kind in dict.fromkeys(operations):
                for failure in FAILURES:
                    yield (
                        f"{name}, {failure}, {kind}",
                        partial(self.workshop.failing, name, operations.index(kind) + 1, failure),
                    )

    def _limited(self) -> Iterator[Case]:
        for condition, before in limits.limits_of_process().items():
            for name in self.commands:
                yield f"{name}, {condition}", partial(self.workshop.limited, name, before)

    def _file_times(self) -> Iterator[Case]:
        def attempt(name: str, moment: float) -> str:
            return self.workshop.limited(name, lambda: limits.set_times(Path.cwd(), moment))

        for condition, moment in limits.FILE_TIMES.items():
            for name in self.commands:
                yield f"{name}, {condition}", partial(attempt, name, moment)

    def _no_rights(self) -> Iterator[Case]:
        for name in self.commands:
            yield name, partial(self.workshop.limited, name, limits.without_rights, around=limits.unwritable)

    def _disks(self) -> Iterator[Case]:
        for name in self.commands:
            yield f"{name}, read-only", partial(self.workshop.limited, name, None, around=limits.read_only)
            for free in limits.FREE_SPACE:
                yield (
                    f"{name}, {free:,} free bytes",
                    partial(self.workshop.limited, name, None, around=partial(limits.small_disk, free=free)),
                )

    def _shared_memory(self) -> Iterator[Case]:
        def attempt(options: str, read_only: bool) -> str:
            folder = self.workshop.copy("shared")
            given = inputs(folder)
            command = tuple("1" if each == "0" else each for each in COMMANDS["train"].first)  # --workers 1
            assert command != COMMANDS["train"].first
            with limits.shared_memory(options, read_only):
                process = finished(folder, *command)
            problem = wrong_end(process)
            process.close()
            return problem or ("" if inputs(folder) == given else "a file of the user's was changed")

        if "train" in self.names:
            yield "train --workers 1, none", partial(attempt, "size=4k", True)
            yield "train --workers 1, 4 KiB", partial(attempt, "size=4k", False)
            yield "train --workers 1, 64 KiB", partial(attempt, "size=64k", False)
        for name in self.commands:
            yield (
                f"{name}, none",
                partial(self.workshop.limited, name, None, around=lambda _: limits.shared_memory("size=4k", True)),
            )

    def _two_at_once(self) -> Iterator[Case]:
        for name in self.commands:
            yield name, partial(self._twice, name)
        if REVIEWING in self.names:
            yield "review", self._two_reviews

    def _twice(self, name: str) -> str:
        """Start a command twice: at least one succeeds, and one that does not says in one line why."""
        folder = self.workshop.copy(name)
        both = [Forked(folder, *COMMANDS[name].first) for _ in range(2)]
        for process in both:
            if not process.wait(600):
                return f"{name}: no end after 600 seconds"
        problem = next((problem for process in both if (problem := wrong_end(process))), "")
        codes = sorted(process.returncode or 0 for process in both)
        if not problem and codes not in ([0, 0], [0, 2]):
            problem = f"exit codes {codes}"
        for process in both:
            process.close()
        return problem or self.workshop.compared(folder, name)

    def _two_reviews(self) -> str:
        """Review the same audit in two processes: each serves the page, or says in one line that the other is opening it."""
        folder = self._reviewed().copy("review")
        both = [Forked(folder, *REVIEW) for _ in range(2)]
        try:
            pages = []
            for process, name in zip(both, ("Ann", "Bob"), strict=True):
                try:
                    pages.append(Page(process, name))
                except (AssertionError, OSError, HTTPException):
                    process.wait(60)
                    if problem := wrong_end(process, (2,)):
                        return problem
            for row in range(15):
                for page in pages:
                    page.decide(row, "keep")
            events = sorted(event for page in pages for _, event in page.acknowledged)
            expected = list(range(1, 15 * len(pages) + 1))
            return "" if pages and events == expected else f"decisions are lost: {events}"
        finally:
            for process in both:
                process.close()
