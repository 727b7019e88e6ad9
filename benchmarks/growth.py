"""Claim: from 1,000 to a million faces, no step takes over 2 GB, and none grows faster than n log n.

Each step runs in a process of its own on small drawn faces in shards; what is measured is kept in a table, and a later call goes
on from there: `growth.py --counts 1000,10000,100000,1000000 --folder FOLDER`. The features are the grey values of each face in 8
by 8 parts, so that the work of the network, which grows with n, does not hide that of the other steps.
"""

import argparse
import csv
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from measure import show, verdict

STEPS = ("draw", "prepare", "read", "features", "audit", "review", "ledger", "train", "predict", "report")
QUICK_STEPS = STEPS[:7]  # those that load no PyTorch
MEMORY_GB, TOLERANCE = 2.0, 0.1
"""The bars: peak memory, and by how much a measured exponent may exceed that of n log n, on a machine with other work."""
SIDE, PARTS = 32, 8


def draw(folder: Path, count: int) -> None:
    from small_faces import write

    shutil.rmtree(folder / "faces", ignore_errors=True)
    write(folder / "faces", count)


def prepare(folder: Path, count: int) -> None:
    from bimodal.data.prepare import prepare

    shutil.rmtree(folder / "data", ignore_errors=True)
    prepare(folder / "faces", folder / "data", store="shards", val_share=0.05, test_share=0.05)


def read(folder: Path, count: int) -> None:
    from bimodal.data.manifest import Manifest

    manifest = Manifest.read(folder / "data")
    assert len(manifest) > 0.9 * count
    assert len(manifest.fingerprint) == 64


def features(folder: Path, count: int) -> None:
    from bimodal.data.manifest import Manifest
    from bimodal.features.store import features_of

    features_of(Manifest.read(folder / "data"), embedder())


def audit(folder: Path, count: int) -> None:
    import bimodal.label_audit.audit as module

    module.choose_embedder = lambda *_: embedder()
    shutil.rmtree(folder / "audit", ignore_errors=True)
    module.audit(folder / "data", folder / "audit")


def ledger(folder: Path, count: int) -> None:
    """An epoch without the network: the order of the faces, their labels and pictures, the losses, and the removal."""
    from bimodal.data.cache import decoded, read_rows
    from bimodal.data.manifest import Manifest
    from bimodal.removal.ledger import LossLedger

    manifest = Manifest.read(folder / "data")
    rows, pictures = manifest.rows("train"), decoded(manifest, SIDE)
    rng = np.random.default_rng(0)
    losses = LossLedger(len(rows))
    order = rng.permutation(len(rows))
    for start in range(0, len(rows), 256):
        chosen = order[start : start + 256]
        batch = np.concatenate([read_rows(pictures, row, row + 1) for row in rows[chosen].tolist()])
        losses.update(chosen, batch.mean(axis=(1, 2, 3)) / 255 + rng.exponential(size=len(chosen)))


def train(folder: Path, count: int) -> None:
    """An epoch of a small network, with validation, the losses of all faces, and a removal after the epoch."""
    from bimodal.training.settings import TrainSettings
    from bimodal.training.train import train

    settings = TrainSettings.preset(
        "small",
        {"image_size": SIDE, "epochs": 1, "batch_size": 64, "augment": "fast", "removal": {"rule": "wang", "epoch": 1}},
    )
    train(folder / "data", folder / "run", settings, overwrite=(folder / "run").is_dir())


def predict(folder: Path, count: int) -> None:
    """The predictions of the run for the faces of the test split, a twentieth of all."""
    from bimodal.training.evaluate import evaluate

    evaluate(folder / "run")


def report(folder: Path, count: int) -> None:
    from bimodal.report.report_page import write_report

    write_report([folder / "run"], folder / "report", overwrite=(folder / "report").is_dir())


def review(folder: Path, count: int) -> None:
    """Opens the review page up to the first board: the ranking, the decisions and the lists."""
    import bimodal.label_audit.audit as audit_module
    import bimodal.review.opened as opened_module
    from bimodal.review.workspace import Review

    audit_module.choose_embedder = opened_module.choose_embedder = lambda *_: embedder()
    review = Review(folder / "audit", folder / "data")
    assert len(review.faces.splits) > 0.9 * count
    assert review.board is not None
    review.close()


