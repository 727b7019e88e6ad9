"""The whole job on faces that we draw: prepare, train without and with removal, evaluate, compare, report."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from bimodal.data.options import PrepareOptions
from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.progress import inform
from bimodal.report.comparison import Evaluation, evaluate
from bimodal.report.conditions import group, open_runs
from bimodal.report.gallery import Truth, against_truth
from bimodal.report.report_page import write_report
from bimodal.runs.run import Run
from bimodal.synthetic.dataset import write_set
from bimodal.training.evaluate import evaluate_run
from bimodal.version import __version__

RULES = ("none", "wang")
SIZE = 64
"""Side of the faces, in pixels; with more the demo would learn more, but outlast five minutes on two cores."""
FILE = "demo.json"
_BIMODAL = (sys.executable, "-m", "bimodal")


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


def run_demo(out: Path, seeds: int = 3, faces: int = 891, epochs: int = 20) -> Demo:
    """Draw faces with known wrong labels, train without and with removal, and say what it was good for.

    What is there already is kept: an interrupted demo goes on where it stopped, and more seeds may be asked for.

    Args:
        out: the folder for faces, runs and report.
        seeds: trainings of each kind.
        faces: training faces to draw; a quarter as many for validation, half as many for test.
        epochs: of each training; the removal comes after three fifths of them.

    Raises:
        InputError: if `out` holds something else, or a demo with other faces or epochs.
    """
    _begin(out, {"version": __version__, "faces": faces, "epochs": epochs})
    if not (out / "drawn").is_dir():
        inform(f"drawing {faces} training faces, a tenth of them with a wrong label")
        write_set(out / "drawn", faces, wrong=0.1, seed=0, val=faces // 4, test=faces // 2)
    if not (out / "data").is_dir():
        prepare(out / "drawn", out / "data", PrepareOptions())
    runs = [out / f"{rule}-seed{seed}" for seed in range(seeds) for rule in RULES]
    _train_all(out / "data", runs, epochs)
    conditions = group(open_runs(runs))
    truth = against_truth(next(condition for condition in conditions if condition.removes))
    if truth is None:
        raise InputError(f"{out} knows no wrong labels; is it an earlier demo? move it away and run the demo again")
    page = write_report(runs, out, overwrite=True)
    return Demo(evaluate(conditions, "test"), truth, page)


def _begin(out: Path, settings: dict[str, object]) -> None:
    """Make the folder, or see that the demo in it is this one."""
    file, content = out / FILE, (json.dumps(settings) + "\n").encode()
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file; choose another")
    if file.is_file():
        with file.open("rb") as stream:
            if stream.read(4096) != content:
                raise InputError(
                    f"an earlier demo with other settings is in {out}; move it away, or choose another --out"
                )
    elif out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty and no earlier demo; move it away, or choose another --out")
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda part: part.write_bytes(content))


def _train_all(data: Path, runs: list[Path], epochs: int) -> None:
    """Train and evaluate all runs, one for each core at a time: small networks gain little from a second thread."""
    todo = [run for run in runs if not (run / "predictions_test.csv").is_file()]
    done = len(runs) - len(todo)
    lock = Lock()
    children = _Children()

    def train(run: Path) -> None:
        nonlocal done
        _train(data, run, epochs, children)
        with lock:
            evaluate_run(run, split="test")
            done += 1
            removed = len(Run.open(run).removed)
            inform(f"trained {done}/{len(runs)}: {run.name}" + (f", {removed} faces removed" if removed else ""))

    if todo:
        inform(f"training {len(todo)} small networks, with and without removal")
    pool = ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), 8))
    try:
        for future in as_completed([pool.submit(train, run) for run in todo]):
            future.result()
    except BaseException:  # a training that failed, or Ctrl-C
        pool.shutdown(wait=False, cancel_futures=True)
        children.stop()
        raise
    finally:
        pool.shutdown()


class _Children:
    """Calls of our own command line, which end when we do."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run `bimodal` with one thread; return its exit code and what it wrote of errors."""
        with self._lock:
            if self._stopped:
                return 130, ""
            process = subprocess.Popen(
                [*_BIMODAL, *arguments],
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,  # so that Ctrl-C comes to us alone, and to each of them once, from us
            )
            self._running.add(process)
        _, errors = process.communicate()
        with self._lock:
            self._running.discard(process)
        return process.returncode, errors

    def stop(self) -> None:
        """End those that run, as Ctrl-C does, and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.send_signal(signal.SIGINT)


def _train(data: Path, run: Path, epochs: int, children: _Children) -> None:
    """Call our own command line: each training has a process of its own, and the demo does what a user would."""
    rule, _, seed = run.name.partition("-seed")
    begin = [str(data), "--preset", "small", "--image-size", str(SIZE), "--epochs", str(epochs), "--seed", seed]
    begin += ["--removal", rule]
    if rule != "none":
        begin += ["--removal-epoch", str(max(1, round(0.6 * epochs)))]
    began = (run / "config.yaml").is_file()
    code, errors = children.run("train", "--out", str(run), *(["--resume"] if began else begin))
    if code:
        reason = errors.strip().splitlines() or ["no reason given"]
        raise InputError(f"the demo's training {run.name} failed: {reason[-1].removeprefix('bimodal: ')}")
