"""An audit from end to end: one training, the list of suspects, the page, and what people decided."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.files import LOCK, locked, may_replace, write_atomically
from bimodal.label_audit.decisions import Cleaned, read_decisions, write_cleaned
from bimodal.label_audit.settings import audit_settings
from bimodal.label_audit.suspects import Suspects, list_suspects
from bimodal.label_audit.suspects_page import write_page
from bimodal.removal import RemovalSettings
from bimodal.runs.run import PROBABILITIES, Run
from bimodal.training.predict import load_model, predict
from bimodal.training.settings import TrainSettings
from bimodal.training.train import Hardware, check_faces, train
from bimodal.version import __version__

MARK, RUN, SUSPECTS, PAGE, VERDICT, PROPOSALS, OTHER_SPLITS, CLEANED = (
    "audit.yaml", "run", "suspects.csv", "suspects.html", "verdict.json", "proposals.csv", "other-splits.csv", "cleaned",
)  # fmt: skip
_OURS = (MARK, LOCK, RUN, SUSPECTS, PAGE, VERDICT, PROPOSALS, OTHER_SPLITS)


@dataclass(frozen=True, eq=False)
class Audit:
    """What `audit` did.

    Attributes:
        out: the folder, with `suspects.csv`, `suspects.html`, `proposals.csv`, `verdict.json` and `run/`.
        suspects: the list.
        page: the page.
        cleaned: what the decisions changed; None without decisions.
        other_splits: the report on validation and test; None if it was not asked for.
    """

    out: Path
    suspects: Suspects
    page: Path
    cleaned: Cleaned | None
    other_splits: Path | None


def audit(
    data: Path,
    out: Path,
    settings: TrainSettings | None = None,
    hardware: Hardware | None = None,
    *,
    seed: int | None = None,
    decisions: Path | None = None,
    report_val_and_test: bool = False,
    overwrite: bool = False,
) -> Audit:
    """Find the training labels of a data folder that are probably wrong, by one training.

    The same call goes on where an interrupted one stopped, and a finished training is not repeated: so decisions can be
    handed in later. Validation and test faces are never touched.

    Args:
        data: a folder written by `bimodal prepare`.
        out: the audit's folder, new or an earlier audit of the same faces.
        settings: the training; by default that of the audit in `out`, or else `audit_settings`, a small network. Removal is
            switched off.
        hardware: devices and worker processes.
        seed: of the default training; 0 where none is given.
        decisions: CSV of what people decided, see `read_decisions`; then `out/cleaned` becomes a data folder.
        report_val_and_test: also write `other-splits.csv`: what the network, which never saw them, says of validation and
            test faces. A report and no more: whoever cleans a test split by the network under test measures nothing.
        overwrite: replace an audit that is there.

    Raises:
        InputError: data, settings or decisions cannot be used, or `out` holds something else.
    """
    data, out = Path(data), Path(out)
    manifest = Manifest.read(data)
    run_before = _run_of_earlier_audit(out, manifest, overwrite)
    settings = _settings(run_before, manifest, settings, seed)
    check_faces(manifest, settings)
    decided = None if decisions is None else read_decisions(decisions, manifest)  # before hours of training
    _make_room(out, overwrite, (data, decisions))
    with locked(out):
        return _audit(manifest, out, settings, hardware, decided, report_val_and_test)


def _audit(
    manifest: Manifest,
    out: Path,
    settings: TrainSettings,
    hardware: Hardware | None,
    decided: pd.DataFrame | None,
    report_val_and_test: bool,
) -> Audit:
    began = (out / RUN / "config.yaml").is_file()
    run = train(manifest.root, out / RUN, None if began else settings, hardware, resume=began)
    suspects = list_suspects(run, manifest)
    write_atomically(out / SUSPECTS, lambda file: suspects.table.to_csv(file, index=False))
    if not (out / PROPOSALS).exists():  # somebody may have edited it
        proposals = _propose(suspects)
        write_atomically(out / PROPOSALS, lambda file: proposals.to_csv(file, index=False))
    verdict = json.dumps(_verdict(suspects), indent=1, allow_nan=False)
    write_atomically(out / VERDICT, lambda file: file.write_text(verdict + "\n", encoding="utf-8"))
    device = (hardware or Hardware()).device
    write_page(run, manifest, suspects, out / PAGE, device)
    others = None
    if report_val_and_test:
        others = out / OTHER_SPLITS
        report = _look_at_other_splits(run, manifest, device)
        write_atomically(others, lambda file: report.to_csv(file, index=False))
    cleaned = None if decided is None else write_cleaned(manifest, decided, out / CLEANED)
    return Audit(out, suspects, out / PAGE, cleaned, others)


def _run_of_earlier_audit(out: Path, manifest: Manifest, overwrite: bool) -> Run | None:
    """Return the run that this call goes on with, if there is one.

    Raises:
        InputError: it is of other faces.
    """
    if overwrite or not (out / MARK).is_file() or not (out / RUN / "config.yaml").is_file():
        return None
    run = Run.open(out / RUN)
    if not run.was_trained_on(manifest.fingerprint):
        raise InputError(f"{out} holds an audit of other faces or labels; choose another --out")
    return run


def _settings(
    earlier: Run | None, manifest: Manifest, settings: TrainSettings | None, seed: int | None
) -> TrainSettings:
    own = None if earlier is None else TrainSettings.from_dict(earlier.config)
    if settings is None:
        if own is not None and seed in (None, own.seed):
            return own
        settings = audit_settings(len(manifest.rows("train")), seed or 0)
    settings = replace(settings, removal=RemovalSettings(rule="none"))
    if own not in (None, settings):
        raise InputError("--out holds an audit with other settings; choose another --out, or --overwrite")
    return settings


def _make_room(out: Path, overwrite: bool, needed: Sequence[Path | None]) -> None:
    """Make the folder, or see that it is an audit's; nothing of anybody else's is ever deleted."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise InputError(f"{out} is not empty and no earlier audit; choose another --out")
    if overwrite and out.is_dir():
        inside = [path for path in needed if path is not None and path.resolve().is_relative_to(out.resolve())]
        if inside or (out / CLEANED).exists():
            lost = inside[0] if inside else out / CLEANED
            raise InputError(f"--overwrite would delete {lost}; move it out of {out}, or choose another --out")
        if any(out.iterdir()):
            may_replace(out, _OURS, marks=(MARK,))
        shutil.rmtree(out)
    elif (out / CLEANED).exists() and needed[1] is not None:
        raise InputError(f"{out / CLEANED} is there already; move it away, so that what was decided before is not lost")
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / MARK, lambda file: file.write_text(f"bimodal: {__version__}\n", encoding="utf-8"))


