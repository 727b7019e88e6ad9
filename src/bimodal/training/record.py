"""What a run folder says about its run: settings, environment, what was removed, and a model card."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from bimodal.data.manifest import Manifest
from bimodal.data.origin import was_aligned
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.files import staged_folder, write_atomically
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.models import EmotionClassifier, describe
from bimodal.removal import Remover
from bimodal.runs.predictions import fitted_temperature, write_predictions
from bimodal.runs.run import FINISHED, Run
from bimodal.training.callback import BimodalDistributionRemoval
from bimodal.training.checkpoint import BEST
from bimodal.training.predict import load_model, predict
from bimodal.training.settings import TrainSettings
from bimodal.version import __version__

_OURS = [
    "config.yaml",
    "manifest.csv",
    "environment.json",
    "network.json",
    "metrics.csv",
    "steps.csv",
    "seconds.csv",
    "losses.npz",
    "removed.csv",
    "model.safetensors",
    "best.safetensors",
    "model.json",
    "model*.onnx",
    "last.ckpt",
    "predictions_*.csv",
    "README.md",
    "report.html",
    "figures",
    "tensorboard",
    ".*",
]
"""What a run folder may hold and still be replaced."""
_PACKAGES = ("torch", "torchvision", "timm", "lightning", "albumentations", "opencv-python-headless", "numpy", "pandas")


def begin_run(
    out: Path, manifest: Manifest, settings: TrainSettings, precision: str, model: EmotionClassifier, overwrite: bool
) -> None:
    """Make the run folder, whole or not at all, and write what is known before the first step.

    Raises:
        InputError: if the folder exists (and is not a run that may be overwritten).
    """
    if os.path.lexists(out) and not overwrite and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out} exists; choose another --out, go on with --resume, or replace it with --overwrite")
    config = {"bimodal": __version__, "data": str(manifest.root), **settings.to_dict()}
    stages = [asdict(stage) for stage in describe(model, settings.image_size)]
    table = manifest.table.assign(sha256=manifest.digests)  # by which later data are known to overlap with these
    # staged: a folder that Ctrl-C left without its configuration could neither be resumed nor begun anew
    with staged_folder(out, overwrite, ours=_OURS, marks=("config.yaml",)) as folder:
        environment = environment_of(manifest, settings.seed) | {"precision": precision}
        _write_text(folder / "environment.json", json.dumps(environment, indent=1))
        _write_text(folder / "network.json", json.dumps(stages, indent=1))
        table.to_csv(folder / "manifest.csv", index=False)
        _write_text(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def check_resumed(run: Run, manifest: Manifest, settings: TrainSettings | None) -> TrainSettings:
    """Return the settings of the run to resume.

    Raises:
        InputError: if its faces or settings are not those given now.
    """
    own = TrainSettings.from_dict(run.config)
    if settings is not None and settings != own:
        old, new = own.to_dict(), settings.to_dict()
        changed = ", ".join(key.replace("_", "-") for key in old if old[key] != new[key])
        raise InputError(
            f"--resume goes on with the settings of {run.path}, but these differ: {changed}; leave them out"
        )
    if not run.was_trained_on(manifest.fingerprint):
        raise InputError(
            f"{run.path} began with other faces than there are in {manifest.root} now; train anew with --overwrite"
        )
    return own


def finish_run(
    out: Path,
    manifest: Manifest,
    settings: TrainSettings,
    removal: BimodalDistributionRemoval,
    epoch: int,
    device: torch.device,
) -> None:
    """Write what is known after the last epoch; the weights' final name, which marks the run as finished, comes last."""
    _write_losses(out, removal)
    removed = removed_table(manifest, removal.remover, removal.predictions_at_removal)
    write_atomically(out / "removed.csv", lambda file: removed.to_csv(file, index=False))
    _write_text(out / "README.md", _model_card(out, manifest, settings, removed, epoch))
    model = load_model(Run.open(out), BEST)
    predictions = predict(model, manifest, manifest.rows("val"), settings, device)
    write_predictions(out / "predictions_val.csv", predictions)
    info = ModelInfo(
        name=out.resolve().name,
        image_size=settings.image_size,
        aligned=was_aligned(manifest.root),
        temperature=fitted_temperature(predictions),
        version=__version__,
    )
    _write_text(out / INFO_FILE, info.to_json())
    (out / BEST).replace(out / FINISHED)


