"""An audit of training labels: the ranked labels, the page to review them, and the cleaned data."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bimodal.data.leakage import pretraining_overlap
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.features.embedder import Embedder
from bimodal.files import check_replaceable, matches_checksum, write_checksum, write_csv, write_text
from bimodal.inference.embed import choose_embedder
from bimodal.label_audit.decisions import Cleaned, Rounds, write_cleaned
from bimodal.label_audit.judge import Judgement, judge_by_features, judge_by_training, other_rows
from bimodal.label_audit.judgement_file import read_judgement, write_judgement
from bimodal.label_audit.kept_edits import write_editable
from bimodal.label_audit.mark import MARK, Mark
from bimodal.label_audit.ranking import LabelRanking, rank_labels, rank_other_splits
from bimodal.label_audit.settings import AuditSettings
from bimodal.locks import locked
from bimodal.model_files.packaged import FACE
from bimodal.progress import inform, warn
from bimodal.version import __version__

RUN, SUSPECTS, PAGE, VERDICT, PROPOSALS, PROPOSALS_SUM, OTHER_SPLITS, JUDGEMENT, DECIDED, CLEANED, CLEANED_SUM = (
    "run", "suspects.csv", "suspects.html", "verdict.json", "proposals.csv", "proposals.sha256",
    "other-splits.csv", "judgement.npz", "decisions.csv", "cleaned", "cleaned.sha256",
)  # fmt: skip
_OURS = (
    MARK, RUN, SUSPECTS, PAGE, VERDICT, PROPOSALS, PROPOSALS_SUM, OTHER_SPLITS, JUDGEMENT, DECIDED, CLEANED_SUM,
    *(f"{Path(name).stem}.sha256" for name in (SUSPECTS, OTHER_SPLITS, DECIDED)),
)  # fmt: skip
_MAX_KNOWN_SHARE = 0.01
"""Share of pictures from the packaged network's pretraining above which its features do not judge the labels."""


@dataclass(frozen=True, eq=False)
class Audit:
    """The result of `audit`.

    Attributes:
        out: the folder, with `suspects.csv`, `suspects.html`, `proposals.csv` and `verdict.json`.
        ranking: the training labels, ranked; `ranking.suspects` are those that are probably wrong.
        page: the HTML page to review the suspects.
        cleaned: the cleaned data folder; None without decisions.
        other_splits: the report on validation and test labels; None if not requested.
        manifest: the audited faces.
    """

    out: Path
    ranking: LabelRanking
    page: Path
    cleaned: Cleaned | None
    other_splits: Path | None
    manifest: Manifest


def audit(
    data: str | Path,
    out: str | Path,
    settings: AuditSettings | Mapping[str, Any] | None = None,
    *,
    decisions: str | Path | None = None,
    report_val_and_test: bool = False,
    overwrite: bool = False,
) -> Audit:
    """Find the training labels of a data folder that are probably wrong.

    By default a logistic regression on features of the packaged network predicts each label from the other faces; this
    takes seconds and loads no PyTorch. Decisions can be handed in again and again: each call trusts all decisions so far.
    An interrupted audit resumes, and a call with nothing new to do returns the earlier result. Validation and test labels
    never change.

    Args:
        data: a folder written by `bimodal prepare`.
        out: the folder to write, or an earlier audit of the same faces.
        settings: `AuditSettings`, or a mapping of those that differ from the defaults. None: those of the earlier audit in
            `out`, or else the defaults.
        decisions: a CSV of decisions, see `read_decisions`; the result is the data folder `out/cleaned`.
        report_val_and_test: also write `other-splits.csv`, which ranks the validation and test labels.
        overwrite: replace an earlier audit.

    Raises:
        InputError: data, settings or decisions cannot be used, or `out` holds something else.
    """
    data, out = Path(data), Path(out)
    manifest = Manifest.read(data)
    if report_val_and_test and not len(other_rows(manifest)):
        raise InputError(f"{manifest.root} has no validation or test faces to report on")
    with locked(out):
        chosen = _settings(out, manifest, settings, overwrite)
        rounds = Rounds.read(out / DECIDED if not overwrite else None, manifest)
        if decisions is not None:
            rounds = rounds.with_file(Path(decisions), manifest)  # errors come before any computation
        _make_room(out, overwrite, data, None if decisions is None else Path(decisions))
        Mark.of(manifest, chosen).write(out)
        rounds.write(out / DECIDED)
        judgement = _judge(out, manifest, chosen, rounds)
        ranking = rank_labels(manifest, judgement)
        if not judgement.is_stored or not all((out / name).is_file() for name in (SUSPECTS, VERDICT, PAGE, PROPOSALS)):
            _write_results(out, manifest, ranking)
        if report_val_and_test:
            write_editable(out / OTHER_SPLITS, rank_other_splits(manifest, judgement.other_probs))
        cleaned = None
        if decisions is not None:
            cleaned = write_cleaned(manifest, rounds, out / CLEANED, out / CLEANED_SUM)
    return Audit(out, ranking, out / PAGE, cleaned, out / OTHER_SPLITS if report_val_and_test else None, manifest)


