"""Removed examples over the seeds, compared with the true labels; and untrusted pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bimodal.report.conditions import Condition, group, open_runs
from bimodal.report.gallery import compare_with_truth, removed_examples, thumbnails, true_labels
from bimodal.runs.run import Run
from tests.runs import WRONG, write_run


def _condition(paths: list[Path]) -> Condition:
    (condition,) = group(open_runs(paths))
    return condition


def test_examples_are_counted_over_the_seeds(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, f"w{seed}", seed=seed, rule="wang", removed=3 + seed) for seed in range(3)]
    examples = removed_examples(_condition(paths))
    assert [example.times for example in examples] == [3, 3, 3, 2, 1]
    losses = [example.loss for example in examples[:3]]
    assert losses == sorted(losses, reverse=True)
    first = next(example for example in examples if example.row == 0)
    own = [pd.read_csv(path / "removed.csv").set_index("row")["loss"][0] for path in paths]
    assert first.loss == pytest.approx(np.mean(own))
    assert (first.label, first.true_label, first.known_wrong) == ("disgust", "angry", True)
    assert (first.predicted, first.confidence) == ("sad", pytest.approx(0.8))


def test_truth_is_counted_by_run(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, f"w{seed}", seed=seed, rule="wang", removed=count) for seed, count in ((0, 3), (1, 9))]
    truth = compare_with_truth(_condition(paths))
    assert truth is not None
    assert (truth.wrong, truth.removed, truth.removed_wrong) == (len(WRONG), (3, 9), (3, 6))
    assert truth.precision == pytest.approx(9 / 12)
    assert truth.recall == pytest.approx(9 / 12)


def test_without_true_labels_no_label_is_known_wrong(tmp_path: Path) -> None:
    condition = _condition([write_run(tmp_path, "w", rule="wang", truth=False)])
    assert compare_with_truth(condition) is None
    assert not any(example.known_wrong for example in removed_examples(condition))


def test_true_labels_may_be_aliases_and_other_names_and_numbers_are_ignored(tmp_path: Path) -> None:
    path = write_run(tmp_path, "w", rule="wang", truth=False)
    table = pd.read_csv(path / "manifest.csv", dtype=str)
    table.loc[[0, 1, 2, 3], "true_label"] = ["Happiness", "contempt", "3", "no face"]
    table.to_csv(path / "manifest.csv", index=False)
    names = table["image"]
    assert true_labels(Run.open(path)) == {names[0]: "happy", names[3]: "no face"}


def test_nothing_removed_is_an_empty_list(tmp_path: Path) -> None:
    assert removed_examples(_condition([write_run(tmp_path, "w", rule="wang", removed=0)])) == []


def test_pictures_are_small_and_bad_ones_are_left_out(tmp_path: Path) -> None:
    run = Run.open(write_run(tmp_path, "w", rule="wang"))
    (tmp_path / "outside.png").write_bytes((run.data / "images/face000.png").read_bytes())
    (run.data / "text.png").write_text("no picture")
    (run.data / "cut.png").write_bytes((run.data / "images/face000.png").read_bytes()[:200])
    Image.new("1", (9000, 9000)).save(run.data / "huge.png")
    Image.fromarray(np.zeros((300, 20), np.uint16)).save(run.data / "deep.png")
    bad = ["../outside.png", str(tmp_path / "outside.png"), "absent.png", "text.png", "cut.png", "huge.png", "images"]
    pictures = thumbnails(run, ["images/face000.png", "deep.png", *bad])
    assert set(pictures) == {"images/face000.png", "deep.png"}
    assert all(uri.startswith("data:image/jpeg;base64,") and len(uri) < 10_000 for uri in pictures.values())