def embedder() -> object:
    """Return a network of averages: 64 numbers for each face."""
    from bimodal.features.embedder import Embedder
    from bimodal.model_files.info import MEAN, STD

    def outputs(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        size = SIDE // PARTS
        parts = inputs.mean(axis=1).reshape(len(inputs), PARTS, size, PARTS, size).mean(axis=(2, 4))
        return parts.reshape(len(inputs), -1), np.zeros((len(inputs), 0), np.float32)

    return Embedder("averages", "0" * 64, SIDE, MEAN, STD, (), outputs)


def measure(step: str, folder: Path, count: int) -> dict[str, float]:
    """Run a step in a process of its own; return seconds, processor seconds and peak memory in gigabytes."""
    code = [sys.executable, __file__, "--step", step, "--counts", str(count), "--folder", str(folder)]
    start, before = time.perf_counter(), os.times()
    subprocess.run(code, check=True)
    after = os.times()
    computing = after.children_user + after.children_system - before.children_user - before.children_system
    peak = json.loads((folder / f"{step}.json").read_text())["peak"]
    return {"seconds": time.perf_counter() - start, "computing": computing, "peak": peak}


def measure_here(step: str, folder: Path, count: int) -> dict[str, float]:
    """Run a step in this process, whose memory is that of all steps so far."""
    start, before = time.perf_counter(), time.process_time()
    globals()[step](folder, count)
    computing = max(time.process_time() - before, 1e-3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": time.perf_counter() - start, "computing": computing, "peak": peak}


def exponent(points: dict[int, float]) -> float:
    """Return the slope of log seconds over log faces between the two largest counts; NaN for one."""
    counts = sorted(points)[-2:]
    if len(counts) < 2:
        return math.nan
    return math.log(points[counts[1]] / points[counts[0]]) / math.log(counts[1] / counts[0])


def n_log_n(points: dict[int, float]) -> float:
    """Return the slope that n log n has between the same counts."""
    return exponent({count: count * math.log(count) for count in points})


def draw_figure(table: dict[tuple[str, int], dict[str, float]], file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    lines = {}
    for panel, key, title in zip(panels, ("computing", "peak"), ("processor seconds", "peak memory, GB"), strict=True):
        for number, step in enumerate(STEPS):
            points = {count: values[key] for (name, count), values in table.items() if name == step}
            if points:
                counts, marker = sorted(points), "os^Dv"[number % 5]
                heights = [points[count] for count in counts]
                (lines[step],) = panel.plot(counts, heights, marker=marker, markersize=4, color=f"C{number}")
        panel.set(xscale="log", yscale="log", xlabel="faces", title=title)
        panel.yaxis.set_major_formatter("{x:g}")
        panel.grid(alpha=0.3)
    panels[1].axhline(MEMORY_GB, color="grey", linestyle=":")
    figure.legend(lines.values(), lines.keys(), loc="outside right center", frameon=False)
    figure.savefig(file, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="200 and 400 faces in one process, to check that the benchmark runs"
    )
    parser.add_argument("--rounds", type=int, default=1, help="ignored: the counts are the rounds")
    parser.add_argument("--counts", default="1000,10000,100000", help="numbers of faces [1000,10000,100000]")
    parser.add_argument("--steps", help="the steps to measure [all; with --quick, those without a training]")
    parser.add_argument("--folder", type=Path, help="where faces and results are kept [a temporary folder]")
    parser.add_argument("--figure", type=Path, help="PNG file to draw")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    counts = [200, 400] if arguments.quick else [int(count) for count in arguments.counts.split(",")]
    if arguments.step:
        steps: dict[str, Callable[[Path, int], None]] = {name: globals()[name] for name in STEPS}
        steps[arguments.step](arguments.folder, counts[0])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        (arguments.folder / f"{arguments.step}.json").write_text(json.dumps({"peak": peak}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        base = arguments.folder or Path(temporary)
        steps = arguments.steps.split(",") if arguments.steps else QUICK_STEPS if arguments.quick else STEPS
        table = run(base, counts, steps, measure_here if arguments.quick else measure)
    rows = []
    for step in STEPS:
        points = {count: values for (name, count), values in table.items() if name == step}
        if points:
            seconds = {count: values["computing"] for count, values in points.items()}
            memory = {count: values["peak"] for count, values in points.items()}
            cells = [f"{seconds[count]:.1f} s, {memory[count]:.2f} GB" if count in points else "-" for count in counts]
            rows.append([step, *cells, f"{exponent(seconds):.2f}", f"{exponent(memory):.2f}"])
    columns = ["step", *(f"{count:,}" for count in counts), "exponent, seconds", "exponent, memory"]
    show("Processor seconds and peak memory by number of faces", columns, rows)
    if arguments.figure:
        draw_figure(table, arguments.figure)
    verdict(f"no step takes over {MEMORY_GB:g} GB", max(values["peak"] for values in table.values()) < MEMORY_GB)
    slow = [
        step
        for step in STEPS
        if (points := {c: v["computing"] for (s, c), v in table.items() if s == step})
        and exponent(points) > n_log_n(points) + TOLERANCE
    ]
    holds = None if len(counts) < 2 or max(counts) < 100_000 else not slow
    verdict(f"no step grows faster than n log n {', '.join(slow)}".strip(), holds)


def run(
    base: Path, counts: list[int], steps: Sequence[str], way: Callable[[str, Path, int], dict[str, float]]
) -> dict[tuple[str, int], dict[str, float]]:
    """Measure what the table in the folder lacks; return the table."""
    base.mkdir(parents=True, exist_ok=True)
    file = base / "growth.csv"
    table: dict[tuple[str, int], dict[str, float]] = {}
    if file.is_file():
        for step, count, *values in csv.reader(file.read_text().splitlines()):
            table[step, int(count)] = dict(zip(("seconds", "computing", "peak"), map(float, values), strict=True))
    for count in counts:
        folder = base / str(count)
        folder.mkdir(exist_ok=True)
        for step in steps:
            if (step, count) in table:
                continue
            values = table[step, count] = way(step, folder, count)
            with file.open("a", newline="") as stream:
                csv.writer(stream).writerow([step, count, *(f"{value:.3f}" for value in values.values())])
            print(step, count, {key: round(value, 2) for key, value in values.items()}, flush=True)
    return table


if __name__ == "__main__":
    main()
