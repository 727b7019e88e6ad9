"""One run of one method: a view of the data in, a run folder with predictions and `result.json` out.

Each function here is a job: it takes paths and numbers, leaves its results in files, and may run on another machine.
Whatever a method is, its run folder holds `predictions_val.csv`, `predictions_test.csv`, `environment.json`, and
`result.json`, which is written last and says that the run has ended well.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.classical.baselines import guess, majority
from bimodal.classical.features import describe, read_features, write_features
from bimodal.classical.small_nets import DEEP, REMOVAL_EPOCH, SIMPLE, components, train_net
from bimodal.classical.svm import fit_svm
from bimodal.data.manifest import Manifest
from bimodal.data.splits import together
from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.experiments.paper_table.recipes import network_in_words
from bimodal.files import write_atomically
from bimodal.models.ensemble import average, fit_weights
from bimodal.removal import preset
from bimodal.runs.predictions import predictions_table, write_predictions
from bimodal.runs.run import PROBABILITIES, Run
from bimodal.training.checkpoint import STATE
from bimodal.training.evaluate import evaluate_run
from bimodal.training.record import environment_of, removed_table
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train

RESULT = "result.json"
COMPONENTS = 5
"""Principal components of each descriptor that the small networks see, as in the earlier work."""


def run_deep(data: Path, out: Path, settings: TrainSettings, two_stages: bool = False) -> None:
    """Train a deep network, or go on with it, and test it once."""
    run = train_deep(data, out, settings)
    if not (out / "predictions_test.csv").is_file():
        evaluate_run(out, data, split="test")
    manifest = Manifest.read(data)
    _finish(
        out,
        manifest,
        network_in_words(settings, two_stages),
        seconds=_seconds(run),
        removed=[int(row) for row in run.removed["row"]],
    )


def train_deep(data: Path, out: Path, settings: TrainSettings) -> Run:
    """Train a deep network, or go on with it; nothing of it is tested."""
    began = (out / "config.yaml").is_file()
    run = train(data, out, None if began else settings, resume=began)
    (out / STATE).unlink(missing_ok=True)  # three times the weights, and needed no more
    return run


def run_svm(data: Path, out: Path, seed: int, features: Sequence[Path]) -> None:
    """Fit a support vector machine on one or several descriptors, side by side."""
    begin = time.monotonic()
    manifest = Manifest.read(data)
    described = np.concatenate([read_features(file, manifest) for file in features], axis=1)
    rows = manifest.rows("train")
    machine = fit_svm(described[rows], manifest.labels[rows], seed, groups=_units(manifest, rows))
    found = {"c": machine.c, "gamma": machine.gamma, "cross_validated_accuracy": machine.accuracy}
    _predict(out, manifest, {split: machine.predict(described[manifest.rows(split)]) for split in ("val", "test")})
    names = " and ".join(file.stem.upper() for file in features)
    _finish(out, manifest, f"RBF SVM on {names}", time.monotonic() - begin, settings={"seed": seed, **found})


def run_net(data: Path, out: Path, seed: int, features: Sequence[Path], deep: bool, removal: str) -> None:
    """Train a small network on the leading principal components of some descriptors."""
    begin = time.monotonic()
    manifest = Manifest.read(data)
    train, val = manifest.rows("train"), manifest.rows("val")
    leading = []
    for file in features:
        described = read_features(file, manifest)
        leading.append(components(described[train], described, COMPONENTS))
    settings = DEEP if deep else SIMPLE
    rule = preset(removal, epoch=REMOVAL_EPOCH)
    net = train_net(np.concatenate(leading, axis=1), manifest.labels, train, val, settings, rule, seed)
    _predict(out, manifest, {split: net.probabilities[manifest.rows(split)] for split in ("val", "test")})
    write_atomically(out / "metrics.csv", lambda file: net.history.to_csv(file, index=False))
    removed = removed_table(manifest, net.remover, {})
    write_atomically(out / "removed.csv", lambda file: removed.to_csv(file, index=False))
    _finish(
        out,
        manifest,
        f"{'deep' if deep else 'one hidden layer'}, {COMPONENTS} components each",
        time.monotonic() - begin,
        [int(row) for row in removed["row"]],
        settings={"seed": seed, **asdict(settings), "removal": asdict(rule)},
    )


def run_floor(data: Path, out: Path, seed: int, guessing: bool) -> None:
    """Predict without looking at any picture."""
    manifest = Manifest.read(data)
    labels = manifest.labels[manifest.rows("train")]
    tables = {}
    for number, split in enumerate(("val", "test")):
        n = len(manifest.rows(split))
        tables[split] = guess(labels, n, 2 * seed + number) if guessing else majority(labels, n)
    _predict(out, manifest, tables)
    _finish(out, manifest, "none", 0.0, settings={"seed": seed})


def run_ensemble(data: Path, out: Path, members: Sequence[Path], weighted: bool) -> None:
    """Average the probabilities of trained runs, each of any method."""
    begin = time.monotonic()
    manifest = Manifest.read(data)
    tables = {split: [_predictions(member, split, manifest) for member in members] for split in ("val", "test")}
    weights = None
    if weighted:
        weights = fit_weights(np.stack(tables["val"]), manifest.labels[manifest.rows("val")])
    _predict(out, manifest, {split: average(np.stack(own), weights) for split, own in tables.items()})
    shares = "equal weights" if weights is None else "weights fitted on validation"
    told = {"members": [str(member) for member in members], "weights": None if weights is None else weights.tolist()}
    _finish(out, manifest, f"average, {shares}", time.monotonic() - begin, settings=told)


def extract_features(data: Path, out: Path, kind: str, given: Path | None = None) -> None:
    """Describe every face of a data folder by `lpq` or `phog`, or take what somebody else's program says of them."""
    manifest = Manifest.read(data)
    out.parent.mkdir(exist_ok=True)
    write_features(out, manifest, read_features(given, manifest) if given else describe(manifest, kind))


