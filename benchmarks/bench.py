"""Run the benchmarks of speed one after the other, and print one table: each claim with the ratios of this machine."""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from measure import VERDICTS, machine

HERE = Path(__file__).parent
BENCHMARKS = {
    "startup": "startup.py",
    "first-result": "first_result.py",
    "removal": "removal_cost.py --steps 1 --pairs 3",
    "ledger": "ledger_speed.py",
    "training-face": "training_speed.py --recipe face --ways plain accelerate bimodal limit",
    "training-paper": "training_speed.py --recipe paper --ways plain accelerate bimodal limit",
    "onnx": "onnx_speed.py",
    "embed": "embed_speed.py",
    "audit": "audit_speed.py",
    "descriptors": "descriptors.py",
    "review": "review_speed.py",
    "growth": "growth.py",
}
"""Commands by name, the quick ones first."""
_LARGE = 100  # from this value on, decimals say nothing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that the benchmarks run")
    parser.add_argument("--rounds", type=int, default=5, help="number of measurements of each method [5]")
    parser.add_argument(
        "--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS), help="benchmarks to run [all]"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(".cache/bench"), help="folder for the logs and the results [.cache/bench]"
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    identity = [commit(), machine().partition("; load")[0], arguments.rounds, arguments.quick]
    for number, name in enumerate(arguments.only, start=1):
        command = [*shlex.split(BENCHMARKS[name]), "--rounds", str(arguments.rounds), *(["--quick"] * arguments.quick)]
        print(f"{number}/{len(arguments.only)}  {name}: ", end="", flush=True)
        print(run(name, command, arguments.out, identity), flush=True)
    table = table_of({name: read(arguments.out / f"{name}.json", identity) for name in arguments.only})
    text = f"{machine()}; commit {commit()}\n\n{table}\n"
    (arguments.out / "table.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nin {arguments.out / 'table.md'}; what each benchmark printed is beside it")


def run(name: str, command: list[str], out: Path, identity: list[object]) -> str:
    """Run a benchmark, unless its results are there from an earlier call; return what to say about it."""
    log, verdicts, results = (out / f"{name}.{kind}" for kind in ("log", "part", "json"))
    if read(results, identity):
        return "measured before"
    verdicts.unlink(missing_ok=True)
    start = time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        code = subprocess.run(
            [sys.executable, str(HERE / command[0]), *command[1:]],
            env=os.environ | {VERDICTS: str(verdicts)}, stdout=stream, stderr=subprocess.STDOUT, check=False,
        ).returncode  # fmt: skip
    if code or not verdicts.is_file():
        return f"FAILED, see {log}"
    found = [json.loads(line) for line in verdicts.read_text(encoding="utf-8").splitlines()]
    results.write_text(json.dumps({"identity": identity, "verdicts": found}, indent=1) + "\n", encoding="utf-8")
    verdicts.unlink()
    return f"{time.monotonic() - start:.0f} s"


def read(results: Path, identity: list[object]) -> list[dict[str, object]]:
    """Return the verdicts of an earlier run of the same commit on the same machine; none if there are none."""
    if not results.is_file():
        return []
    content = json.loads(results.read_text(encoding="utf-8"))
    return list(content["verdicts"]) if content["identity"] == identity else []


def table_of(verdicts: dict[str, list[dict[str, object]]]) -> str:
    """Return a Markdown table, with a row for each claim."""
    lines = ["| claim | holds | median | minimum | maximum | unit | rounds |", "|---|---|---:|---:|---:|---|---:|"]
    for name, found in verdicts.items():
        if not found:
            lines.append(f"| {name} | not measured | | | | | |")
        for verdict in found:
            values = verdict["values"]
            assert isinstance(values, list)
            numbers = [median(values), min(values), max(values)] if values else []
            cells = [f"{number:,.{0 if number >= _LARGE else 3}f}" for number in numbers] or ["", "", ""]
            holds = {True: "yes", False: "**no**", None: "not measured"}[verdict["holds"]]  # type: ignore[index]
            lines.append(f"| {verdict['claim']} | {holds} | {' | '.join(cells)} | {verdict['unit']} | {len(values)} |")
    return "\n".join(lines)


def commit() -> str:
    """Return the commit of this checkout, with `+` if files differ from it."""
    call = ["git", "-C", str(HERE), "describe", "--always", "--dirty=+"]
    return subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
