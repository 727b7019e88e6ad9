"""`train --folds`: every face is predicted once, persons and copies stay together, and an interrupted call continues."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightning.pytorch.callbacks import LambdaCallback
from PIL import Image

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.metrics import measure
from bimodal.inference.load import load
from bimodal.inference.predict import predict
from bimodal.rendering.numbers import percent
from bimodal.report.comparison import evaluate
from bimodal.report.comparison_file import render
from bimodal.report.conditions import group, open_runs
from bimodal.report.report_page import write_report
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training import folds as module
from bimodal.training.folds import CrossValidation, cross_validate
from bimodal.training.hardware import Hardware
from bimodal.training.settings import TrainSettings
from bimodal.vision.pictures import decode
from tests.conftest import Outcome, fails_with_one_line, write_data
from tests.training.conftest import settings

PROBE = {"backbone": "test_resnet", "pretrained": False, "image_size": 32}
FOLDS = 3


def probe(**changes: object) -> TrainSettings:
    return TrainSettings.preset("probe", PROBE | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """105 faces in three splits: the first 42 of 14 persons, 3 each; pictures 50 and 60 have the same pixels, 70 is 80 but brighter."""
    folder = write_data(tmp_path_factory.mktemp("folds") / "data", {"train": 70, "val": 21, "test": 14})
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    table["group"] = [f"person-{row % 14}" if row < 42 else "" for row in range(len(table))]
    shutil.copyfile(folder / table["image"][50], folder / table["image"][60])
    Image.fromarray(np.minimum(decode(folder / table["image"][80]), 235) + 20).save(folder / table["image"][70])
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossValidation:
    return cross_validate(data, tmp_path_factory.mktemp("done") / "out", probe(), folds=FOLDS)


def test_every_face_is_predicted_once_by_a_run_that_did_not_see_its_person(data: Path, done: CrossValidation) -> None:
    manifest = Manifest.read(data)
    table = pd.read_csv(done.path / "predictions_out_of_fold.csv")
    assert list(table.columns) == ["image", "label", "predicted", "fold", *PROBABILITIES]
    assert table["image"].tolist() == manifest.table["image"].tolist()
    assert table["label"].tolist() == manifest.table["label"].tolist()
    assert set(table["fold"]) == set(range(1, FOLDS + 1))
    np.testing.assert_allclose(table[PROBABILITIES].sum(axis=1), 1, atol=1e-6)
    assert [f"p_{name}" for name in table["predicted"]] == table[PROBABILITIES].idxmax(axis=1).tolist()
    assert table["fold"][50] == table["fold"][60]
    assert table["fold"][70] == table["fold"][80]
    assert table.groupby(manifest.table["group"].where(lambda group: group != ""))["fold"].nunique().eq(1).all()
    for number, run in enumerate(done.runs, 1):
        splits = run.manifest["split"]
        assert run.path == done.path / f"fold-{number}"
        assert (splits == "test").tolist() == (table["fold"] == number).tolist()
        assert set(run.manifest["label"][splits == "train"]) == set(NAMES)
        assert 0.08 < (splits == "val").sum() / (splits != "test").sum() < 0.17
        by_group = pd.DataFrame({"group": manifest.table["group"], "split": splits})
        assert by_group[by_group["group"] != ""].groupby("group")["split"].nunique().eq(1).all()
        held_out = table[table["fold"] == number]
        pd.testing.assert_frame_equal(
            run.predictions("test")[["image", *PROBABILITIES]],
            held_out[["image", *PROBABILITIES]].reset_index(drop=True),
        )


def test_folds_are_stratified(done: CrossValidation) -> None:
    counts = pd.crosstab(done.predictions["fold"], done.predictions["label"])
    assert counts.to_numpy().min() >= 3  # of 15 faces an emotion
    assert counts.to_numpy().max() <= 7


def test_measures_are_of_all_faces_with_intervals_over_groups(done: CrossValidation) -> None:
    table = pd.read_csv(done.path / "folds.csv", dtype={"fold": str}).set_index("fold")
    assert list(table.index) == [*map(str, range(1, FOLDS + 1)), "pooled"]
    right = done.predictions["label"] == done.predictions["predicted"]
    assert table.loc["pooled", "accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    assert table.loc["2", "accuracy"] == pytest.approx(right[done.predictions["fold"] == 2].mean(), abs=1e-6)
    assert table.loc["pooled", "faces"] == 105
    assert table.loc["pooled", "groups"] == 14 + 63 - 1
    codes = done.predictions["label"].map(NAMES.index).to_numpy()
    single = measure(codes, done.predictions[PROBABILITIES].to_numpy())
    assert table.loc["pooled", "balanced_accuracy"] == pytest.approx(single.balanced_accuracy.value, abs=1e-6)
    assert table.loc["pooled", "macro_f1"] == pytest.approx(single.macro_f1.value, abs=1e-6)
    for key in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert table[f"{key}_low"].le(table[key]).all()
        assert table[f"{key}_high"].ge(table[key]).all()
    assert any("76 groups were drawn with replacement" in note for note in done.notes)


def test_the_data_folder_is_unchanged_but_for_its_cache(data: Path, done: CrossValidation) -> None:
    assert {path.name for path in data.iterdir()} == {"images", "manifest.csv", ".cache"}


def test_a_fold_is_a_run_like_others(data: Path, done: CrossValidation) -> None:
    image = data / str(done.runs[0].manifest["image"][0])
    table = predict(image, load(done.path / "fold-1"), detect=False)
    assert len(table) == 1


def test_an_interrupted_call_continues_with_the_same_result(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(epochs=2, removal="none")
    calls: list[tuple[str, bool]] = []

    def stop(trainer: Any, _: object) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt

    def interrupted(view: Path, out: Path, *arguments: Any, resume: bool, **options: Any) -> Run:
        calls.append((out.name, resume))
        is_first_of_fold_2 = len(calls) == 2
        callbacks = [LambdaCallback(on_train_epoch_start=stop)] if is_first_of_fold_2 else []
        return train(view, out, *arguments, resume=resume, callbacks=callbacks, **options)

    train = module.train
    whole = cross_validate(data, tmp_path / "whole", chosen, folds=2)
    monkeypatch.setattr(module, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(data, tmp_path / "parts", chosen, folds=2)
    assert not (tmp_path / "parts/folds.csv").exists()
    resumed = cross_validate(None, tmp_path / "parts")
    assert calls == [("fold-1", False), ("fold-2", False), ("fold-2", True)]
    cross_validate(data, tmp_path / "parts", chosen, folds=2)
    assert len(calls) == 3
    for name in ("predictions_out_of_fold.csv", "folds.csv"):
        assert (whole.path / name).read_bytes() == (resumed.path / name).read_bytes()


def test_other_settings_data_or_folders_are_refused(data: Path, done: CrossValidation, tmp_path: Path) -> None:
    out = shutil.copytree(done.path, tmp_path / "out", symlinks=True)
    with pytest.raises(InputError, match=r"other settings \(seed\)"):
        cross_validate(data, out, probe(seed=1), folds=FOLDS)
    with pytest.raises(InputError, match=r"other settings \(folds\)"):
        cross_validate(data, out, probe(), folds=FOLDS + 1)
    changed = shutil.copytree(data, tmp_path / "data")
    manifest = (changed / "manifest.csv").read_text()
    (changed / "manifest.csv").write_text(manifest.replace("train-0000.png,angry", "train-0000.png,happy"))
    with pytest.raises(InputError, match="other faces"):
        cross_validate(changed, out, probe(), folds=FOLDS)
    with pytest.raises(InputError, match="holds no cross-validation"):
        cross_validate(data, changed, probe(), folds=FOLDS)
    (out / "fold-1" / "notes.txt").touch()
    with pytest.raises(InputError, match=r"notes\.txt"):
        cross_validate(data, out, probe(seed=1), folds=FOLDS, overwrite=True)
    (out / "folds.yaml").write_text("- 1")
    with pytest.raises(InputError, match="damaged"):
        cross_validate(data, out, probe(), folds=FOLDS)


def test_a_moved_data_folder_is_accepted(data: Path, done: CrossValidation, tmp_path: Path) -> None:
    moved = shutil.copytree(data, tmp_path / "moved")
    out = shutil.copytree(done.path, tmp_path / "out", symlinks=True)
    again = cross_validate(moved, out)
    pd.testing.assert_frame_equal(again.predictions, done.predictions)
    assert (out / "data/fold-1/images").readlink() == moved / "images"


def test_too_many_folds_are_refused_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="at least 2, got 1"):
        cross_validate(data, out, probe(), folds=1)
    with pytest.raises(InputError, match="rarest emotion, angry with 15, got 16"):
        cross_validate(data, out, probe(), folds=16)
    few = shutil.copytree(data, tmp_path / "few")
    table = pd.read_csv(few / "manifest.csv", dtype=str, keep_default_na=False)
    table["group"] = [f"film-{row % 4}" for row in range(len(table))]
    table.to_csv(few / "manifest.csv", index=False)
    with pytest.raises(InputError, match="angry has 3, got 4; choose --folds 3 or fewer"):  # the copies link two films
        cross_validate(few, out, probe(), folds=4)
    with pytest.raises(InputError, match="one process"):
        cross_validate(data, out, probe(), folds=2, hardware=Hardware("cpu", devices=2))
    with pytest.raises(InputError, match="--batch-size"):
        cross_validate(data, out, probe(batch_size=90), folds=2)
    assert not out.exists()


def test_the_command(data: Path, tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    out = tmp_path / "out"
    options = ["--preset", "probe", "--backbone", "test_resnet", "--no-pretrained", "--image-size", 32]
    fails_with_one_line(cli("train", data, "--out", out, "--folds", 1, *options), "--folds", "at least 2")
    fails_with_one_line(cli("train", data, "--out", out, "--folds", 16, *options), "--folds", "rarest emotion")
    fails_with_one_line(cli("train", "--out", out, "--folds", 2, *options), "expected a data folder")
    assert not out.exists()
    first = cli("train", data, "--out", out, "--folds", 2, *options)
    assert first.returncode == 0, first.stderr
    assert "fold 2 of 2" in first.stdout
    assert "macro F1" in first.stdout
    assert "bimodal report" in first.stdout
    resumed = cli("train", "--out", out, "--resume")
    assert "fold 2 of 2 is finished already" in resumed.stdout
    assert resumed.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    fails_with_one_line(cli("train", data, "--out", out, "--folds", 2, *options, "--seed", 1), "other settings", "seed")
    fails_with_one_line(cli("train", data, "--out", out, *options), "exists")
    replaced = cli("train", data, "--out", out, "--folds", 2, *options, "--seed", 1, "--overwrite")
    assert replaced.returncode == 0, replaced.stderr
    assert Run.open(out / "fold-1").config["seed"] == 1


def test_the_report_measures_all_folds_together(data: Path, done: CrossValidation, tmp_path: Path) -> None:
    (condition,) = group(open_runs([run.path for run in done.runs]))
    assert condition.size == "3 folds"
    evaluation = evaluate(conditions=[condition], split="test")
    assert evaluation.n == 105
    (result,) = evaluation.results
    assert result.accuracy == done.pooled.accuracy
    assert result.measures[0].macro_f1 == done.pooled.macro_f1
    assert len(result.run_measures) == FOLDS
    assert any("cross-validation" in note for note in evaluation.notes)
    page = write_report([run.path for run in done.runs], tmp_path / "report").read_text(encoding="utf-8")
    assert f"Accuracy on 105 test faces: {percent(done.pooled.accuracy)}" in page
    assert "seeds" not in page.split('id="results"')[0]


def test_two_cross_validations_are_compared_face_by_face(data: Path, done: CrossValidation, tmp_path: Path) -> None:
    removal = {"rule": "wang", "epoch": 1, "k": 0, "min_per_class": 1}
    other = cross_validate(data, tmp_path / "removal", probe(removal=removal), folds=FOLDS)
    runs = [run.path for result in (done, other) for run in result.runs]
    conditions = group(open_runs(runs))
    evaluation = evaluate(conditions, "test")
    right = [one.predictions["label"] == one.predictions["predicted"] for one in (done, other)]
    (comparison,) = evaluation.comparisons
    assert comparison.n == 105
    assert comparison.difference.value == pytest.approx(right[1].mean() - right[0].mean())
    assert '"baseline"' in render(evaluation, ".json")
    assert len(render(evaluation, ".csv").splitlines()) == 1 + 2 * FOLDS
    page = write_report(runs, tmp_path / "report").read_text(encoding="utf-8")
    assert "training faces in each of 3 folds" in page
    with pytest.raises(InputError, match="not evaluated on the same test examples"):
        evaluate(group(open_runs([*runs[:2], runs[3]])), "test")
