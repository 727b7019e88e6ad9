"""Cross-validation: train once for each fold, and predict every face by the network that was not trained on it."""

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from bimodal.data.leakage import inseparable_groups, pretraining_overlap
from bimodal.data.manifest import COLUMNS, Manifest
from bimodal.data.views import write_view
from bimodal.errors import InputError
from bimodal.evaluation.grouped import GroupedMeasures, measure_groups
from bimodal.files import check_replaceable, write_csv, write_text
from bimodal.locks import locked
from bimodal.progress import inform
from bimodal.runs.folds import MEASURES, PREDICTIONS, RECORD, read_record
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.runs.writer import CONTENT as RUN_CONTENT
from bimodal.runs.writer import write_predictions
from bimodal.text import plural
from bimodal.training.datamodule import check_faces
from bimodal.training.evaluate import evaluate
from bimodal.training.fold_splits import VAL_SHARE, fold_tables
from bimodal.training.hardware import Hardware
from bimodal.training.loggers import DEFAULT, check_loggers, chosen
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train
from bimodal.unfinished import PREFIX
from bimodal.version import __version__

_VIEWS = "data"
_CONTENT = (RECORD, PREDICTIONS, MEASURES, _VIEWS, "fold-*")


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The result of `cross_validate`.

    Attributes:
        path: the folder.
        runs: the run of each fold.
        predictions: one row for each face, as in `predictions_out_of_fold.csv`: `image,label,predicted,fold,p_angry,...`.
        folds: the measures of each fold on its held-out faces.
        pooled: the measures of all out-of-fold predictions together.
        notes: what the intervals cover and what limits the meaning of the numbers, one sentence or two each.
    """

    path: Path
    runs: tuple[Run, ...]
    predictions: pd.DataFrame
    folds: tuple[GroupedMeasures, ...]
    pooled: GroupedMeasures
    notes: tuple[str, ...]


def cross_validate(
    data: str | Path | None,
    out: str | Path,
    settings: TrainSettings | None = None,
    *,
    folds: int | None = None,
    hardware: Hardware | None = None,
    overwrite: bool = False,
    loggers: Sequence[str] = DEFAULT,
) -> CrossValidation:
    """Train a classifier for each fold of all faces of a data folder, and measure it on the faces that it was not trained on.

    All splits of the data folder are taken together and divided into folds, see `fold_tables`. `out/fold-1`, `out/fold-2`
    and so on are run folders; the test split of each is its fold. The same call continues after an interruption: finished
    folds are not trained again, and a started one continues after its last epoch.

    Args:
        data: a folder written by `bimodal prepare`; None means the one of the cross-validation in `out`.
        out: the folder to write.
        settings: what to train and how; None means those of the cross-validation in `out`, or else the paper's recipe. The
            seed is also that of the folds.
        folds: number of folds, at least 2; None means that of the cross-validation in `out`, or else 5.
        hardware: one device and worker processes; by default a GPU if there is one, or else the CPU.
        overwrite: replace a cross-validation that is in `out`.
        loggers: of each fold's run, see `train`.

    Raises:
        InputError: data, settings or number of folds cannot be used, or `out` holds a cross-validation of other data or with
            other settings, or something else.

    `docs/python.md` has an example that runs.
    """
    out = Path(out)
    hardware = hardware or Hardware()
    if hardware.world_size > 1:
        raise InputError("--folds trains in one process; leave out --devices and --num-nodes")
    check_loggers(chosen(loggers or ["none"]))
    with locked(out):
        return _cross_validate(data, out, settings, folds, hardware, overwrite, loggers)


def _cross_validate(
    data: str | Path | None,
    out: Path,
    settings: TrainSettings | None,
    folds: int | None,
    hardware: Hardware,
    overwrite: bool,
    loggers: Sequence[str],
) -> CrossValidation:
    recorded = {} if overwrite else read_record(out)
    if data is None and not recorded:
        raise InputError(f"expected a data folder; without one, {out} must hold a cross-validation to continue")
    if settings is None:
        settings = TrainSettings.from_dict(recorded["settings"]) if recorded else TrainSettings()
    if folds is None:
        folds = recorded["folds"] if recorded else 5
    data = Path(recorded["data"] if data is None else data)
    if recorded and not data.is_dir():
        command = f"bimodal train DATA --out {shlex.quote(str(out))} --resume"
        raise InputError(f"the data folder {data} is missing; say where it is now: {command}")
    manifest = Manifest.read(data)
    record = {
        "bimodal": __version__,
        "data": str(manifest.root),
        "fingerprint": manifest.fingerprint,
        "folds": folds,
        "settings": settings.to_dict(),
    }
    _check_same(out, recorded, record)
    tables = fold_tables(manifest, inseparable_groups(manifest, near_duplicates=True), folds, settings.seed)
    for table in tables:
        check_faces(replace(manifest, table=table), settings)
    _check_folder(out, bool(recorded), overwrite)
    out.mkdir(parents=True, exist_ok=True)
    if overwrite:
        _clear(out)
    write_text(out / RECORD, yaml.safe_dump(record, sort_keys=False, allow_unicode=True))
    runs = [
        _train_fold(manifest, table, out, number, len(tables), settings, hardware, loggers)
        for number, table in enumerate(tables, 1)
    ]
    return _result(out, manifest, tables, runs, settings)


def _check_same(out: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that the folder holds this cross-validation, or none yet."""
    if not old:
        return
    before = TrainSettings.from_dict(old["settings"]).to_dict()
    differing = [key.replace("_", "-") for key, value in new["settings"].items() if before[key] != value]
    differing += ["folds"] if old["folds"] != new["folds"] else []
    if differing:
        raise InputError(
            f"{out} holds a cross-validation with other settings ({', '.join(differing)}); choose another --out, or replace it "
            "with --overwrite"
        )
    if old["fingerprint"] != new["fingerprint"]:
        raise InputError(
            f"{out} holds a cross-validation of other faces than {new['data']} has now; restore them, choose another --out, or "
            "replace it with --overwrite"
        )


