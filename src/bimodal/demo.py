"""The whole job on faces that we draw: prepare, train without and with removal, evaluate, compare, report."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from bimodal.data.drawn import write_set
from bimodal.data.options import PrepareOptions
from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from bimodal.report.comparison import Evaluation, evaluate
from bimodal.report.conditions import group, open_runs
from bimodal.report.gallery import Truth, against_truth
from bimodal.report.page import write_report
from bimodal.train.evaluate import evaluate_run
from bimodal.train.run import Run

RULES = ("none", "wang")


@dataclass(frozen=True)
class Demo:
    """What the demo found.

    Attributes:
        evaluation: accuracies of both conditions on the test faces, and their comparison.
        truth: how many of the removed faces were truly wrong, by seed.
        report: the page.
    """

    evaluation: Evaluation
    truth: Truth
    report: Path


def run_demo(
    out: Path, seeds: int = 3, faces: int = 891, epochs: int = 20, tell: Callable[[str], None] = print
) -> Demo:
    """Draw faces with known wrong labels, train without and with removal, and say what it was good for.

    What is there already is kept: an interrupted demo goes on where it stopped.

    Args:
        out: the folder for faces, runs and report.
        seeds: trainings of each kind.
        faces: training faces to draw; a quarter as many for validation, half as many for test.
        epochs: of each training; the removal comes after three fifths of them.
        tell: takes the lines that say how it goes.

    Raises:
        InputError: if `out` holds something else.
    """
    if out.exists() and not (out / "drawn").is_dir() and any(out.iterdir()):
        raise InputError(f"{out} is not empty and no earlier demo; move it away, or run the demo in another folder")
    out.mkdir(exist_ok=True)
    if not (out / "drawn").is_dir():
        tell(f"drawing {faces} training faces, a tenth of them with a wrong label")
        write_set(out / "drawn", faces, wrong=0.1, seed=0, val=faces // 4, test=faces // 2)
    if not (out / "data").is_dir():
        prepare(out / "drawn", out / "data", PrepareOptions())
    runs = [out / f"{rule}-seed{seed}" for seed in range(seeds) for rule in RULES]
    _train_all(out / "data", runs, epochs, tell)
    conditions = group(open_runs(runs))
    truth = against_truth(next(condition for condition in conditions if condition.removes))
    if truth is None:
        raise InputError(f"{out} knows no wrong labels; is it an earlier demo? move it away and run the demo again")
    page = write_report(runs, out, overwrite=True)
    return Demo(evaluate(conditions, "test"), truth, page)


def _train_all(data: Path, runs: list[Path], epochs: int, tell: Callable[[str], None]) -> None:
    """Train and evaluate all runs, one for each core at a time: small networks gain little from a second thread."""
    todo = [run for run in runs if not (run / "predictions_test.csv").is_file()]
    done = len(runs) - len(todo)
    lock = Lock()

    def train(run: Path) -> None:
        nonlocal done
        _train(data, run, epochs)
        with lock:
            evaluate_run(run, split="test")
            done += 1
            removed = len(Run.open(run).removed)
            tell(f"trained {done}/{len(runs)}: {run.name}" + (f", {removed} faces removed" if removed else ""))

    tell(f"training {len(todo)} small networks, with and without removal")
    with ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), 8)) as pool:
        list(pool.map(train, todo))


def _train(data: Path, run: Path, epochs: int) -> None:
    """Call our own command line: each training has a process of its own, and the demo does what a user would."""
    rule, _, seed = run.name.partition("-seed")
    begin = [str(data), "--preset", "small", "--epochs", str(epochs), "--seed", seed, "--removal", rule]
    if rule != "none":
        begin += ["--removal-epoch", str(max(1, round(0.6 * epochs)))]
    began = (run / "config.yaml").is_file()
    result = subprocess.run(
        [sys.executable, "-m", "bimodal", "train", "--out", str(run), *(["--resume"] if began else begin)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        reason = result.stderr.strip().splitlines() or ["no reason given"]
        raise InputError(f"the demo's training {run.name} failed: {reason[-1].removeprefix('bimodal: ')}")
