"""The study from end to end on a handful of drawn faces, and what becomes of what it found."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.errors import InputError
from bimodal.experiments.jobs import executor
from bimodal.experiments.jobs.executor import Job, perform
from bimodal.experiments.jobs.executor import Outcome as Ended
from bimodal.experiments.label_noise import plan, studying
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.label_noise.recipes import settings_of
from bimodal.experiments.label_noise.study import NoiseOptions, NoiseStudy, study_label_noise
from tests.conftest import Outcome, fails_with_one_line

CELL = Cell("drawn", 891, "symmetric", 0.2, "", 0)
EPOCHS = 3


class Here:
    """A pool that runs each job at once, in this process."""

    description = "here"
    has_place = True

    def __init__(self) -> None:
        self.done: list[Ended] = []

    def start(self, job: Job) -> None:
        self.done.append(Ended(job, *perform(job)))

    def wait(self) -> Ended:
        return self.done.pop()


@contextmanager
def pool_here(address: str | None = None) -> Iterator[Here]:
    yield Here()


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, NoiseStudy]]:
    """One cell of 140 drawn faces, with few and short trainings."""
    out = tmp_path_factory.mktemp("noise") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studying, "SMALL", 140)
        patch.setattr(studying, "VAL", 7)
        patch.setattr(studying, "DRAWN_TEST", 14)
        patch.setattr(studying, "all_cells", lambda *_: [CELL])
        patch.setattr(executor, "open_pool", pool_here)
        patch.setattr(plan, "settings_of", lambda *cell: replace(settings_of(*cell), epochs=EPOCHS, batch_size=16))
        patch.setattr(plan, "RULES", ("two-modes", "wang"))
        patch.setattr(
            plan,
            "AGAIN",
            (("two-modes-removal", False), ("cleanlab", False), ("two-modes-removal", True), ("scn", True)),
        )
        yield out, study_label_noise(out, NoiseOptions(), command="bimodal study label-noise")


def test_every_training_left_its_evidence_and_nothing_else(studied: tuple[Path, NoiseStudy]) -> None:
    out, study = studied
    assert study.failures == {}
    folder = out / "cells" / CELL.name
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "plain.npz", *(f"fold-{k}.npz" for k in range(5)), "threshold.npz", "rule-two-modes.npz", "rule-wang.npz",
        "without-two-modes-removal.npz", "without-cleanlab.npz", "labels-two-modes-removal.npz", "labels-scn.npz",
    }  # fmt: skip
    with np.load(folder / "plain.npz") as plain:
        assert plain["logits"].shape == (EPOCHS, 140, 7)
        assert plain["seen"] == EPOCHS * 140
        assert plain["probabilities"].sum(axis=1) == pytest.approx(np.ones(14), abs=1e-5)
    held_out = 0
    for k in range(5):
        with np.load(folder / f"fold-{k}.npz") as fold:
            held_out += len(fold["probabilities"])
            assert fold["seen"] == EPOCHS * (140 - len(fold["probabilities"]))
    assert held_out == 140


def test_the_tables_hold_every_method_with_intervals(studied: tuple[Path, NoiseStudy]) -> None:
    out, _ = studied
    table = pd.read_csv(out / "measures.csv")
    assert {
        "two-modes",
        "cleanlab",
        "cleanlab-both",
        "margins",
        "mixture",
        "scn",
        "wang",
        "mean-loss",
        "random",
    } <= set(table["method"])
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    costs = pd.read_csv(out / "costs.csv").set_index("method")["trainings"]
    assert costs["cleanlab"] == pytest.approx(4)
    assert costs["two-modes"] == 1
    assert costs["margins"] == 2
    assert (pd.read_csv(out / "costs.csv")["seconds"] > 0).all()
    text = (out / "tables.md").read_text()
    assert "| **two-modes** |" in text
    assert "without-two-modes-removal" in text
    accuracies = pd.read_csv(out / "accuracies.csv").set_index("training")
    assert accuracies.loc["plain", "difference"] == 0
    pictures = {path.name for path in (out / "figures").iterdir()}
    assert {f"{what}-{CELL.condition}.png" for what in ("curves", "scores", "found")} <= pictures


def test_what_has_ended_is_not_done_again(studied: tuple[Path, NoiseStudy], monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = studied
    monkeypatch.setattr(studying, "all_cells", lambda *_: [CELL])
    monkeypatch.setattr(plan, "RULES", ("two-modes", "wang"))
    monkeypatch.setattr(plan, "AGAIN", (("two-modes-removal", False),) * 3)

    def never(address: str | None = None) -> None:
        raise AssertionError("a training was started")

    monkeypatch.setattr(executor, "open_pool", never)
    begun: list[tuple[int, int]] = []
    watch = studying.Watch(tell=lambda line: None, begin=lambda total, done: begun.append((total, done)))
    study_label_noise(out, NoiseOptions(), watch)
    assert begun[0][0] == begun[0][1]


def test_bad_calls_are_one_line(tmp_path: Path, studied: tuple[Path, NoiseStudy], cli: Callable[..., Outcome]) -> None:
    fails_with_one_line(cli("study", "label-noise", "--out", tmp_path / "s", "--only", "cats-*"), "matches no cell")
    fails_with_one_line(cli("study", "label-noise", "--out", tmp_path / "s", "--seeds", "0"), "--seeds")
    fails_with_one_line(cli("study", "label-noise", "--out", tmp_path / "s", "--fer", tmp_path / "none"), "none")
    with pytest.raises(InputError, match="belong together"):
        NoiseOptions(photographs=tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/letter").touch()
    fails_with_one_line(cli("study", "label-noise", "--out", tmp_path / "other", "--only", "drawn-*"), "not empty")
    assert re.search("label-noise", cli("study", "--help").stdout)
