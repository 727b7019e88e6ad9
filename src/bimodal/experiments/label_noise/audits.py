"""The audits of a cell by features of the packaged network. Each function is a job."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.experiments.label_noise.simifeat import neighbour_shares
from bimodal.features.embedder import packaged_embedder
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
    issues = judgement.issues
    arrays: dict[str, Any] = {
        "seconds": time.monotonic() - start,  # much less if the features were in the cache
        "seen": 0 if settings is None else settings.epochs * len(rows),
        "pred_probs": judgement.pred_probs,
        "neighbours": neighbour_shares(judgement.features, labels, len(NAMES)),
        "score": issues.score,
        "probability": issues.probability,
        "is_label_issue": issues.is_label_issue,
        "remove": issues.remove,
        "suggested": issues.suggested,
        "noise_rate": issues.noise_rate,
        "planted": -1 if judgement.check is None else judgement.check.planted,
        "found": -1 if judgement.check is None else judgement.check.found,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, lambda file: np.savez_compressed(file, **arrays))
