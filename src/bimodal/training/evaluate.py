"""A run and a split in, measures and predictions out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bimodal.data.leakage import pretraining_overlap
from bimodal.data.manifest import Manifest, read_table
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.metrics import BothWays, Measures, accuracy_both_ways, measure
from bimodal.runs.predictions import write_predictions
from bimodal.runs.run import PROBABILITIES, Run
from bimodal.training.predict import load_model, predict
from bimodal.training.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class RunEvaluation:
    """What `evaluate_run` found.

    Attributes:
        measures: accuracy and more, with intervals.
        both_ways: accuracy with blank pictures left out, and with unreadable ones counted as wrong.
        remarks: what a reader of the numbers must know, a sentence each.
        predictions: the CSV that was written.
    """

    measures: Measures
    both_ways: BothWays
    remarks: list[str]
    predictions: Path


def evaluate_run(
    path: Path, data: Path | None = None, split: str = "test", out: Path | None = None, overwrite: bool = False
) -> RunEvaluation:
    """Predict a split with the kept weights of a run, write the predictions, and measure them.

    Args:
        path: the run folder.
        data: another data folder than the run's own, or where that lies now.
        split: `val` or `test`.
        out: where to write the predictions; by default `predictions_<split>.csv` in the run folder, for other data
            with the name of their folder added.
        overwrite: replace the file that `out` names.

    Raises:
        InputError: if run or data cannot be used, the run's data have changed, or the split has no faces.
    """
    run = Run.open(path)
    model = load_model(run)
    settings = TrainSettings.from_dict(run.config)
    folder = data or run.data
    if not folder.is_dir():
        raise InputError(f"the data folder {folder} is gone; say where it is now with --data")
    manifest = Manifest.read(folder)
    own = run.was_trained_on(manifest.fingerprint)
    if not own and data is None:
        raise InputError(
            f"the faces in {folder} have changed since {path} was trained, so its splits mean nothing any more; "
            "prepare them as before, or measure on them as other data with --data"
        )
    rows = manifest.rows(split)
    if len(rows) == 0:
        raise InputError(f"{folder} has no faces in split {split}; prepare with --{split}-share")
    if out is not None and out.exists() and not overwrite:
        raise InputError(f"{out} exists; replace it with --overwrite, or choose another --out")
    if out is None:
        out = path / (f"predictions_{split}.csv" if own else f"predictions_{split}_{folder.resolve().name}.csv")
    remarks = []
    if own and split == "test" and out.is_file():
        remarks.append("The test faces of this run were looked at before; do not choose anything by them.")
    if not own:
        remarks += _overlap(run, manifest, rows)
    known = pretraining_overlap(manifest, rows.tolist()) if settings.starts_from_face else ""
    if known:
        remarks.append(f"{known}, and the run began from it, so the figures flatter the run.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    table = predict(model, manifest, rows, settings, device)
    write_predictions(out, table)
    measures = measure(manifest.labels[rows], table[PROBABILITIES].to_numpy(dtype=np.float64))
    right = (table["label"] == table["predicted"]).to_numpy()
    blank = (manifest.table["flag"].to_numpy()[rows] == "blank").astype(bool)
    both_ways = accuracy_both_ways(right, blank, count_unreadable(folder, split))
    return RunEvaluation(measures, both_ways, remarks + _remarks(measures, both_ways), out)


def _overlap(run: Run, manifest: Manifest, rows: NDArray[np.int64]) -> list[str]:
    """Say how many of the faces the run was trained on."""
    if "sha256" not in run.manifest:
        return ["It is not known whether the run was trained on some of these faces."]
    trained = set(run.manifest["sha256"][run.manifest["split"] == "train"])
    count = sum(manifest.digests[row] in trained for row in rows.tolist())
    if not count:
        return []
    return [f"The run was trained on {count} of these {len(rows)} pictures, so the figures flatter it."]


def count_unreadable(folder: Path, split: str) -> int:
    """Return how many pictures of a split `prepare` could not read, and left out."""
    file = folder / "problems.csv"
    if not file.is_file():
        return 0
    try:
        problems = read_table(file, ("split", "problem"))
    except InputError:  # no problems at all: a table without rows
        return 0
    return int(((problems["split"] == split) & (problems["problem"] == "unreadable")).sum())


def _remarks(measures: Measures, both_ways: BothWays) -> list[str]:
    remarks = []
    if both_ways.n_blank:
        count = both_ways.n_blank
        without = "nothing is left" if both_ways.without_blank is None else f"{both_ways.without_blank.value:.1%}"
        remarks.append(f"{count} of the pictures show a single colour; accuracy without them: {without}.")
    if both_ways.n_unreadable:
        remarks.append(
            f"{both_ways.n_unreadable} more pictures cannot be read; accuracy with them counted as wrong: "
            f"{both_ways.unreadable_wrong.value:.1%}."
        )
    if measures.absent:
        names = ", ".join(NAMES[code] for code in measures.absent)
        remarks.append(f"No face of {names} here; balanced accuracy and macro F1 are over the other emotions.")
    return remarks
