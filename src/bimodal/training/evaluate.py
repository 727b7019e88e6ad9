"""Evaluation of a run: predict a split with the kept weights, write the predictions, and measure them."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bimodal.data.leakage import pretraining_overlap, training_leaks, training_overlap
from bimodal.data.manifest import Manifest
from bimodal.data.tables import read_table
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.metrics import BothWays, Measures, accuracy_both_ways, measure
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.runs.writer import write_predictions
from bimodal.settings import check_choice
from bimodal.training.predict import load_model, predict
from bimodal.training.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class RunEvaluation:
    """The result of `evaluate`.

    Attributes:
        measures: accuracy and more, with 95 % intervals.
        both_ways: accuracy without blank pictures, and with unreadable pictures counted as wrong.
        remarks: what limits the meaning of the numbers, one sentence each.
        predictions: the CSV file of the predictions.
    """

    measures: Measures
    both_ways: BothWays
    remarks: list[str]
    predictions: Path


def evaluate(
    run: str | Path | Run,
    split: str = "test",
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> RunEvaluation:
    """Predict a split with the kept weights of a run, write the calibrated predictions, and measure them.

    Args:
        run: the run or its folder.
        split: `val` or `test`.
        data: a data folder other than that of the run, or the place to which that has been moved.
        out: the CSV file to write; by default `predictions_<split>.csv` in the run folder, or
            `predictions_<split>_<folder>.csv` for other data.
        overwrite: replace the file that `out` names.

    Raises:
        InputError: run or data cannot be used, the data of the run have changed, or the split has no faces.

    `docs/python.md` has an example that runs.
    """
    check_choice("split", split, ("val", "test"))
    run = run if isinstance(run, Run) else Run.open(run)
    model = load_model(run)
    settings = TrainSettings.from_dict(run.config)
    folder = run.data if data is None else Path(data)
    if not folder.is_dir():
        raise InputError(f"the data folder {folder} is missing; say where it is now with --data")
    manifest = Manifest.read(folder)
    is_own_data = run.was_trained_on(manifest.fingerprint)
    if not is_own_data and data is None:
        change = f"the faces in {folder} have changed since {run.path} was trained"
        raise InputError(f"{change}; restore them, or evaluate on them as other data with --data")
    rows = manifest.rows(split)
    if len(rows) == 0:
        raise InputError(f"{folder} has no faces in split {split}; prepare with --{split}-share")
    suffix = "" if is_own_data else f"_{folder.resolve().name}"
    file = run.path / f"predictions_{split}{suffix}.csv" if out is None else Path(out)
    if out is not None and file.exists() and not overwrite:
        raise InputError(f"{out} exists; replace it with --overwrite, or choose another --out")
    remarks = []
    if is_own_data and split == "test" and file.is_file():
        remarks.append("This run was evaluated on its test faces before; do not choose anything by their accuracy.")
    if is_own_data and (leaks := training_leaks(run.manifest, split, _problems(folder))):
        remarks.append(leaks)
    count = 0 if is_own_data else training_overlap(manifest, rows.tolist(), run.manifest)
    if count:
        remarks.append(
            f"The run was trained on {count} of these {len(rows)} pictures; the measures are too optimistic."
        )
    if settings.starts_from_face and (overlap := pretraining_overlap(manifest, rows.tolist())):
        remarks.append(f"{overlap}, and the run started from its weights, so the measures are too optimistic.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    table = predict(model, manifest, rows, settings, device, run.info.temperature)
    write_predictions(file, table)
    measures = measure(manifest.labels[rows], table[PROBABILITIES].to_numpy(dtype=np.float64))
    correct = (table["label"] == table["predicted"]).to_numpy()
    blank = (manifest.table["flag"].to_numpy()[rows] == "blank").astype(bool)
    both_ways = accuracy_both_ways(correct, blank, count_unreadable(folder, split))
    return RunEvaluation(measures, both_ways, remarks + _remarks(measures, both_ways), file)


def count_unreadable(folder: Path, split: str) -> int:
    """Return the number of pictures of a split that `prepare` left out because it could not read them."""
    problems = _problems(folder)
    return int(((problems["split"] == split) & (problems["problem"] == "unreadable")).sum())


def _problems(folder: Path) -> pd.DataFrame:
    """Return the table in `problems.csv`; without rows if there is none."""
    columns = ("image", "split", "problem", "detail")
    file = folder / "problems.csv"
    if file.is_file():
        with suppress(InputError):  # a table without rows: there were no problems
            return read_table(file, columns)
    return pd.DataFrame(columns=list(columns), dtype=str)


def _remarks(measures: Measures, both_ways: BothWays) -> list[str]:
    remarks = []
    if both_ways.n_blank:
        without = both_ways.without_blank
        accuracy = "not defined" if without is None else f"{without.value:.1%}"
        remarks.append(f"Pictures of a single colour: {both_ways.n_blank}; accuracy without them: {accuracy}.")
    if both_ways.n_unreadable:
        accuracy = f"{both_ways.unreadable_wrong.value:.1%}"
        remarks.append(
            f"Unreadable pictures: {both_ways.n_unreadable}; accuracy with them counted as wrong: {accuracy}."
        )
    if measures.absent:
        names = ", ".join(NAMES[code] for code in measures.absent)
        remarks.append(f"The split has no face of {names}; balanced accuracy and macro F1 average the other emotions.")
    return remarks