def _check_folder(out: Path, continues: bool, overwrite: bool) -> None:
    """Check that the folder is new, or holds a cross-validation to continue or to replace."""
    if continues or not os.path.lexists(out):
        return
    if not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file; choose another")
    if overwrite:
        check_replaceable(out, _CONTENT, marks=(RECORD,))
        for run in out.glob("fold-*"):
            check_replaceable(run, RUN_CONTENT, marks=("config.yaml",))
    elif any(not name.startswith(PREFIX) for name in os.listdir(out)):
        raise InputError(f"{out} is not empty and holds no cross-validation; choose another --out")


def _clear(out: Path) -> None:
    for path in out.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _train_fold(
    manifest: Manifest,
    table: pd.DataFrame,
    out: Path,
    number: int,
    folds: int,
    settings: TrainSettings,
    hardware: Hardware,
    loggers: Sequence[str],
) -> Run:
    """Train and evaluate one fold, or the rest of it; return its run."""
    path, view = out / f"fold-{number}", out / _VIEWS / f"fold-{number}"
    write_view(manifest, table, view, COLUMNS, records=("source.json",))  # problems.csv is about the other splits
    counts = table["split"].value_counts()
    size = f"{counts['train']:,} training, {counts['val']:,} validation and {counts['test']:,} held-out faces"
    begun = (path / "config.yaml").is_file()
    run = Run.open(path) if begun else None
    if run is None or not run.is_finished:
        inform(f"fold {number} of {folds}: {size}")
        run = train(view, path, settings, hardware=hardware, resume=begun, loggers=loggers)
    else:
        inform(f"fold {number} of {folds} is finished already")
        if not (_is_trained_on(run, table) and TrainSettings.from_dict(run.config) == settings):
            raise InputError(
                f"{path} is a run on other faces or with other settings; move it away, and repeat the command"
            )
    if not (path / "predictions_test.csv").is_file():
        evaluate(run, "test", data=view)
    return run


