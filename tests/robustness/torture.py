"""The long version of these tests, `make torture`: it prints a table, and keeps it in a file with `--out`."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import ROOT
from tests.label_audit.conftest import draw_data
from tests.robustness.calls import Ended
from tests.robustness.fuzzed import fuzz, undamaged
from tests.robustness.kills import COMMANDS, Kills, source_of, started
from tests.robustness.limits import conditions, run_limited
from tests.robustness.targets import Target, build


@dataclass
class Part:
    """A row of the table: how many cases of a kind ran, and what was wrong."""

    name: str
    cases: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, problem: str) -> None:
        self.cases += 1
        if problem:
            self.problems.append(problem)
            print(f"PROBLEM {problem}\n", flush=True)

    @property
    def row(self) -> str:
        kinds = Counter(_kind(problem) for problem in self.problems)
        counts = " | ".join(str(kinds[kind]) for kind in ("lost", "traceback", "hang", "other"))
        return f"| {self.name} | {self.cases} | {counts} | {self.seconds / 60:.0f} min |"


def _kind(problem: str) -> str:
    if "lost" in problem or "changed" in problem or "other results" in problem:
        return "lost"
    if "Traceback" in problem:
        return "traceback"
    return "hang" if "no end after" in problem else "other"


def main() -> int:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--fuzzed", type=int, default=2000)
    parser.add_argument("--limits", type=int, default=100, help="at most so many cases under limits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    parts: list[Part] = []
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        work = Path(folder)
        source = source_of(
            work / "source", lambda data: draw_data(data, {"train": 70, "val": 21, "test": 21}, wrong=14)
        )
        for run in (_kills, _limits, _two_at_once, _fuzzed):
            start = time.monotonic()
            part = run(work, source, options)
            part.seconds = time.monotonic() - start
            parts.append(part)
            print(part.row, flush=True)
    if options.out:
        options.out.write_text(_page(parts, options), encoding="utf-8")
    return 1 if any(part.problems for part in parts) else 0


def _kills(work: Path, source: Path, options: argparse.Namespace) -> Part:
    part, kills = (
        Part(f"SIGKILL at a random moment ({', '.join(COMMANDS)})"),
        Kills(source, work / "kills", options.seed),
    )
    for number in range(options.kills):
        part.add(kills.kill(list(COMMANDS)[number % len(COMMANDS)], number))
    return part


def _limits(work: Path, source: Path, options: argparse.Namespace) -> Part:
    names = [name for name in conditions() if os.geteuid() or "cannot be written" not in name]
    part = Part("limits of file size, memory and descriptors")
    cases = [(command, name) for name in names for command in COMMANDS]
    for number, (command, name) in enumerate(cases[: options.limits]):
        folder = Path(shutil.copytree(source, work / f"limits-{number}", symlinks=True))
        part.add(run_limited(folder, command, name))
        shutil.rmtree(folder)
    return part


def _two_at_once(work: Path, source: Path, options: argparse.Namespace) -> Part:
    """Start each command twice: at least one succeeds, and one that does not says in one line why."""
    part = Part("two calls at once")
    for command, (arguments, _, results) in COMMANDS.items() if options.limits else ():
        folder = Path(shutil.copytree(source, work / f"two-{command}", symlinks=True))
        both = [started(folder, *arguments) for _ in range(2)]
        errors = [process.communicate(timeout=600)[1] for process in both]
        codes = sorted(process.returncode for process in both)
        complete = all((folder / name).is_file() for name in results)
        fine = codes in ([0, 0], [0, 2]) and complete and "Traceback" not in "".join(errors)
        part.add("" if fine else f"{command}: exit codes {codes}: {errors}")
    return part


def _fuzzed(work: Path, _source: Path, options: argparse.Namespace) -> Part:
    part, place = Part("damaged input files"), work / "fuzzed"
    place.mkdir()

    def report(target: Target, ended: Ended, _folder: Path) -> None:
        problem = ended.problem
        part.add(f"{target.file}, bimodal {' '.join(target.command)}: {problem}" if problem else "")

    if options.fuzzed:
        targets = build(place)
        for target in {(target.command, target.folder): target for target in targets}.values():
            ended = undamaged(place, target)
            assert ended.code == 0, (target, ended)  # otherwise the damage would not be what is tested
        fuzz(place, targets, options.fuzzed, options.seed, report)
    return part


def _page(parts: list[Part], options: argparse.Namespace) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    rows = "\n".join(part.row for part in parts)
    command = f"make torture TORTURE='--kills {options.kills} --fuzzed {options.fuzzed} --limits {options.limits} --seed {options.seed}'"
    return f"""# Robustness

What a damaged or hostile file, a kill, a full disk or two calls at once do to bimodal. Commit `{commit}`, {datetime.now(UTC):%Y-%m-%d}:
`{command}`.

| part | cases | lost | tracebacks | hangs | other defects | time |
|---|---|---|---|---|---|---|
{rows}

**Lost**: a file of the user's is missing or changed, or the results after the kill and a repeated call differ from those without a
kill. **Other defects**: no message of one line, another exit code than 0 or 2, too much memory, or hidden parts that are left.
`tests/robustness/` has a short version of each part, which `make test` runs.
"""


if __name__ == "__main__":
    sys.exit(main())
