"""Fuzzed input files, a batch in each forked process: a crash of a library ends a batch only, and a run can be continued."""

import json
import re
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.robustness.calls import MOST_SECONDS, Ended
from tests.robustness.forked import Forked
from tests.robustness.fuzzed import fuzz, undamaged
from tests.robustness.records import Records
from tests.robustness.targets import Target, build

PART = "damaged input files"
_BATCH = 40


def fuzz_in_batches(records: Records, work: Path, examples: int, seed: int, files: str = "") -> None:
    """Damage so many files, each in a copy of a workspace in `work`, and record how the commands that read them end.

    With the regular expression `files`, only files in whose path it is found.
    """
    workspace, listed = work / "workspace", work / "targets.json"
    if not listed.exists():
        shutil.rmtree(work, ignore_errors=True)
        workspace.mkdir(parents=True)
        if problem := _forked(partial(_build, workspace, listed), seconds=3600):
            raise RuntimeError(f"the files to damage cannot be made: {problem}")
    targets = [
        Target(**{**each, "folders": tuple(each["folders"]), "command": tuple(each["command"])})
        for each in json.loads(listed.read_text())
        if re.search(files, each["file"])
    ]
    for batch in range(-(-examples // _BATCH)):
        count = min(_BATCH, examples - batch * _BATCH)
        if records.has(PART, f"{seed}-{batch}-{count - 1}"):
            continue
        log = work / f"{seed}-{batch}.jsonl"
        log.unlink(missing_ok=True)
        crash = _forked(
            partial(_batch, workspace, targets, count, f"{seed}{batch:04}", log), seconds=count * MOST_SECONDS
        )
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        for number in range(count):
            name = f"{seed}-{batch}-{number}"
            if number < len(lines):
                records.add(PART, name, lines[number]["problem"], lines[number]["seconds"])
            elif number == len(lines) and crash:
                records.add(PART, name, f"the process of the command: {crash}", 0.0)
        print(f"{PART}: {batch * _BATCH + count} of {examples}", flush=True)


def _forked(run: partial[None], seconds: float) -> str:
    """Call a function in a forked process, and return what is wrong with its end."""
    process = Forked(Path.cwd(), run=run)
    if not process.wait(seconds):
        process.close()
        return f"no end after {seconds} seconds"
    problem = "" if process.returncode == 0 else f"exit code {process.returncode}: {process.stderr[-3000:]}"
    process.close()
    return problem


def _build(workspace: Path, listed: Path) -> None:
    targets = build(workspace)
    for target in {(target.command, target.folder): target for target in targets}.values():
        ended = undamaged(workspace, target)
        assert ended.code == 0, (target, ended)  # otherwise the damage would not be what is tested
    listed.write_text(json.dumps([vars(target) for target in targets]), encoding="utf-8")


def _batch(workspace: Path, targets: Sequence[Target], count: int, seed: str, log: Path) -> None:
    begun = time.monotonic()

    def report(target: Target, ended: Ended, _folder: Path) -> None:
        nonlocal begun
        problem = f"{target.file}, bimodal {' '.join(target.command)}: {ended.problem}" if ended.problem else ""
        with log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"problem": problem, "seconds": time.monotonic() - begun}) + "\n")
        begun = time.monotonic()

    fuzz(workspace, targets, count, int(seed), report)
