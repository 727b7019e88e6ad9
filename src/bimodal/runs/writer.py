"""Writing a run folder: whole at the start, file by file at the end; the final name of the weights comes last."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from bimodal.errors import InputError
from bimodal.files import sha256_of, staged_folder, write_atomically, write_csv, write_text
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.removal import Remover
from bimodal.runs.model_card import model_card
from bimodal.runs.run import BEST, FINISHED, STATE, Run
from bimodal.runs.tables import removal_steps_table, removed_table
from bimodal.version import __version__

if TYPE_CHECKING:
    from bimodal.data.manifest import Manifest

TRACKERS = "trackers.json"
"""Where the records of a run are in W&B and MLflow, so that a resumed run continues them."""
CONTENT = [
    *("config.yaml", "manifest.csv", "environment.json", "network.json", "metrics.csv", "steps.csv", "seconds.csv"),
    *("losses.npz", "removed.csv", "removal_steps.csv", FINISHED, BEST, STATE, INFO_FILE, "model*.onnx"),
    *("predictions_*.csv", "README.md", "report.html", "figures", "tensorboard", "wandb", TRACKERS, ".*"),
]
"""The names, or patterns of names, of the files of a run folder, which --overwrite may delete."""


def begin_run(
    out: Path,
    manifest: "Manifest",
    settings: Mapping[str, Any],
    environment: Mapping[str, Any],
    network: Sequence[Mapping[str, Any]],
    overwrite: bool = False,
) -> None:
    """Make a run folder with what is known before the first training step: settings, environment, stages of the network.

    It is made whole or not at all, so that an interruption leaves no folder that cannot be resumed.

    Raises:
        InputError: the folder exists, and is not a run that may be overwritten.
    """
    if os.path.lexists(out) and not overwrite and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out} exists; choose another --out, resume it with --resume, or replace it with --overwrite")
    config = {"bimodal": __version__, "data": str(manifest.root), **settings}
    with staged_folder(out, overwrite, content=CONTENT, marks=("config.yaml",)) as folder:
        write_text(folder / "environment.json", json.dumps(environment, indent=1))
        write_text(folder / "network.json", json.dumps(network, indent=1))
        # the digests tell later which images of other data this run was trained on
        write_csv(folder / "manifest.csv", manifest.table_with_digests)
        write_text(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def finish_run(
    out: Path,
    manifest: "Manifest",
    remover: Remover,
    predictions_at_removal: Mapping[int, tuple[int, float]],
    predictions: pd.DataFrame,
    info: ModelInfo,
    epoch: int,
) -> None:
    """Write what is known after the last epoch, and give the kept weights the name that marks a finished run.

    `predictions` are the calibrated ones on validation, `epoch` (from 1) is that of the kept weights.
    """
    write_losses(out, remover)
    write_csv(out / "removed.csv", removed_table(manifest, remover, predictions_at_removal))
    write_csv(out / "removal_steps.csv", removal_steps_table(remover))
    write_predictions(out / "predictions_val.csv", predictions)
    write_text(out / INFO_FILE, replace(info, weights_sha256=sha256_of(out / BEST)).to_json())
    write_text(out / "README.md", model_card(Run.open(out), epoch, Counter(manifest.table["split"])))
    (out / BEST).replace(out / FINISHED)


def write_predictions(file: Path, table: pd.DataFrame) -> None:
    """Write a table of predictions, with nine decimals."""
    write_csv(file, table, float_format="%.9f")


def write_losses(out: Path, remover: Remover) -> None:
    """Write `losses.npz`: the per-example losses of the training split, also before and after the first removal step.

    `by_epoch`, (n, epochs), is NaN where an example was no longer in training; it is left out if the ledger has no trace.
    """
    rows = np.flatnonzero(remover.labels >= 0)
    ledger = remover.ledger
    before = ledger.last if remover.before is None else remover.before
    after = before.copy()
    after[remover.steps[0].rows if remover.steps else []] = np.nan
    arrays = {"last": ledger.last, "mean": ledger.mean, "count": ledger.count, "kept": remover.kept}
    if ledger.pred_probs is not None:
        arrays["pred_probs"] = ledger.pred_probs
    if ledger.trace:
        arrays["by_epoch"] = np.stack(ledger.trace, axis=1)
    arrays |= {"before": before, "after": after}
    content: dict[str, Any] = {"rows": rows, **{name: array[rows] for name, array in arrays.items()}}
    write_atomically(out / "losses.npz", lambda file: np.savez_compressed(file, **content))