def removed_table(
    manifest: Manifest, remover: Remover, predictions_at_removal: Mapping[int, tuple[int, float]]
) -> pd.DataFrame:
    """Return a row for each removed example, in the order of removal: which, why, and what the network thought."""
    columns = [
        "image",
        "label",
        "row",
        "loss",
        "rank",
        "epoch",
        "rule",
        "m1",
        "m2",
        "std2",
        "threshold",
        "predicted",
        "confidence",
        "probability",
    ]
    records: list[tuple[Any, ...]] = []
    for step in remover.steps:
        details = zip(step.rows.tolist(), step.losses.tolist(), step.probabilities.tolist(), strict=True)
        for row, loss, probability in details:
            predicted, confidence = predictions_at_removal.get(row, (None, None))
            records.append(
                (
                    manifest.table["image"].iat[row],
                    manifest.table["label"].iat[row],
                    row,
                    loss,
                    len(records) + 1,
                    step.epoch,
                    step.rule,
                    step.m1,
                    step.m2,
                    step.std2,
                    step.threshold,
                    "" if predicted is None else NAMES[predicted],
                    confidence,
                    probability,
                )
            )
    return pd.DataFrame(records, columns=columns)


def _write_losses(out: Path, removal: BimodalDistributionRemoval) -> None:
    remover = removal.remover
    rows = np.flatnonzero(remover.labels >= 0)
    before = remover.ledger.last if remover.before is None else remover.before
    gone = remover.steps[0].rows if remover.steps else np.array([], dtype=np.int64)
    after = before.copy()
    after[gone] = np.nan
    arrays: dict[str, Any] = {
        "rows": rows,
        "last": remover.ledger.last[rows],
        "mean": remover.ledger.mean[rows],
        "count": remover.ledger.count[rows],
        "kept": remover.kept[rows],
        **({} if remover.ledger.pred_probs is None else {"pred_probs": remover.ledger.pred_probs[rows]}),
        "before": before[rows],
        "after": after[rows],
    }
    write_atomically(out / "losses.npz", lambda file: np.savez_compressed(file, **arrays))


def environment_of(manifest: Manifest, seed: int) -> dict[str, Any]:
    """Return what `environment.json` says: versions, commit, device, seed and the data's fingerprint."""
    return {
        "bimodal": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "seed": seed,
        "data_fingerprint": manifest.fingerprint,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _commit() -> str | None:
    """The commit of the source that runs, if it runs from a checkout."""
    try:
        result = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _model_card(out: Path, manifest: Manifest, settings: TrainSettings, removed: pd.DataFrame, epoch: int) -> str:
    run = Run.open(out)
    chosen = run.metrics.loc[run.metrics["epoch"] == epoch].iloc[0]
    start = (
        Path(settings.weights).name
        if settings.weights
        else (f"{settings.backbone}, pretrained" if settings.pretrained else "random")
    )
    doubts = (
        f" It began from {settings.backbone}, and so from FER2013's faces, which have no clear licence."
        if settings.starts_from_face
        else ""
    )
    counts = {split: len(manifest.rows(split)) for split in ("train", "val", "test")}
    return f"""# {out.resolve().name}

A classifier of facial emotion (`{", ".join(NAMES)}`), trained with bimodal {__version__}.

| | |
|---|---|
| network | `{settings.backbone}` under two layers with SELU and dropout, {settings.image_size}×{settings.image_size} pixels |
| weights at the start | {start} |
| training | {settings.epochs} epochs, batches of {settings.batch_size}, Adam, learning rate {settings.lr:g}, seed {settings.seed} |
| faces | {counts["train"]} train, {counts["val"]} val, {counts["test"]} test |
| removal | {settings.removal.rule}: {len(removed)} faces removed from training (`removed.csv`) |
| weights kept | epoch {epoch}: validation accuracy {chosen["val_accuracy"]:.3f} |

The validation accuracy chose the weights, so it flatters. An honest figure comes from faces that had no say:
`bimodal evaluate {out.resolve().name} --split test`.

**Limits.** The labels are what annotators saw in a picture; a face does not prove a feeling. Do not use this model to
judge people. It knows the kinds of faces it was trained on and may fail on others. It inherits the licence doubts of
its pictures.{doubts}
"""


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))
