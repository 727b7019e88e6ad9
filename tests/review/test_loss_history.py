"""The loss of a face by epoch, beside the median of its class, from the newest run of the same faces."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bimodal.label_audit.audit import RUN, Audit
from bimodal.review.loss_history import LossHistories, TrainingLosses
from bimodal.review.opened import OpenAudit
from bimodal.runs.run import Run
from tests.runs import TRAIN, WRONG, write_run

EPOCHS = 5
DATA: Any = SimpleNamespace(fingerprint="f")  # the fingerprint that `write_run` writes


def add_epochs(run: Path, offset: float = 0.0) -> np.ndarray:
    """Add losses by epoch to a run, NaN after epoch 3 for the removed faces, and mark it as finished."""
    arrays = dict(np.load(run / "losses.npz"))
    by_epoch = np.random.default_rng(0).gamma(2, 0.3, (TRAIN, EPOCHS)).astype(np.float32) + np.float32(offset)
    by_epoch[~arrays["kept"], 3:] = np.nan
    arrays |= {"mean": np.nanmean(by_epoch, axis=1), "count": np.isfinite(by_epoch).sum(axis=1), "by_epoch": by_epoch}
    np.savez(run / "losses.npz", **arrays)
    (run / "model.safetensors").touch()
    return by_epoch


def test_the_curve_is_that_of_the_face_and_of_its_class(tmp_path: Path) -> None:
    run = write_run(tmp_path, "run", rule="wang")
    by_epoch = add_epochs(run)
    labels = pd.read_csv(run / "manifest.csv")["label"].to_numpy()[:TRAIN]
    losses = TrainingLosses(Run.open(run))
    for row in (1, WRONG[1]):
        found = losses.of(row)
        assert found is not None
        same = by_epoch[labels == labels[row]]
        assert found.class_median == pytest.approx(
            [float(np.nanmedian(same[:, each])) for each in range(EPOCHS)], abs=1e-4
        )
        count = 3 if row in WRONG else EPOCHS
        assert found.by_epoch[:count] == pytest.approx(by_epoch[row, :count].tolist(), abs=1e-4)
        assert found.by_epoch[count:] == [None] * (EPOCHS - count)
        assert (found.epochs, found.removed_after) == (count, 3 if row in WRONG else None)
        assert found.above == (np.nanmean(by_epoch, axis=1) < found.mean).sum() / (TRAIN - 1)
    assert losses.of(TRAIN) is None, "a validation face"


def test_the_newest_finished_run_of_the_same_faces_counts(tmp_path: Path) -> None:
    old, new, other = (write_run(tmp_path, name) for name in ("old", "new", "other"))
    paths = [old, new, other, tmp_path / "none"]
    histories = LossHistories(lambda: paths, kept_s=0)
    assert histories.of(DATA, 0) is None, "none is finished"
    for age, run in enumerate((new, old, other)):
        add_epochs(run, offset=age)
        os.utime(run / "losses.npz", (10**9 - age, 10**9 - age))
    environment = json.loads((other / "environment.json").read_text())
    (other / "environment.json").write_text(json.dumps(environment | {"data_fingerprint": "of other faces"}))
    os.utime(other / "losses.npz", (2 * 10**9, 2 * 10**9))

    def name() -> str:
        found = histories.of(DATA, 0)
        return found.run if found is not None else ""

    assert name() == "new"
    os.utime(old / "losses.npz", (10**9 + 5, 10**9 + 5))
    assert name() == "old"
    whole = (old / "losses.npz").read_bytes()
    (old / "losses.npz").write_bytes(b"damaged")
    assert name() == "new"
    arrays = dict(np.load(new / "losses.npz"))
    del arrays["by_epoch"]
    np.savez(new / "losses.npz", **arrays)
    found = histories.of(DATA, 0)
    assert found is not None
    assert (found.by_epoch, found.class_median) == ([], [])
    (old / "losses.npz").write_bytes(whole)
    os.utime(old / "losses.npz", (1, 1))
    assert name() == "old", "the run with losses of each epoch"
    paths.clear()
    assert name() == ""


def test_an_audit_by_a_training_has_the_losses_of_its_run(trained: Audit) -> None:
    manifest = OpenAudit.open(trained.out).manifest
    histories = LossHistories(lambda: [trained.out / RUN])
    for row in (0, 43):
        found = histories.of(manifest, row)
        assert found is not None
        assert found.epochs == len(found.by_epoch) == len(found.class_median) == 12
