"""The audits of a cell by features of the packaged network. Each function is a job."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.experiments.label_noise.simifeat import neighbour_shares
from bimodal.features.embedder import packaged_embedder
from bimodal.features.probe import Probe, out_of_sample
from bimodal.features.store import features_of
from bimodal.files import write_atomically
from bimodal.label_audit.judge import judge_by_features
from bimodal.runs.run import Run
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train


def audit_by_features(data: Path, out: Path, settings: TrainSettings) -> None:
    """Judge the training labels as `bimodal audit` does by default."""
    _audit(data, out, settings.seed)


def audit_thoroughly(data: Path, out: Path, settings: TrainSettings) -> None:
    """Judge the training labels as `bimodal audit --thorough` does; the run folder is removed at the end."""
    work = out.with_suffix(".work")
    shutil.rmtree(work, ignore_errors=True)
    try:
        _audit(data, out, settings.seed, settings, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _audit(data: Path, out: Path, seed: int, settings: TrainSettings | None = None, work: Path | None = None) -> None:
    manifest = Manifest.read(data)
    rows = manifest.rows("train")
    labels = manifest.labels[rows]
    start = time.monotonic()
    run: Run | None = None
    if settings is not None and work is not None:
        run = train(data, work, settings)
    judgement = judge_by_features(manifest, packaged_embedder(), rows, labels, seed, run)
    seconds = time.monotonic() - start
    issues, features = judgement.issues, judgement.features.astype(np.float32)
    test = np.asarray(features_of(manifest, packaged_embedder()).values[manifest.rows("test")], dtype=np.float32)
    arrays: dict[str, Any] = {
        "seconds": seconds,  # much less if the features were in the cache
        "seen": 0 if settings is None else settings.epochs * len(rows),
        "pred_probs": judgement.pred_probs,
        "neighbours": neighbour_shares(features, labels, len(NAMES)),
        "score": issues.score,
        "probability": issues.probability,
        "is_label_issue": issues.is_label_issue,
        "remove": issues.remove,
        "suggested": issues.suggested,
        "noise_rate": issues.noise_rate,
        "planted": -1 if judgement.check is None else judgement.check.planted,
        "found": -1 if judgement.check is None else judgement.check.found,
        "test_as_labelled": _test_probs(features, labels, test, seed),
        "test_cleaned": _test_probs(features[~issues.remove], labels[~issues.remove], test, seed),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, lambda file: np.savez_compressed(file, **arrays))


def _test_probs(
    features: NDArray[np.float32], labels: NDArray[np.int64], test: NDArray[np.float32], seed: int
) -> NDArray[np.float64]:
    """Return the probabilities of the test faces by the preset `probe`, trained on some faces, (m,7)."""
    penalty = out_of_sample(features, labels, len(NAMES), seed=seed).inverse_penalty
    return Probe.fit(features, labels, len(NAMES), penalty).predict(test)
