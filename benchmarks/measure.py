"""Functions of all benchmarks: alternate measurements, ratios by round, and a table."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

VERDICTS = "BIMODAL_BENCH_VERDICTS"
"""Environment variable: the file to which each verdict is appended, for the table of bench.py."""


def alternate(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure each method once in each round, in alternating order, so that a drift of the machine affects all equally."""
    values: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            values[name].append(ways[name]())
    return values


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return above / below for each round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(values: Sequence[float], digits: int = 2, unit: str = "") -> str:
    """Return `median (minimum to maximum)` as text."""
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle}{unit} ({low} to {high})"


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    print(f"\n{title}\n{machine()}\n")
    for row in [columns, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def verdict(claim: str, holds: bool | None, values: Sequence[float] = (), unit: str = "times") -> None:
    """Print whether the claim of a benchmark holds on this machine; None: it was not measured.

    Args:
        claim: the claim, with its limit.
        holds: whether it holds.
        values: of each round, what the claim is about.
        unit: of the values.
    """
    print(f"\n{claim}: {'NOT MEASURED' if holds is None else 'holds' if holds else 'DOES NOT HOLD'}", flush=True)
    if file := os.environ.get(VERDICTS):
        record = {"claim": claim, "holds": holds, "values": [float(value) for value in values], "unit": unit}
        with open(file, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")


def machine() -> str:
    """Describe the machine: cores, processor, threads and load."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return f"{os.cpu_count()} cores, {name}; threads: {threads}; load average: {os.getloadavg()[1]:.1f}"


def options(about: str, rounds: int, threads: bool = False) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that the benchmark runs")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"number of measurements of each method [{rounds}]")
    if threads:
        parser.add_argument("--threads", type=int, help="number of threads [one for each core]")
    return parser