def _predict(out: Path, manifest: Manifest, probabilities: Mapping[str, NDArray[np.float64]]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for split, own in probabilities.items():
        write_predictions(out / f"predictions_{split}.csv", predictions_table(manifest, manifest.rows(split), own))


def _finish(
    out: Path,
    manifest: Manifest,
    network: str,
    seconds: float,
    removed: Sequence[int] = (),
    settings: Mapping[str, Any] | None = None,
) -> None:
    if not (out / "environment.json").is_file():
        seed = int((settings or {}).get("seed", 0))
        content = json.dumps(environment_of(manifest, seed), indent=1)
        write_atomically(out / "environment.json", lambda file: file.write_text(content, encoding="utf-8"))
    result = {
        "network": network,
        "seconds": round(seconds, 3),
        "removed": len(removed),
        "removed_wrong": _known_wrong(manifest, removed),
        "settings": settings or {},
    }
    text = json.dumps(result, indent=1) + "\n"
    write_atomically(out / RESULT, lambda file: file.write_text(text, encoding="utf-8"))


def _known_wrong(manifest: Manifest, rows: Sequence[int]) -> int | None:
    """Count rows whose label is known to be wrong; None where the truth is known of no face."""
    truth = manifest.table["true_label"].to_numpy()
    if not truth.astype(bool).any():
        return None
    wrong = (truth != "") & (truth != manifest.table["label"].to_numpy())
    return int(wrong[list(rows)].sum())


def _units(manifest: Manifest, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    groups = manifest.table["group"].to_numpy()[rows]
    return together([group or None for group in groups]) if any(groups) else None


def _seconds(run: Run) -> float:
    return float(pd.read_csv(run.path / "seconds.csv")["seconds"].sum())


def _predictions(run: Path, split: str, manifest: Manifest) -> NDArray[np.float64]:
    table = pd.read_csv(run / f"predictions_{split}.csv", keep_default_na=False)
    rows = manifest.rows(split)
    if not np.array_equal(table["row"].to_numpy(), rows) or not np.array_equal(
        table["label"].map(CODES).to_numpy(), manifest.labels[rows]
    ):
        raise InputError(f"{run} was not evaluated on these {split} faces; an ensemble needs the same for all")
    return table[PROBABILITIES].to_numpy(np.float64)