def _is_trained_on(run: Run, table: pd.DataFrame) -> bool:
    columns = ["image", "label", "split", "digest"]
    return run.manifest[columns].equals(table[columns].astype(run.manifest["image"].dtype).reset_index(drop=True))


def _result(
    out: Path, manifest: Manifest, tables: Sequence[pd.DataFrame], runs: Sequence[Run], settings: TrainSettings
) -> CrossValidation:
    """Collect the predictions of all folds, write the two tables, and return the result."""
    fold = np.zeros(len(manifest), np.int64)
    parts = []
    for number, (table, run) in enumerate(zip(tables, runs, strict=True), 1):
        rows = np.flatnonzero(table["split"].to_numpy() == "test")
        fold[rows] = number
        part = run.predictions("test").sort_values("row", ignore_index=True)
        if part["row"].tolist() != rows.tolist() or part["label"].tolist() != table["label"].iloc[rows].tolist():
            raise InputError(
                f"{run.path}/predictions_test.csv has other faces than the fold; delete it, and repeat the command"
            )
        parts.append(part)
    predictions = pd.concat(parts).sort_values("row", ignore_index=True)
    predictions["fold"] = fold
    predictions = predictions[["image", "label", "predicted", "fold", *PROBABILITIES]]
    groups = inseparable_groups(manifest)
    probabilities = predictions[PROBABILITIES].to_numpy(dtype=np.float64)

    def measured(rows: NDArray[np.int64]) -> GroupedMeasures:
        return measure_groups(manifest.labels[rows], probabilities[rows], groups[rows])

    by_fold = tuple(measured(np.flatnonzero(fold == number)) for number in range(1, len(runs) + 1))
    pooled = measured(np.arange(len(manifest)))
    write_predictions(out / PREDICTIONS, predictions)
    measures = [_row(str(number), one) for number, one in enumerate(by_fold, 1)] + [_row("pooled", pooled)]
    write_csv(out / MEASURES, pd.DataFrame(measures), float_format="%.6f")
    return CrossValidation(out, tuple(runs), predictions, by_fold, pooled, tuple(_notes(manifest, pooled, settings)))


def _row(name: str, measures: GroupedMeasures) -> dict[str, Any]:
    row: dict[str, Any] = {"fold": name, "faces": measures.n, "groups": measures.groups}
    for key in ("accuracy", "balanced_accuracy", "macro_f1"):
        one = getattr(measures, key)
        low, high = (one.low, one.high) if one.bounded else (np.nan, np.nan)
        row |= {key: one.value, f"{key}_low": low, f"{key}_high": high}
    return row


def _notes(manifest: Manifest, pooled: GroupedMeasures, settings: TrainSettings) -> list[str]:
    known = [group for group in manifest.table["group"] if group]
    share = f"each network was chosen and calibrated on {VAL_SHARE:.1%} of the faces outside its fold"
    notes = [f"Every face is predicted once, by a network that was not trained on it; {share}."]
    if known:
        unknown = len(manifest) - len(known)
        each = f" {plural(unknown, 'face')} of no known group count as groups." if unknown else ""
        notes.append(
            f"The 95 % intervals are for other groups (persons, films): the {pooled.groups:,} groups were drawn with replacement. No "
            f"group is in two splits of a fold.{each}"
        )
    else:
        notes.append(
            "The 95 % intervals are for other faces, and copies count as one. No groups (persons, films) are known of these "
            "faces: one person may be in training and in the held-out fold, and then the accuracy for new persons is lower."
        )
    notes.append(
        "The intervals do not cover another training: with another seed or other training faces, the accuracy may differ by "
        "more. Repeat with other values of --seed to see how much."
    )
    if settings.starts_from_face and (overlap := pretraining_overlap(manifest)):
        notes.append(f"{overlap}, and the runs started from its weights, so the measures are too optimistic.")
    return notes
