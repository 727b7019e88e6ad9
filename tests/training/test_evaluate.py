"""Evaluation of a run: its predictions, its measures, its remarks, and its errors."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.evaluation.metrics import measure
from bimodal.inference.torch_network import load_run
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training.evaluate import evaluate
from tests.conftest import Outcome, fails_with_one_line, write_data


def test_validation_predictions_are_those_of_the_kept_weights(run: Run) -> None:
    evaluation = evaluate(run.path, "val", out=run.path.parent / "again.csv")
    best = run.metrics["val_accuracy"].max()
    assert evaluation.measures.accuracy.value == pytest.approx(best)
    written, again = run.predictions("val"), pd.read_csv(evaluation.predictions)
    np.testing.assert_allclose(written[PROBABILITIES], again[PROBABILITIES], atol=1e-6)
    assert written[PROBABILITIES].sum(axis=1).to_numpy() == pytest.approx(1)


def test_evaluation_and_prediction_use_the_same_calibrated_probabilities(
    run: Run, tiny_data: Path, tmp_path: Path
) -> None:
    evaluation = evaluate(run, out=tmp_path / "p.csv")
    manifest = Manifest.read(tiny_data)
    rows = manifest.rows("test")
    predicted = load_run(run.path).probabilities(decoded(manifest, run.config["image_size"])[rows])
    written = pd.read_csv(evaluation.predictions)[PROBABILITIES].to_numpy()
    np.testing.assert_allclose(written, predicted, atol=1e-5)
    error = measure(manifest.labels[rows], predicted).calibration_error.value
    assert evaluation.measures.calibration_error.value == pytest.approx(error, abs=1e-5)
    assert run.info.temperature != 1


def test_only_evaluate_predicts_the_test_split(run: Run) -> None:
    assert not (run.path / "predictions_test.csv").exists()
    first, second = (evaluate(run) for _ in range(2))
    assert not any("evaluated on its test faces before" in remark for remark in first.remarks)
    assert any("evaluated on its test faces before" in remark for remark in second.remarks)
    (run.path / "predictions_test.csv").unlink()


def test_evaluate_prints_and_writes(run: Run, tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    out = tmp_path / "p.csv"
    result = cli("evaluate", run.path, "--split", "val", "--out", out)
    assert result.returncode == 0
    for word in (
        "accuracy",
        "balanced accuracy",
        "macro F1",
        "calibration error",
        "95 % interval",
        "surprise",
        str(out),
    ):
        assert word in result.stdout
    assert len(pd.read_csv(out)) == 21
    other = write_data(tmp_path / "other", {"test": 14}, seed=5)
    assert cli("evaluate", run.path, "--data", other).returncode == 0
    assert (run.path / "predictions_test_other.csv").exists()
    (run.path / "predictions_test_other.csv").unlink()
    fails_with_one_line(cli("evaluate", run.path, "--data", other, "--split", "val"), "no faces in split val")
    fails_with_one_line(cli("evaluate", run.path, "--split", "train"), "--split must be one of val, test")
    fails_with_one_line(cli("evaluate", tmp_path), "no config.yaml")


def test_evaluate_counts_unreadable_and_blank_pictures_both_ways(run: Run, tmp_path: Path) -> None:
    other = write_data(tmp_path / "other", {"test": 20}, seed=6)
    table = pd.read_csv(other / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[:4, "flag"] = "blank"
    table.to_csv(other / "manifest.csv", index=False)
    problems = [("x.png", "test", "unreadable", "", "left out"), ("y.png", "val", "unreadable", "", "left out")]
    pd.DataFrame(problems, columns=["image", "split", "problem", "detail", "action"]).to_csv(
        other / "problems.csv", index=False
    )
    evaluation = evaluate(run, data=other, out=tmp_path / "p.csv")
    assert (evaluation.both_ways.n_blank, evaluation.both_ways.n_unreadable) == (5, 1)
    right = evaluation.measures.confusion.trace()
    assert evaluation.both_ways.unreadable_wrong.value == pytest.approx(right / 21)
    assert len(evaluation.remarks) == 2


def test_evaluate_states_what_test_faces_share_with_training(run: Run, tiny_data: Path, tmp_path: Path) -> None:
    copy, data = tmp_path / "copy", tmp_path / "data"
    shutil.copytree(run.path, copy)
    shutil.copytree(tiny_data, data)
    assert not any("in training" in remark for remark in evaluate(copy, data=data).remarks)
    table = pd.read_csv(copy / "manifest.csv", dtype=str, keep_default_na=False)
    first = {split: table.index[table["split"] == split][0] for split in ("train", "val", "test")}
    table.loc[[first["train"], first["test"], first["test"] + 1], "group"] = "Ann"
    table.to_csv(copy / "manifest.csv", index=False)
    training, test = table["image"][first["train"]], table["image"][first["test"]]
    row = (test, "test", "near-duplicate-across-splits", f"correlation 0.97 with {training}", "kept")
    columns = ["image", "split", "problem", "detail", "action"]
    pd.DataFrame([row], columns=columns).to_csv(data / "problems.csv", index=False)
    assert any(
        remark.startswith("Of these 21 faces, 2 have a group (person or film) that is also in training, 1 has a near-")
        for remark in evaluate(copy, data=data).remarks
    )
    assert not any("in training" in remark for remark in evaluate(copy, "val", data=data).remarks)


def test_damaged_weights_are_one_line(run: Run, tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in run.path.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    (copy / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not safetensors")
    fails_with_one_line(cli("evaluate", copy), "model.safetensors", "damaged")
    (copy / "config.yaml").write_text((run.path / "config.yaml").read_text().replace("hidden: 16", "hidden: 8"))
    (copy / "model.safetensors").write_bytes((run.path / "model.safetensors").read_bytes())
    fails_with_one_line(cli("evaluate", copy), "another network")


def test_changed_data_are_not_taken_for_the_runs_own(
    run: Run, tiny_data: Path, tmp_path: Path, cli: Callable[..., Outcome]
) -> None:
    copy, data = tmp_path / "copy", tmp_path / "data"
    shutil.copytree(run.path, copy)
    shutil.copytree(tiny_data, data)
    (copy / "config.yaml").write_text((copy / "config.yaml").read_text().replace(str(tiny_data), str(data)))
    assert cli("evaluate", copy, "--split", "val").returncode == 0
    table = pd.read_csv(data / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[:6, "split"], table.loc[70:90, "split"] = "test", "train"  # prepared again, with another seed
    table.to_csv(data / "manifest.csv", index=False)
    fails_with_one_line(cli("evaluate", copy), "have changed since", "--data")
    result = cli("evaluate", copy, "--data", data)
    assert result.returncode == 0
    assert "trained on 7 of these 28 pictures" in result.stdout
    assert not (copy / "predictions_test.csv").exists()
    fails_with_one_line(cli("evaluate", copy, "--data", data, "--out", copy / "removed.csv"), "exists", "--overwrite")
