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

from markupsafe import Markup

from bimodal.data.manifest import Manifest
from bimodal.data.prepare import prepare
from bimodal.data.prepare_options import PrepareOptions
from bimodal.errors import InputError
from bimodal.evaluation.statistics import wilson
from bimodal.files import write_text
from bimodal.label_audit.audit import PROPOSALS, audit
from bimodal.label_audit.decisions import Rounds, write_cleaned
from bimodal.memory import check_memory
from bimodal.progress import inform
from bimodal.rendering.numbers import percent
from bimodal.report.comparison import Evaluation, evaluate
from bimodal.report.conditions import Condition, open_runs
from bimodal.report.gallery import Truth, compare_with_truth, wrong_labels
from bimodal.report.report_page import write_report_of
from bimodal.runs.run import Run
from bimodal.synthetic.dataset import write_set
from bimodal.text import plural
from bimodal.training.evaluate import evaluate as evaluate_run
from bimodal.version import __version__

CONDITIONS = {"none": "no cleaning", "cleaned": "cleaning by the audit", "wang": "removal in training"}
"""Names of the conditions by the first part of their run folders."""
SIZE = 32
"""Side of the faces in pixels. The preset `face` uses 44 pixels and 8 epochs, but with more than 32 pixels and 3 epochs nine
trainings take longer than three minutes on two cores."""
FILE = "demo.json"
_BIMODAL = (sys.executable, "-m", "bimodal")


@dataclass(frozen=True)
class Demo:
    """The results of the demo.

    Attributes:
        faces: the number of training faces.
        found: by the audit and by the trainings with removal: how many faces they marked, and how many of these have a
            wrong label.
        evaluation: the accuracy of each condition on the test faces, and the comparisons with the first condition.
        audit, report: the pages.
    """

    faces: int
    found: dict[str, Truth]
    evaluation: Evaluation
    audit: Path
    report: Path


def run_demo(out: str | Path, seeds: int = 3, faces: int = 891, epochs: int = 3) -> Demo:
    """Draw faces, a tenth of them with a wrong label, find the wrong labels, and measure what cleaning is worth.

    For each condition there are `seeds` trainings: on all faces, on those that the audit does not propose to remove, and
    on all faces with removal after 60 % of the epochs. A quarter as many faces are drawn for validation as for training,
    half as many for test. Finished steps are kept: a second call continues an interrupted demo, or adds seeds.

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
    audited = audit(out / "data", out / "audit")
    if not (out / "cleaned").is_dir():  # not by audit(decisions=...): its page would show the suspects that are left
        manifest = Manifest.read(out / "data")
        proposed = Rounds.read(None, manifest)
        if len(audited.ranking.suspects):
            proposed = proposed.with_file(out / "audit" / PROPOSALS, manifest)
        write_cleaned(manifest, proposed, out / "cleaned", out / "cleaned.sha256")
    runs = {name: [out / f"{key}-seed{seed}" for seed in range(seeds)] for key, name in CONDITIONS.items()}
    _train_all([run for same_seed in zip(*runs.values(), strict=True) for run in same_seed], epochs)
    conditions = [Condition(name, tuple(open_runs(paths))) for name, paths in runs.items()]
    wrong = wrong_labels(conditions[0])
    removal = compare_with_truth(conditions[-1])
    if removal is None:
        raise InputError(f"{out} has no known wrong labels; move it away and run the demo again")
    suspects = set(audited.ranking.suspects["image"])
    found = Truth(len(wrong), (len(wrong),), (len(suspects),), (len(wrong & suspects),))
    report = write_report_of(conditions, out, _answers(found, faces, audited.page.relative_to(out)))
    evaluation = evaluate(conditions, "test")
    return Demo(faces, {"audit": found, "removal": removal}, evaluation, audited.page, report)


def _answers(found: Truth, faces: int, page: Path) -> dict[str, list[str]]:
    """Return the first paragraphs of the report."""
    (suspects,), (hits,) = found.removed, found.removed_wrong
    text = f"{found.wrong} of the {faces} training labels are wrong on purpose. "
    if suspects:
        text += (
            f"The audit suspects {suspects} labels, and {hits} of these are wrong: precision "
            f"{percent(wilson(hits, suspects))}, recall {percent(wilson(hits, found.wrong))}. "
        )
    else:
        text += "The audit suspects none. "
    link = Markup('<a href="{}">The audit\'s page</a> shows them.').format(page.as_posix())
    return {"Were the wrong labels found?": [Markup.escape(text) + link if suspects else text]}


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


def _train_all(runs: list[Path], epochs: int) -> None:
    """Train and evaluate all runs, one on each core at a time: a second thread hardly speeds up a small network."""
    todo = [run for run in runs if not (run / "predictions_test.csv").is_file()]
    done, is_stopped = len(runs) - len(todo), False
    children: list[subprocess.Popen[str]] = []
    starting, evaluating = Lock(), Lock()

    def train(run: Path) -> None:
        nonlocal done
        with starting:
            if is_stopped:
                return
            child = _start(run, epochs)
            children.append(child)
        errors = child.communicate()[1].strip().splitlines()
        if child.returncode:
            reason = errors[-1].removeprefix("bimodal: ") if errors else "no reason given"
            raise InputError(f"the demo's training {run.name} failed: {reason}")
        with evaluating:
            evaluate_run(run)
            done += 1
            removed = len(Run.open(run).removed)
            inform(f"trained {done}/{len(runs)}: {run.name}" + (f", {removed} faces removed" if removed else ""))

    if todo:
        inform(f"training {plural(len(todo), 'network')}")
    check_memory()
    with ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), 8)) as pool:
        try:
            for future in as_completed([pool.submit(train, run) for run in todo]):
                future.result()
        except BaseException:  # a failed training, or Ctrl-C
            pool.shutdown(wait=False, cancel_futures=True)
            with starting:
                is_stopped = True
                for child in children:
                    child.send_signal(signal.SIGINT)  # as Ctrl-C does; no effect on a process that has ended
            raise


def _start(run: Path, epochs: int) -> "subprocess.Popen[str]":
    """Start `bimodal train` in a process with one thread, as a user does."""
    condition, _, seed = run.name.partition("-seed")
    data = run.with_name("cleaned" if condition == "cleaned" else "data")
    options = {"preset": "face", "image-size": SIZE, "epochs": epochs, "seed": seed}
    options["removal"] = "wang" if condition == "wang" else "none"
    if condition == "wang":
        options["removal-epoch"] = max(1, round(0.6 * epochs))
    begin = [str(data), *(f"--{name}={value}" for name, value in options.items())]
    began = (run / "config.yaml").is_file()
    return subprocess.Popen(
        [*_BIMODAL, "train", "--out", str(run), *(["--resume"] if began else begin)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,  # Ctrl-C reaches only this process, which stops the others itself
    )
