"""Whether decisions help: what is compared, and trainings in a process of their own that can be stopped and continued."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.progress import LOGGER, Progress
from bimodal.review import retrain, train_process
from bimodal.review.cleaned import write_cleaned_set
from bimodal.review.opened import OpenAudit
from bimodal.review.retrain import compare_probes, compare_trainings
from bimodal.review.steps import StoppedError
from bimodal.review.store import Store
from bimodal.review.train_process import train_elsewhere
from bimodal.runs.run import Run
from bimodal.runs.tables import predictions_table
from tests.conftest import write_data
from tests.label_audit.conftest import WRONG

TINY = {"preset": "small", "image_size": 32, "batch_size": 16, "epochs": 2, "removal": "none"}


def test_the_comparison_finds_that_cleaning_helps(opened: OpenAudit) -> None:
    with Store.open(opened.folder) as store:
        for row in range(WRONG):
            store.add("ann", opened.manifest.table["image"].iat[row], "relabel", NAMES[row % 7])
        comparison = compare_probes(opened, store)
    assert comparison.n == 28
    assert comparison.difference.value >= 0
    assert comparison.difference.low <= comparison.difference.value <= comparison.difference.high


def test_without_a_change_there_is_nothing_to_compare(opened: OpenAudit) -> None:
    with Store.open(opened.folder) as store:
        store.add("ann", opened.manifest.table["image"].iat[0], "keep")
        with pytest.raises(InputError, match="no decision removes or relabels"):
            compare_probes(opened, store)
        with pytest.raises(InputError, match="write the cleaned set first"):
            compare_trainings(opened)
        write_cleaned_set(opened, store)
        with pytest.raises(InputError, match="no decision removes or relabels"):
            compare_trainings(opened)


def test_trainings_before_and_after_are_compared_on_the_test_faces(
    opened: OpenAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Path, str, dict[str, Any]]] = []

    def train(data: Path, out: Path, recipe: dict[str, Any], what: str, is_stopped: Any) -> None:
        """Write a run that is right about all test faces after the review, and about three of four before it."""
        calls.append((data, what, recipe))
        manifest = Manifest.read(data)
        rows = manifest.rows("test").astype(np.int64)
        codes = manifest.labels[rows].copy()
        if out.name.startswith("before"):
            codes[::4] = (codes[::4] + 1) % 7
        out.mkdir(parents=True)
        (out / "config.yaml").write_text("bimodal: 1\nbackbone: x\nremoval: {}\ndata: x\n")
        predictions_table(manifest, rows, np.eye(7)[codes]).to_csv(out / "predictions_test.csv", index=False)

    monkeypatch.setattr(retrain, "train_elsewhere", train)
    with Store.open(opened.folder) as store:
        store.add("ann", opened.manifest.table["image"].iat[0], "remove")
        write_cleaned_set(opened, store)
    found = compare_trainings(opened, seeds=2)
    assert found.n == 28
    assert found.difference.value == pytest.approx(7 / 28)
    assert found.difference.low > 0
    assert [data for data, _, _ in calls] == [opened.manifest.root, opened.folder / "cleaned"] * 2
    assert [(recipe["preset"], recipe["seed"]) for _, _, recipe in calls] == [("face", seed) for seed in (0, 0, 1, 1)]
    assert [what.split(",")[0] for _, what, _ in calls] == [f"training {number} of 4" for number in (1, 2, 3, 4)]


@pytest.mark.slow
def test_a_training_is_stopped_continued_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_data(tmp_path / "data", {"train": 70, "val": 14, "test": 14})
    seen: list[Progress] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if hasattr(record, "progress"):
                seen.append(record.progress)

    recorder, level, out = Recorder(), LOGGER.level, tmp_path / "out/run"
    LOGGER.addHandler(recorder)
    LOGGER.setLevel(logging.DEBUG)
    long = TINY | {"epochs": 500}

    def begun(progress: Progress) -> bool:
        return progress.what == "a training" and progress.done > 10

    try:
        with pytest.raises(StoppedError, match="finished epochs are kept"):
            train_elsewhere(data, out, long, "a training", lambda: any(begun(each) for each in seen))
    finally:
        LOGGER.removeHandler(recorder)
        LOGGER.setLevel(level)
    assert {each.what for each in seen} >= {"a training"}
    assert {each.total % 500 for each in seen if begun(each) and each.total} == {0}
    run = Run.open(out)
    assert not run.is_finished
    assert 1 <= len(run.metrics) < 500
    assert not list(out.parent.glob(".bimodal-lock*")), "the process has ended in order"

    train_process._train(data, out, TINY, "another recipe")
    finished = Run.open(out)
    assert finished.metrics["epoch"].tolist() == [1, 2]
    assert len(finished.predictions("test")) == 14

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trains again")

    monkeypatch.setattr("bimodal.training.train.train", refuse)
    train_process._train(data, out, TINY, "the same")


@pytest.mark.slow
def test_what_cannot_be_trained_is_one_line(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": 70, "val": 14, "test": 14})
    with pytest.raises(InputError, match="epochs"):
        train_elsewhere(data, tmp_path / "run", TINY | {"epochs": 0}, "a training")
    assert not (tmp_path / "run").exists()