def _propose(suspects: Suspects) -> pd.DataFrame:
    """Return the decisions that may be handed in as they are: only what is sure goes, the other suspects stay."""
    called = suspects.called
    is_sure = called.index.isin(suspects.sure.index)
    return pd.DataFrame(
        {
            "image": called["image"],
            "decision": np.where(is_sure, "remove", "keep"),
            "label": called["suggested"],
            "by": "bimodal two-modes",
            "why": [
                f"wrong with probability {probability:.2f}; looks {suggested} ({confidence:.2f})"
                + ("" if sure else "; have a look")
                for probability, suggested, confidence, sure in zip(
                    called["probability"], called["suggested"], called["confidence"], is_sure, strict=True
                )
            ],
        }
    )


def _verdict(suspects: Suspects) -> dict[str, Any]:
    """Return what was found on the whole, in plain numbers."""
    arrays = ("score", "probability", "called", "remove", "suggested", "confidence")
    numbers = {name: value for name, value in asdict(suspects.modes).items() if name not in arrays}
    numbers = {name: value if np.isfinite(value) else None for name, value in numbers.items()}
    counts = {"faces": len(suspects.rows), "called_wrong": len(suspects.called), "sure": len(suspects.sure)}
    return {**counts, **numbers}


def _look_at_other_splits(run: Run, manifest: Manifest, device: torch.device) -> pd.DataFrame:
    """Return what the network says of faces that it has not seen, most doubtful first."""
    rows = np.concatenate([manifest.rows("val"), manifest.rows("test")])
    if not len(rows):
        raise InputError(f"{manifest.root} has no validation or test faces to report on")
    table = predict(load_model(run), manifest, rows, TrainSettings.from_dict(run.config), device)
    probabilities = table[PROBABILITIES].to_numpy(dtype=np.float64)
    labels = manifest.labels[rows]
    everyone = np.arange(len(rows))
    own = probabilities[everyone, labels]
    others = probabilities.copy()
    others[everyone, labels] = -1
    best = others.argmax(axis=1)
    result = pd.DataFrame(
        {
            "image": table["image"].to_numpy(),
            "split": manifest.table["split"].to_numpy()[rows],
            "label": table["label"].to_numpy(),
            "loss": -np.log(np.maximum(own, 1e-12)).round(4),
            "suggested": np.array(NAMES, dtype=object)[best],
            "confidence": others.max(axis=1).round(4),
        }
    )
    return result.iloc[np.argsort(np.log(np.maximum(own, 1e-12)) - np.log(others.max(axis=1)), kind="stable")]
