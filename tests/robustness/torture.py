"""The long version of these tests, `make torture`: all cases are kept in a file, so that a run that ends can be continued.

It prints a table, and writes the page about robustness with `--out`.
"""

import argparse
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import ROOT
from tests.label_audit.conftest import draw_data
from tests.robustness import limits
from tests.robustness.cases import REVIEWING, Cases
from tests.robustness.commands import COMMANDS, source_of
from tests.robustness.forked import import_libraries
from tests.robustness.fuzz_batches import PART, fuzz_in_batches
from tests.robustness.kills import Workshop
from tests.robustness.page import page
from tests.robustness.records import Records

_HEAVY = {"train", "export", "reproduce"}
"""The commands that need PyTorch."""


def main() -> int:
    """Try all cases that have not been tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--fuzzed", type=int, default=2000)
    parser.add_argument("--limits", type=int, default=10**6, help="at most so many cases of each kind of limit, drawn")
    parser.add_argument("--signals", type=int, default=21)
    parser.add_argument("--commands", default=",".join((*COMMANDS, REVIEWING)), help="only these, separated by commas")
    parser.add_argument("--files", default="", help="damage only the files whose path has this regular expression")
    parser.add_argument("--part", default="", help="only the rows of the table whose name contains this text")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("torture"), help="folder of the cases and of what failed")
    parser.add_argument("--out", type=Path, help="page to write")
    options = parser.parse_args()
    names = options.commands.split(",")
    if unknown := set(names) - {*COMMANDS, REVIEWING}:
        parser.error(f"--commands: unknown: {', '.join(sorted(unknown))}")
    options.work.mkdir(parents=True, exist_ok=True)
    work = options.work.resolve()
    records = Records(
        work / "cases.jsonl", _commit(), lambda line: print(f"{datetime.now():%H:%M:%S} {line}", flush=True)
    )
    mounts = limits.may_mount()
    import_libraries(heavy=bool(_HEAVY & set(names)))
    cases = Cases(Workshop(_source(work, names), work / "folders"), names, options.seed, options.limits, mounts)
    for part, tried in cases.parts(options.kills, options.signals, options.part):
        records.try_all(part, tried)
    if options.fuzzed and options.part in PART:
        fuzz_in_batches(records, work / "fuzzed", options.fuzzed, options.seed, options.files)
    print(records.table())
    if options.out:
        options.out.write_text(page(records, sys.argv[1:], f"{datetime.now(UTC):%Y-%m-%d}"), encoding="utf-8")
    return 1 if any(record.problem for record in records.all) else 0


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    if not (ROOT / ".git").exists():
        return "unknown"
    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def _source(work: Path, names: list[str]) -> Path:
    """Return the folder that each case copies: 70 drawn faces of 32 pixels, and a run if one is exported."""
    folder = work / "source"
    if not folder.exists():
        part = folder.with_name("unfinished")
        shutil.rmtree(part, ignore_errors=True)
        counts = {"train": 42, "val": 14, "test": 14}
        source_of(part, lambda data: draw_data(data, counts, wrong=7, size=32), trained="export" in names)
        part.rename(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
