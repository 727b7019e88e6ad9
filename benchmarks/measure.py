"""What all benchmarks share: ways measured in turn, ratios round by round, and a table."""

import argparse
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median


def alternate(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure every way once a round, forwards and backwards in turn, so that a drift of the machine hits all alike."""
    values: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            values[name].append(ways[name]())
    return values


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return above / below, round by round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(values: Sequence[float], digits: int = 2, unit: str = "") -> str:
    """Return `median (smallest to largest)`."""
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle}{unit} ({low} to {high})"


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that reads well on a terminal and in a Markdown page."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    print(f"\n{title}\n{machine()}\n")
    for row in [columns, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def verdict(claim: str, holds: bool | None) -> None:
    """Print whether the claim of a benchmark holds here; None: it was not measured."""
    print(f"\n{claim}: {'NOT MEASURED' if holds is None else 'holds' if holds else 'DOES NOT HOLD'}", flush=True)


def machine() -> str:
    """Return the machine in words: cores, processor, threads, and how busy it was."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return f"{os.cpu_count()} cores, {name}; threads: {threads}; load before the end: {os.getloadavg()[1]:.1f}"


def options(about: str, rounds: int, threads: bool = False) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how often each way is measured [{rounds}]")
    if threads:
        parser.add_argument("--threads", type=int, help="threads of the computation [one a core]")
    return parser