def _judge(out: Path, manifest: Manifest, settings: AuditSettings, rounds: Rounds) -> Judgement:
    """Judge the labels, or read the stored judgement of the same faces, settings and decisions."""
    embedder = None
    if settings.method != "training":
        embedder = choose_embedder(settings.model, settings.backbone, settings.weights, settings.image_size)
        overlap = _overlap(manifest, embedder)
        if overlap:
            warn(
                f"{overlap} and may have memorised their labels, so the audit trains a network from random weights instead"
            )
            settings, embedder = AuditSettings("training", seed=settings.seed), None
    rows, labels = rounds.judged(manifest)
    decided = np.isin(rows, rounds.current["row"].to_numpy(dtype=np.int64))
    judged = [__version__, manifest.fingerprint, settings.to_dict(), embedder.digest if embedder else ""]
    arrays = b"".join(array.tobytes() for array in (rows, labels, decided))
    identity = hashlib.sha256(json.dumps(judged).encode() + arrays).hexdigest()
    stored = read_judgement(out / JUDGEMENT, identity, rows, len(other_rows(manifest)))
    if stored is not None:
        return stored
    (out / JUDGEMENT).unlink(missing_ok=True)  # if this call is interrupted, the next one writes all results again
    run = None
    if settings.method != "features":
        from bimodal.training.train import train

        recipe = settings.training(len(manifest.rows("train")))
        run = train(manifest.root, out / RUN, recipe, resume=(out / RUN / "config.yaml").is_file())
    if embedder is None:
        assert run is not None  # for the type checker: the method is "training"
        judgement = judge_by_training(manifest, run, rows, labels)
    else:
        inform(f"judging {len(rows):,} labels by features of {embedder.name}")
        judgement = judge_by_features(manifest, embedder, rows, labels, settings.seed, run)
    return judgement.trusting(decided, identity)


def _write_results(out: Path, manifest: Manifest, ranking: LabelRanking) -> None:
    from bimodal.label_audit.suspects_page import render_page  # loads slowly, and a repeated call needs no page

    write_editable(out / SUSPECTS, ranking.table)
    write_text(out / VERDICT, json.dumps(ranking.verdict, indent=1, allow_nan=False) + "\n")
    write_text(out / PAGE, render_page(manifest, ranking, out))
    if not (out / PROPOSALS).exists() or matches_checksum(out / PROPOSALS, out / PROPOSALS_SUM):
        write_csv(out / PROPOSALS, ranking.proposals)
        write_checksum(out / PROPOSALS, out / PROPOSALS_SUM)
    write_judgement(out / JUDGEMENT, ranking.judgement)  # last: its presence says that the results are complete


def _overlap(manifest: Manifest, embedder: Embedder) -> str:
    """Return a clause on the pictures that the packaged network was pretrained on, if they are too many to ignore."""
    if embedder.name != FACE:
        return ""
    return pretraining_overlap(manifest, manifest.rows("train").tolist(), _MAX_KNOWN_SHARE)


def _settings(
    out: Path, manifest: Manifest, given: AuditSettings | Mapping[str, Any] | None, overwrite: bool
) -> AuditSettings:
    """Return the settings of this call, which are those of the earlier audit in `out` if there is one."""
    settings = given if isinstance(given, AuditSettings) else AuditSettings.from_dict(given or {})
    if overwrite or not (out / MARK).is_file():
        return settings
    mark = Mark.read(out)
    earlier = mark.settings
    if mark.fingerprint != manifest.fingerprint:
        raise InputError(f"{out} holds an audit of other faces or labels; choose another --out")
    if given is not None and settings != earlier:
        raise InputError(
            "--out holds an audit with other settings; choose another --out, or replace it with --overwrite"
        )
    return earlier


def _make_room(out: Path, overwrite: bool, data: Path, decisions: Path | None) -> None:
    """Make the folder, or check that it is an audit; no file of the user's is ever deleted."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise InputError(f"{out} is not empty and not an earlier audit; choose another --out")
    if overwrite and out.is_dir():
        for path in (data, decisions, out / CLEANED):
            if path is not None and path.exists() and path.resolve().is_relative_to(out.resolve()):
                raise InputError(f"--overwrite would delete {path}; move it out of {out}, or choose another --out")
        if any(out.iterdir()):
            check_replaceable(out, _OURS, marks=(MARK,))
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
