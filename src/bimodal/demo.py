"""The demo: all steps, from data to report, on drawn faces whose wrong labels are known."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from bimodal.data.prepare import prepare
from bimodal.data.prepare_options import PrepareOptions
from bimodal.errors import InputError
from bimodal.files import write_text
from bimodal.progress import inform
from bimodal.report.comparison import Evaluation, evaluate
from bimodal.report.conditions import group, open_runs
from bimodal.report.gallery import Truth, compare_with_truth
from bimodal.report.report_page import write_report
from bimodal.runs.run import Run
from bimodal.synthetic.dataset import write_set
from bimodal.training.evaluate import evaluate as evaluate_run
from bimodal.version import __version__

RULES = ("none", "wang")
SIZE = 64
"""Side of the faces in pixels; larger faces give better networks, but take more than five minutes on two cores."""
FILE = "demo.json"
_BIMODAL = (sys.executable, "-m", "bimodal")


@dataclass(frozen=True)
class Demo:
    """The results of the demo.

    Attributes:
        evaluation: accuracies of both conditions on the test faces, and their comparison.
        truth: how many of the removed faces have a wrong label, by seed.
        report: the path of the report.
    """

    evaluation: Evaluation
    truth: Truth
    report: Path


def run_demo(out: str | Path, seeds: int = 3, faces: int = 891, epochs: int = 20) -> Demo:
    """Draw faces, a tenth of them with a wrong label, train without and with removal, and compare the results.

    Finished steps are kept: a second call continues an interrupted demo, or adds seeds.

    Args:
        out: the folder for faces, runs and report.
        seeds: number of trainings without removal, and of trainings with removal.
        faces: number of training faces; a quarter as many are drawn for validation, half as many for test.
        epochs: epochs of each training; examples are removed after 60 % of them.

    Raises:
        InputError: `out` has other files, or a demo with other faces or epochs.
    """
    out = Path(out)
    _begin(out, {"version": __version__, "faces": faces, "epochs": epochs})
    if not (out / "drawn").is_dir():
        inform(f"drawing {faces} training faces, a tenth of them with a wrong label")
        write_set(out / "drawn", faces, wrong=0.1, seed=0, val=faces // 4, test=faces // 2)
    if not (out / "data").is_dir():
        prepare(out / "drawn", out / "data", PrepareOptions())
    runs = [out / f"{rule}-seed{seed}" for seed in range(seeds) for rule in RULES]
    _train_all(out / "data", runs, epochs)
    conditions = group(open_runs(runs))
    truth = compare_with_truth(next(condition for condition in conditions if condition.removes))
    if truth is None:
        raise InputError(f"{out} has no known wrong labels; move it away and run the demo again")
    page = write_report(runs, out, overwrite=True)
    return Demo(evaluate(conditions, "test"), truth, page)


def _begin(out: Path, settings: dict[str, object]) -> None:
    """Make the folder, or check that it has a demo with the same settings."""
    file, content = out / FILE, json.dumps(settings) + "\n"
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file; choose another")
    if file.is_file():
        with file.open("rb") as stream:
            if stream.read(4096) != content.encode():
                raise InputError(f"{out} has a demo with other settings; move it away, or choose another --out")
    elif out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty and has no demo; move it away, or choose another --out")
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_text(file, content)


def _train_all(data: Path, runs: list[Path], epochs: int) -> None:
    """Train and evaluate all runs, one on each core at a time: a second thread hardly speeds up a small network."""
    todo = [run for run in runs if not (run / "predictions_test.csv").is_file()]
    done = len(runs) - len(todo)
    lock = Lock()
    children = _Children()

    def train(run: Path) -> None:
        nonlocal done
        _train(data, run, epochs, children)
        with lock:
            evaluate_run(run)
            done += 1
            removed = len(Run.open(run).removed)
            inform(f"trained {done}/{len(runs)}: {run.name}" + (f", {removed} faces removed" if removed else ""))

    if todo:
        inform(f"training {len(todo)} small networks, without and with removal")
    pool = ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), 8))
    try:
        for future in as_completed([pool.submit(train, run) for run in todo]):
            future.result()
    except BaseException:  # a failed training, or Ctrl-C
        pool.shutdown(wait=False, cancel_futures=True)
        children.stop()
        raise
    finally:
        pool.shutdown()


class _Children:
    """Processes of the command line `bimodal`, which can be stopped together."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run `bimodal` with one thread; return its exit code and its standard error."""
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
                process_group=0,  # Ctrl-C reaches only this process, which stops the others itself
            )
            self._running.add(process)
        _, errors = process.communicate()
        with self._lock:
            self._running.discard(process)
        return process.returncode, errors

    def stop(self) -> None:
        """Stop the running processes, as Ctrl-C does, and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.send_signal(signal.SIGINT)


def _train(data: Path, run: Path, epochs: int, children: _Children) -> None:
    """Call `bimodal train` in a process, as a user does."""
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
