"""The whole study on a few synthetic faces: its files, its tables, and a second call."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.errors import InputError
from bimodal.experiments.jobs import scheduler
from bimodal.experiments.label_noise import plan
from bimodal.experiments.label_noise import study as study_module
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.label_noise.settings import settings_of
from bimodal.experiments.label_noise.study import NoiseOptions, study_label_noise
from tests.conftest import Outcome, fails_with_one_line
from tests.experiments.this_process import this_process

pytestmark = pytest.mark.slow  # eighteen short trainings

CELL = Cell("drawn", 891, "symmetric", 0.2, "", 0)
EPOCHS = 3


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A study of one cell with 140 synthetic faces, and few and short trainings."""
    out = tmp_path_factory.mktemp("noise") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_module, "SMALL", 140)
        patch.setattr(study_module, "VAL", 7)
        patch.setattr(study_module, "SYNTHETIC_TEST", 14)
        patch.setattr(study_module, "all_cells", lambda *_: [CELL])
        patch.setattr(scheduler, "open_pool", this_process)
        patch.setattr(plan, "settings_of", lambda *cell: replace(settings_of(*cell), epochs=EPOCHS, batch_size=16))
        patch.setattr(plan, "RULES", ("two-modes", "wang"))
        patch.setattr(
            plan,
            "RETRAININGS",
            (("two-modes-removal", False), ("cleanlab", False), ("two-modes-removal", True), ("scn", True)),
        )
        yield out, study_label_noise(out, NoiseOptions(), command="bimodal study label-noise")


def test_each_training_leaves_one_file(studied: tuple[Path, dict[str, str]]) -> None:
    out, failures = studied
    assert failures == {}
    folder = out / "cells" / CELL.name
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "plain.npz", *(f"fold-{k}.npz" for k in range(5)), "threshold.npz", "rule-two-modes.npz", "rule-wang.npz",
        "without-two-modes-removal.npz", "without-cleanlab.npz", "labels-two-modes-removal.npz", "labels-scn.npz",
        "features.npz", "thorough.npz",
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


def test_the_tables_hold_each_method_with_intervals(studied: tuple[Path, dict[str, str]]) -> None:
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
        "features",
        "thorough",
        "simifeat",
        "features-cleanlab",
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
    assert "| two-modes |" in text
    assert "without-two-modes-removal" in text
    accuracies = pd.read_csv(out / "accuracies.csv").set_index("training")
    assert accuracies.loc[["plain", "probe"], "difference"].tolist() == [0, 0]
    assert {"probe-without-features", "probe-without-thorough"} < set(accuracies.index)
    pictures = {path.name for path in (out / "figures").iterdir()}
    assert {f"{what}-{CELL.condition}.png" for what in ("curves", "scores", "found")} <= pictures


def test_finished_trainings_are_not_repeated(
    studied: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = studied
    monkeypatch.setattr(study_module, "all_cells", lambda *_: [CELL])
    monkeypatch.setattr(plan, "RULES", ("two-modes", "wang"))
    monkeypatch.setattr(plan, "RETRAININGS", (("two-modes-removal", False),) * 3)

    def never(address: str | None = None) -> None:
        raise AssertionError("a training was started")

    monkeypatch.setattr(scheduler, "open_pool", never)
    assert study_label_noise(out) == {}


def test_bad_calls_are_refused_with_one_line(
    tmp_path: Path, studied: tuple[Path, dict[str, str]], cli: Callable[..., Outcome]
) -> None:
    fails_with_one_line(
        cli("study", "label-noise", "--out", tmp_path / "s", "--only", "cats-*"), "matches no training set"
    )
    fails_with_one_line(cli("study", "label-noise", "--out", tmp_path / "s", "--seeds", "0"), "--seeds")
    fails_with_one_line(cli("study", "label-noise", "--out", tmp_path / "s", "--fer", tmp_path / "none"), "none")
    with pytest.raises(InputError, match="needs --annotations"):
        NoiseOptions(photographs=tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/letter").touch()
    fails_with_one_line(cli("study", "label-noise", "--out", tmp_path / "other", "--only", "drawn-*"), "not empty")
    assert re.search("label-noise", cli("study", "--help").stdout)
