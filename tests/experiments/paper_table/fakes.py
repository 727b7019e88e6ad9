"""Studies with planted accuracies; nothing is trained for them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from bimodal.experiments.paper_table.comparisons import Comparisons, compare_rows
from bimodal.experiments.paper_table.methods import METHODS
from bimodal.experiments.paper_table.results import NUMBERS, Row, Study

FACES = 112
LABELS = np.sort(np.arange(FACES) % 7).astype(np.int64)
ACCURACIES = {
    "majority": None,
    "random": 1 / 7,
    "svm-lpq": 0.31,
    "svm-phog": 0.33,
    "svm-lpq-phog": 0.36,
    "simple-nn": 0.25,
    "simple-nn-bdr": 0.26,
    "deep-nn-bn-dropout": 0.3,
    "resnet50": 0.42,
    "resnet50-bdr": 0.44,
    "resnet50-scratch": 0.16,
    "resnet50-unaligned": 0.36,
    "two-stage": 0.55,
    "two-stage-bdr": 0.56,
    "face-s-scratch": 0.41,
    "two-stage-face-s": 0.58,
    "two-stage-face-s-bdr": 0.57,
    "vgg16": 0.4,
    "inception-v3": 0.47,
    "ensemble": 0.52,
    "ensemble-weighted": 0.52,
}
"""What a study of the whole table might find; of nothing real."""


def predictions(accuracy: float | None, seeds: int, start: int = 0, jitter: float = 0.012) -> np.ndarray:
    """Return (seeds, FACES) codes with this accuracy, give or take the seeds' jitter; None: always the last class.

    Faces differ in how hard they are, so that methods and seeds are wrong on much the same ones.
    """
    if accuracy is None:
        return np.full((seeds, FACES), LABELS[-1])
    hard = np.random.default_rng(7).normal(size=FACES)
    rows = []
    for seed in range(seeds):
        rng = np.random.default_rng((start, seed))
        order = np.argsort(hard + rng.normal(size=FACES))
        own = accuracy + rng.normal(0, jitter)
        right = np.isin(np.arange(FACES), order[: round(own * FACES)])
        rows.append(np.where(right, LABELS, (LABELS + rng.integers(1, 7, FACES)) % 7))
    return np.array(rows).reshape(seeds, FACES)


def row(
    name: str,
    accuracy: float | None = 0.4,
    seeds: int = 5,
    noise: float = 0.0,
    start: int | None = None,
    network: str | None = None,
    predicted: np.ndarray | None = None,
    runs: Sequence[Sequence[Path]] = (),
    failures: Sequence[str] = (),
) -> Row:
    """Return a row of a method with this accuracy; `seeds=0` for one whose every run failed.

    Args:
        start: of the random numbers; by default another for each method and share of wrong labels.
        predicted: in place of predictions of a planted accuracy.
        runs: run folders by seed and fold.
    """
    method = METHODS[name]
    own = start if start is not None else 100 * list(METHODS).index(name) + round(100 * noise)
    codes = predictions(accuracy, seeds, own) if predicted is None else predicted
    right = codes == LABELS
    numbers = []
    for seed, one in enumerate(right):
        balanced = float(np.mean([one[code == LABELS].mean() for code in range(7)]))
        removed = (24 + seed, 11 if noise else np.nan) if method.without else (0, 0 if noise else np.nan)
        seconds = 1234.5 if method.runner.expensive else 3.2
        numbers.append((balanced, balanced - 0.02, float(one.mean()) - 0.01, *removed, seconds))
    return Row(
        method=method,
        noise=noise,
        network=network or f"{name}, 224 px, pretrained",
        labels=LABELS if seeds else np.empty(0, np.int64),
        predicted=codes if seeds else np.empty((0, 0), np.int64),
        numbers=pd.DataFrame(numbers, columns=NUMBERS, dtype=np.float64),
        runs=tuple(tuple(folds) for folds in runs) or tuple((Path("none"),) for _ in range(seeds)),
        failures=tuple(failures),
    )


def study(
    rows: Sequence[Row],
    folder: Path = Path("study"),
    quick: bool = False,
    data: str = "faces",
    notes: Sequence[str] = (),
) -> Study:
    """Return a study of these rows."""
    return Study(
        folder=folder,
        data=data,
        protocol="group-disjoint",
        quick=quick,
        counts=((891, 215, FACES),),
        notes=("No group (person, film) is in two splits.", *notes),
        rows=tuple(rows),
        environment={
            "version": "0.1.0",
            "commit": "0123abc",
            "processor": "two cores",
            "seconds": "5400",
            "command": "bimodal reproduce faces --out study --noise 0,0.2",
        },
    )


def whole_study(folder: Path = Path("study"), noise: Sequence[float] = (0.0,), quick: bool = False) -> Study:
    """Return a study of every method, one of them failed, at each share of wrong labels."""
    rows = []
    for share in noise:
        for name, accuracy in ACCURACIES.items():
            if name == "vgg16":
                rows.append(row(name, seeds=0, noise=share, failures=["vgg16, own, seed 0: CUDA out of memory"]))
            else:
                lower = accuracy if accuracy is None else max(accuracy * (1 - share), 0.14)
                rows.append(row(name, lower, 3 if METHODS[name].runner.expensive else 5, share))
    return study(rows, folder, quick)


@cache
def whole_compared() -> tuple[Study, Comparisons]:
    """Return a study of every method, compared; once for all tests, since that takes seconds."""
    own = whole_study()
    return own, compare_rows(own)


def write_course(folder: Path, losses: Sequence[float], steps_an_epoch: int = 14, seconds: float = 10.0) -> Path:
    """Write what a run folder says of the course of its training."""
    folder.mkdir(parents=True)
    config = {"bimodal": "0.1.0", "data": "faces", "backbone": "resnet50", "removal": {"rule": "none"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    columns = "epoch,step,train_loss,train_accuracy,val_loss,val_accuracy,loss_mean,loss_variance,examples"
    lines = [
        f"{n},{n * steps_an_epoch},1.0,0.5,{'' if loss != loss else loss},0.4,1.0,0.1,14"
        for n, loss in enumerate(losses, start=1)
    ]
    (folder / "metrics.csv").write_text("\n".join([columns, *lines]) + "\n")
    times = [f"{n},{seconds}" for n in range(1, len(losses) + 1)]
    (folder / "seconds.csv").write_text("\n".join(["epoch,seconds", *times]) + "\n")
    return folder
