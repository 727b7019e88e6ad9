"""An audit of training labels: one training, the ranked labels, the page to review them, and the cleaned data."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.files import LOCK, check_replaceable, locked, write_csv, write_text
from bimodal.label_audit.decisions import Cleaned, read_decisions, write_cleaned
from bimodal.label_audit.network import network_outputs
from bimodal.label_audit.ranking import LabelRanking, rank_labels, rank_other_splits
from bimodal.label_audit.settings import audit_settings
from bimodal.label_audit.suspects_page import render_page
from bimodal.removal import RemovalSettings
from bimodal.runs.run import Run
from bimodal.training.datamodule import check_faces
from bimodal.training.hardware import Hardware
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train
from bimodal.version import __version__

MARK, RUN, SUSPECTS, PAGE, VERDICT, PROPOSALS, OTHER_SPLITS, CLEANED = (
    "audit.yaml", "run", "suspects.csv", "suspects.html", "verdict.json", "proposals.csv", "other-splits.csv", "cleaned",
)  # fmt: skip
_OURS = (MARK, LOCK, RUN, SUSPECTS, PAGE, VERDICT, PROPOSALS, OTHER_SPLITS)


@dataclass(frozen=True, eq=False)
class Audit:
    """The result of `audit`.

    Attributes:
        out: the folder, with `suspects.csv`, `suspects.html`, `proposals.csv`, `verdict.json` and `run/`.
        ranking: the training labels, ranked; `ranking.suspects` are those that are probably wrong.
        page: the HTML page to review the suspects.
        cleaned: the cleaned data folder; None without decisions.
        other_splits: the report on validation and test labels; None if not requested.
    """

    out: Path
    ranking: LabelRanking
    page: Path
    cleaned: Cleaned | None
    other_splits: Path | None


def audit(
    data: str | Path,
    out: str | Path,
    settings: TrainSettings | Mapping[str, Any] | None = None,
    *,
    hardware: Hardware | None = None,
    seed: int | None = None,
    decisions: str | Path | None = None,
    report_val_and_test: bool = False,
    overwrite: bool = False,
) -> Audit:
    """Find the training labels of a data folder that are probably wrong, with one training.

    The same call resumes an interrupted audit. A finished training is not repeated, so decisions can come later.
    Validation and test labels never change.

    Args:
        data: a folder written by `bimodal prepare`.
        out: the folder to write, or an earlier audit of the same faces.
        settings: the training settings, or a mapping of those that differ from `audit_settings`. By default, those of the
            earlier audit in `out`, or else `audit_settings`. The audit always trains without removal.
        hardware: devices and worker processes.
        seed: random seed for weights, data order, augmentation and dropout; 0 by default.
        decisions: a CSV of decisions, see `read_decisions`; the result is the data folder `out/cleaned`.
        report_val_and_test: also write `other-splits.csv`, which ranks the validation and test labels.
        overwrite: replace an earlier audit.

    Raises:
        InputError: data, settings or decisions cannot be used, or `out` holds something else.
    """
    data, out = Path(data), Path(out)
    decisions = None if decisions is None else Path(decisions)
    manifest = Manifest.read(data)
    others = np.zeros(0, dtype=np.int64)
    if report_val_and_test:
        others = np.concatenate([manifest.rows("val"), manifest.rows("test")])
    if report_val_and_test and not len(others):
        raise InputError(f"{manifest.root} has no validation or test faces to report on")
    earlier = None if overwrite else _earlier_run(out, manifest)
    settings = _settings(earlier, len(manifest.rows("train")), settings, seed)
    check_faces(manifest, settings)
    decided = None if decisions is None else read_decisions(decisions, manifest)  # errors come before the training
    _make_room(out, overwrite, data, decisions)
    with locked(out):
        begun = earlier is not None
        run = train(manifest.root, out / RUN, None if begun else settings, hardware=hardware, resume=begun)
        train_rows = manifest.rows("train")
        rows, count = np.concatenate([train_rows, others]), len(train_rows)
        features, pred_probs = network_outputs(run, manifest, settings, rows, (hardware or Hardware()).device)
        ranking = rank_labels(run, manifest)
        other_splits = rank_other_splits(manifest, others, pred_probs[count:])
        page = render_page(run, manifest, ranking, features[:count], out)
        write_csv(out / SUSPECTS, ranking.table)
        if not (out / PROPOSALS).exists():  # the user may have edited it
            write_csv(out / PROPOSALS, ranking.proposals)
        write_text(out / VERDICT, json.dumps(ranking.verdict, indent=1, allow_nan=False) + "\n")
        write_text(out / PAGE, page)
        if report_val_and_test:
            write_csv(out / OTHER_SPLITS, other_splits)
        cleaned = None if decided is None else write_cleaned(manifest, decided, out / CLEANED)
    return Audit(out, ranking, out / PAGE, cleaned, out / OTHER_SPLITS if report_val_and_test else None)


def _earlier_run(out: Path, manifest: Manifest) -> Run | None:
    """Return the run of the audit in `out`, if there is one.

    Raises:
        InputError: it was trained on other faces or labels.
    """
    if not (out / MARK).is_file() or not (out / RUN / "config.yaml").is_file():
        return None
    run = Run.open(out / RUN)
    if not run.was_trained_on(manifest.fingerprint):
        raise InputError(f"{out} holds an audit of other faces or labels; choose another --out")
    return run


def _settings(
    run: Run | None, faces: int, given: TrainSettings | Mapping[str, Any] | None, seed: int | None
) -> TrainSettings:
    earlier = None if run is None else TrainSettings.from_dict(run.config)
    if earlier is not None and given is None and seed in (None, earlier.seed):
        return earlier
    if isinstance(given, TrainSettings):
        settings = given if seed is None else replace(given, seed=seed)
    else:
        settings = audit_settings(faces, seed, changes=given)
    settings = replace(settings, removal=RemovalSettings(rule="none"))
    if earlier not in (None, settings):
        raise InputError(
            "--out holds an audit with other settings; choose another --out, or replace it with --overwrite"
        )
    return settings


def _make_room(out: Path, overwrite: bool, data: Path, decisions: Path | None) -> None:
    """Make the folder, or check that it is an audit; no file of the user's is ever deleted."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise InputError(f"{out} is not empty and not an earlier audit; choose another --out")
    if overwrite and out.is_dir():
        needed: Sequence[Path] = [
            path for path in (data, decisions, out / CLEANED) if path is not None and path.exists()
        ]
        for path in needed:
            if path.resolve().is_relative_to(out.resolve()):
                raise InputError(f"--overwrite would delete {path}; move it out of {out}, or choose another --out")
        if any(out.iterdir()):
            check_replaceable(out, _OURS, marks=(MARK,))
        shutil.rmtree(out)
    elif (out / CLEANED).exists() and decisions is not None:
        raise InputError(f"{out / CLEANED} exists; move it away, so that earlier decisions are not lost")
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / MARK, f"bimodal: {__version__}\n")
