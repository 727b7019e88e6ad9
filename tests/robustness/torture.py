"""The long version of these tests, `make torture`: all cases are kept in a file, so that a run that ends can be continued.

It prints a table, and writes the page about robustness with `--out`.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.conftest import ROOT
from tests.label_audit.conftest import draw_data
from tests.robustness import limits
from tests.robustness.commands import COMMANDS, finished, inputs, source_of, wrong_end
from tests.robustness.forked import Forked, import_libraries
from tests.robustness.fuzz_batches import fuzz_in_batches
from tests.robustness.kills import FAILURES, Workshop
from tests.robustness.page import page
from tests.robustness.records import Records
from tests.robustness.review_kills import REVIEW, Page, audited, killed_review

Case = tuple[str, Callable[[], str]]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Try all cases that have not been tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--fuzzed", type=int, default=2000)
    parser.add_argument("--limits", type=int, default=10**6, help="at most so many cases of each kind of limit, drawn")
    parser.add_argument("--signals", type=int, default=21)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("torture"), help="folder of the cases and of what failed")
    parser.add_argument("--out", type=Path, help="page to write")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    work = options.work.resolve()
    records = Records(
        work / "cases.jsonl", _commit(), lambda line: print(f"{datetime.now():%H:%M:%S} {line}", flush=True)
    )
    mounts = limits.may_mount()
    import_libraries()
    workshop = Workshop(_source(work), work / "folders")
    for part, cases in _parts(workshop, options, mounts):
        records.try_all(part, cases)
    if options.fuzzed:
        fuzz_in_batches(records, work / "fuzzed", options.fuzzed, options.seed)
    print(records.table())
    if options.out:
        options.out.write_text(page(records, sys.argv[1:], f"{datetime.now(UTC):%Y-%m-%d}"), encoding="utf-8")
    return 1 if any(record.problem for record in records.all) else 0


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def _source(work: Path) -> Path:
    """Return the folder that each case copies: 70 drawn faces of 32 pixels, and a run."""
    folder = work / "source"
    if not (folder / "trained/model.safetensors").exists():
        shutil.rmtree(folder, ignore_errors=True)
        source_of(folder, lambda data: draw_data(data, {"train": 42, "val": 14, "test": 14}, wrong=7, size=32))
    return folder


def _parts(workshop: Workshop, options: argparse.Namespace, mounts: bool) -> Iterator[tuple[str, Iterable[Case]]]:
    """Yield the rows of the table and their cases."""
    yield "SIGKILL at a random moment or file operation", _kills(workshop, options)
    yield "SIGINT, SIGTERM, SIGHUP at a random moment", _signals(workshop, options)
    yield "disk full, or read-only, from each kind of file operation on", _drawn(_failing(workshop), options)
    yield "limits of file size, memory, descriptors; odd clocks", _drawn(_limited(workshop), options)
    yield "files from the future and the past", _drawn(_file_times(workshop), options)
    yield "no right to write", _drawn(_no_rights(workshop), options)
    if mounts:
        yield "a small or a read-only file system", _drawn(_disks(workshop), options)
        yield "`/dev/shm` missing, read-only or small", _drawn(_shared_memory(workshop), options)
    yield "two calls at once", _drawn(_two_at_once(workshop), options)


def _drawn(cases: Iterator[Case], options: argparse.Namespace) -> list[Case]:
    """Return as many cases as are asked for, in a random order, so that the first ones are of all commands."""
    if not options.limits:
        return []
    every = sorted(cases, key=lambda case: case[0])
    random.Random(options.seed).shuffle(every)
    return every[: options.limits]


def _kills(workshop: Workshop, options: argparse.Namespace) -> Iterator[Case]:
    names = (*COMMANDS, "review")
    for number in range(options.kills):
        name, choose = names[number % len(names)], random.Random(f"{options.seed} {number}")
        if name == "review":
            yield f"{number} review", partial(_review, workshop, choose)
        else:
            at_operation = bool(number // len(names) % 2)
            yield f"{number} {name}", partial(workshop.killed, name, choose, at_operation)


def _review(workshop: Workshop, choose: random.Random) -> str:
    return killed_review(partial(_reviewed(workshop).copy, "review"), choose)


def _reviewed(workshop: Workshop) -> Workshop:
    """Return a workshop whose folder has an audit, too."""
    folder = workshop.work.parent / "reviewed"
    if not (folder / "audit/suspects.csv").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(workshop.source, folder, symlinks=True)
        audited(folder)
    return Workshop(folder, workshop.work)


def _signals(workshop: Workshop, options: argparse.Namespace) -> Iterator[Case]:
    names = tuple(COMMANDS)
    for number in range(options.signals):
        name, sent = names[number % len(names)], _SIGNALS[number // len(names) % len(_SIGNALS)]
        choose = random.Random(f"{options.seed} signal {number}")
        yield f"{number} {name} {sent.name}", partial(workshop.stopped, name, choose, sent)


def _failing(workshop: Workshop) -> Iterator[Case]:
    for name in COMMANDS:
        operations = workshop.reference(name).operations
        for kind in dict.fromkeys(operations):
            for failure in FAILURES:
                yield f"{name}, {failure}, {kind}", partial(workshop.failing, name, operations.index(kind) + 1, failure)


def _limited(workshop: Workshop) -> Iterator[Case]:
    for condition, before in limits.limits_of_process().items():
        for name in COMMANDS:
            yield f"{name}, {condition}", partial(workshop.limited, name, before)


def _file_times(workshop: Workshop) -> Iterator[Case]:
    def attempt(name: str, moment: float) -> str:
        return workshop.limited(name, lambda: limits.set_times(Path.cwd(), moment))

    for condition, moment in limits.FILE_TIMES.items():
        for name in COMMANDS:
            yield f"{name}, {condition}", partial(attempt, name, moment)


def _no_rights(workshop: Workshop) -> Iterator[Case]:
    for name in COMMANDS:
        yield name, partial(workshop.limited, name, limits.without_rights, around=limits.unwritable)


def _disks(workshop: Workshop) -> Iterator[Case]:
    for name in COMMANDS:
        yield f"{name}, read-only", partial(workshop.limited, name, None, around=limits.read_only)
        for free in limits.FREE_SPACE:
            yield (
                f"{name}, {free:,} free bytes",
                partial(workshop.limited, name, None, around=partial(limits.small_disk, free=free)),
            )


def _shared_memory(workshop: Workshop) -> Iterator[Case]:
    def attempt(options: str, read_only: bool) -> str:
        folder = workshop.copy("shared")
        given = inputs(folder)
        command = tuple("1" if each == "0" else each for each in COMMANDS["train"].first)  # --workers 1
        assert command != COMMANDS["train"].first
        with limits.shared_memory(options, read_only):
            process = finished(folder, *command)
        problem = wrong_end(process)
        process.close()
        return problem or ("" if inputs(folder) == given else "a file of the user's was changed")

    yield "train --workers 1, none", partial(attempt, "size=4k", True)
    yield "train --workers 1, 4 KiB", partial(attempt, "size=4k", False)
    yield "train --workers 1, 64 KiB", partial(attempt, "size=64k", False)
    for name in COMMANDS:
        yield (
            f"{name}, none",
            partial(workshop.limited, name, None, around=lambda _: limits.shared_memory("size=4k", True)),
        )


def _two_at_once(workshop: Workshop) -> Iterator[Case]:
    for name in COMMANDS:
        yield name, partial(_twice, workshop, name)
    yield "review", partial(_two_reviews, workshop)


def _twice(workshop: Workshop, name: str) -> str:
    """Start a command twice: at least one succeeds, and one that does not says in one line why."""
    folder = workshop.copy(name)
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
    return problem or workshop.compared(folder, name)


def _two_reviews(workshop: Workshop) -> str:
    """Review the same audit in two processes: both store their decisions."""
    folder = _reviewed(workshop).copy("review")
    both = [Forked(folder, *REVIEW) for _ in range(2)]
    try:
        pages = [Page(process, name) for process, name in zip(both, ("Ann", "Bob"), strict=True)]
        for row in range(15):
            for each in pages:
                each.decide(row, "keep")
        events = [event for each in pages for _, event in each.acknowledged]
        return "" if sorted(events) == list(range(1, 31)) else f"decisions are lost: {sorted(events)}"
    finally:
        for process in both:
            process.close()


if __name__ == "__main__":
    sys.exit(main())
