"""Claim: `bimodal prepare` converts FER2013 at least 1.3 times as fast as an earlier version, and 10,000 JPEGs no slower."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from measure import alternate, options, ratios, show, spread, verdict

BAR, JPEG_BAR = 1.3, 0.95  # 0.95: the noise of a machine with other work
NOW = Path(__file__).resolve().parents[1] / "src"


def write_csv(file: Path, rows: int) -> Path:
    """Write a CSV like `fer2013.csv`, of smooth random pictures."""
    rng = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for row in range(rows):
        small = Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8))
        pixels = np.asarray(small.resize((48, 48), Image.Resampling.BICUBIC)).ravel()
        lines.append(f"{row % 7},{' '.join(map(str, pixels))},{('Training', 'Training', 'PublicTest')[row % 3]}")
    file.write_text("\n".join(lines) + "\n")
    return file


def write_jpegs(folder: Path, count: int) -> Path:
    """Write JPEGs of 256 pixels in two class folders."""
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("happy", "sad")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8))
        small.resize((256, 256), Image.Resampling.BICUBIC).save(place / f"{number}.jpg", quality=90)
    return folder


def seconds(code: Path, source: Path, out: Path, computing: list[float]) -> float:
    """Return the seconds of one call in a process of its own; append its processor seconds to `computing`."""
    shutil.rmtree(out, ignore_errors=True)
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "bimodal", "prepare", str(source), str(out)],
        env=os.environ | {"PYTHONPATH": str(code)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = os.times()
    computing.append(after.children_user - before.children_user + after.children_system - before.children_system)
    return time.perf_counter() - start


def compare(name: str, source: Path, out: Path, codes: dict[str, Path], rounds: int) -> tuple[list[list[str]], float]:
    """Measure each version; return the rows of the table, and the ratio of the earliest to this one (1 without another)."""
    computing: dict[str, list[float]] = {version: [] for version in codes}
    ways = {v: lambda v=v: seconds(codes[v], source, out, computing[v]) for v in codes}  # type: ignore[misc]
    times = alternate(ways, rounds)
    rows = [
        [f"{name}, {version}", spread(times[version], 1), spread(ratios(times[version], times["this version"])),
         spread(computing[version], 1)]
        for version in codes
    ]  # fmt: skip
    return rows, median(ratios(times[next(iter(codes))], times["this version"]))


def main() -> None:
    parser: argparse.ArgumentParser = options(__doc__ or "", rounds=3)
    parser.add_argument("--earlier", type=Path, help="folder src of an earlier version, such as of another clone")
    parser.add_argument("--fer2013", type=Path, help="fer2013.csv, plain or .gz [28,462 rows of random pictures]")
    arguments = parser.parse_args()
    codes = {"this version": NOW}
    if arguments.earlier:
        codes = {"earlier version": arguments.earlier.resolve(), **codes}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = arguments.fer2013 or write_csv(folder / "fer2013.csv", 300 if arguments.quick else 28_462)
        jpegs = write_jpegs(folder / "jpegs", 60 if arguments.quick else 10_000)
        rounds = 1 if arguments.quick else arguments.rounds
        rows, fer = compare("FER2013", table, folder / "out", codes, rounds)
        more, pictures = compare("JPEGs", jpegs, folder / "out", codes, rounds)
    show("Preparing data", ["source", "seconds", "times this version", "processor seconds"], [*rows, *more])
    holds = fer >= BAR and pictures >= JPEG_BAR if arguments.earlier else None
    verdict(f"FER2013 at least {BAR} times as fast as with the earlier version, and JPEGs no slower", holds)


if __name__ == "__main__":
    main()
