"""Claim: the ledger and the paper's rule process ten million losses in under 2 s and 200 MB."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from measure import alternate, options, ratios, show, spread, verdict

LOSSES = 10_000_000
BATCH = 65_536
SECONDS, MEGABYTES = 2.0, 200.0
SCALE = {"bimodal": 1, "pandas": 1, "dict": 10}
"""Each method gets this fraction of the losses (1 or a tenth); its time and memory are multiplied by the number."""


def batches(count: int) -> Iterator[tuple[Any, Any]]:
    """Yield the losses of one epoch in batches, each example once, in a scattered order as after shuffling."""
    stride = int(count * 0.618) | 1
    while np.gcd(stride, count) != 1:
        stride += 2
    random = np.random.default_rng(0)
    for start in range(0, count, BATCH):
        index = np.arange(start, min(start + BATCH, count)) * stride % count
        losses = random.exponential(0.3, len(index)) + 3.0 * (random.random(len(index)) < 0.1)  # two modes
        yield index, losses.astype(np.float32)


def with_bimodal(count: int) -> tuple[float, int]:
    """Return the seconds without making the batches, and the number of removed examples."""
    from bimodal.removal import LossLedger, wang

    ledger, watch = LossLedger(count), Stopwatch()
    for index, losses in batches(count):
        watch.start()
        ledger.update(index, losses)
        watch.stop()
    watch.start()
    ledger.end_epoch()
    removed = int(wang(ledger.last).remove.sum())
    watch.stop()
    return watch.seconds, removed


def with_dict(count: int) -> tuple[float, int]:
    """The same in plain Python, with one dict for each statistic."""
    last: dict[int, float] = {}
    mean: dict[int, float] = {}
    seen: dict[int, int] = {}
    watch = Stopwatch()
    for index, losses in batches(count):
        watch.start()
        for i, loss in zip(index.tolist(), losses.tolist(), strict=True):
            seen[i] = seen.get(i, 0) + 1
            mean[i] = mean.get(i, 0.0) + (loss - mean.get(i, 0.0)) / seen[i]
            last[i] = loss
        watch.stop()
    watch.start()
    m1 = sum(last.values()) / len(last)
    upper = [loss for loss in last.values() if loss > m1]
    m2 = sum(upper) / len(upper)
    std2 = (sum((loss - m2) ** 2 for loss in upper) / len(upper)) ** 0.5
    removed = [i for i, loss in last.items() if loss > m2 + std2]
    watch.stop()
    return watch.seconds, len(removed)


def with_pandas(count: int) -> tuple[float, int]:
    """The same with a table of all losses that is grouped by example."""
    import pandas as pd

    watch, parts = Stopwatch(), []
    for index, losses in batches(count):
        watch.start()
        parts.append(pd.DataFrame({"index": index, "loss": losses}))
        watch.stop()
    watch.start()
    table = pd.concat(parts).groupby("index")["loss"].agg(["last", "mean", "count"])
    last = table["last"]
    upper = last[last > last.mean()]
    removed = int((last > upper.mean() + upper.std(ddof=0)).sum())
    watch.stop()
    return watch.seconds, removed


class Stopwatch:
    """Adds up the time between `start` and `stop`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def start(self) -> None:
        self._started = time.perf_counter()

    def stop(self) -> None:
        self.seconds += time.perf_counter() - self._started


def worker(way: str, count: int) -> None:
    """Run one method in this process; print the seconds, the peak memory above the start and the number of removed examples."""
    ways: dict[str, Callable[[int], tuple[float, int]]] = {
        "bimodal": with_bimodal,
        "dict": with_dict,
        "pandas": with_pandas,
    }
    ways[way](1000)  # imports and one-time initialisation
    before = memory("VmRSS")
    seconds, removed = ways[way](count)
    print(json.dumps({"seconds": seconds, "megabytes": memory("VmHWM") - before, "removed": removed}))


def memory(field: str) -> float:
    """Return VmRSS (present memory) or VmHWM (peak memory) of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith(field))
    return kilobytes * 1024 / 1e6


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], int(sys.argv[3]))
        return
    arguments = options(__doc__ or "", rounds=5).parse_args()
    count = 100_000 if arguments.quick else LOSSES
    megabytes: dict[str, list[float]] = {way: [] for way in SCALE}
    removed: dict[str, int] = {}

    def run(way: str) -> float:
        command = [sys.executable, __file__, "--worker", way, str(count // SCALE[way])]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        megabytes[way].append(result["megabytes"] * SCALE[way])
        removed[way] = result["removed"]
        return float(result["seconds"]) * SCALE[way]

    rounds = 1 if arguments.quick else arguments.rounds
    times = alternate({way: partial(run, way) for way in SCALE}, rounds)
    if abs(removed["bimodal"] - removed["pandas"]) > 1e-4 * count:  # pandas sums in another order
        raise SystemExit(f"the methods remove different numbers of examples: {removed}")
    show(
        f"{count:,} losses, one epoch: ledger and rule (dict: measured on a tenth, multiplied by ten)",
        ["method", "seconds, median (min to max)", "times bimodal", "peak MB", "times bimodal"],
        [
            [
                way,
                spread(times[way]),
                spread(ratios(times[way], times["bimodal"]), 1),
                spread(megabytes[way], 0),
                spread(ratios(megabytes[way], megabytes["bimodal"]), 1),
            ]
            for way in SCALE
        ],
    )
    verdict(
        f"{count:,} losses in under {SECONDS:g} s and {MEGABYTES:g} MB",
        median(times["bimodal"]) < SECONDS and max(megabytes["bimodal"]) < MEGABYTES,
        times["bimodal"],
        "s",
    )


if __name__ == "__main__":
    main()
