"""An audit finds wrong labels that were made on purpose, deletes nothing of the user, and resumes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.label_audit import audit as audit_module
from bimodal.label_audit.audit import Audit, audit
from bimodal.label_audit.judgement_file import read_judgement, write_judgement
from bimodal.label_audit.network import network_outputs
from bimodal.label_audit.ranking import COLUMNS
from bimodal.label_audit.settings import AuditSettings, audit_settings
from bimodal.locks import locked
from bimodal.removal import TwoModes
from bimodal.removal.noise_model import LabelNoise
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training.predict import load_model, predict
from bimodal.training.settings import TrainSettings
from tests.conftest import Outcome, fails_with_one_line, write_data
from tests.label_audit.conftest import FACES, RECIPE, TRAINING, WRONG, draw_data

WRONG_IMAGES = {f"images/train-{i:04}.png" for i in range(WRONG)}


@pytest.fixture(params=["audited", "trained"])
def each(request: pytest.FixtureRequest) -> Audit:
    """Each of the two audits."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def no_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every computation of an audit fail."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the audit computes again")

    for name in ("judge_by_features", "judge_by_training", "_write_results"):
        monkeypatch.setattr(audit_module, name, refuse)


def test_wrong_labels_have_the_highest_ranks(each: Audit) -> None:
    table = pd.read_csv(each.out / "suspects.csv", keep_default_na=False)
    assert tuple(table.columns) == COLUMNS
    assert sorted(table["image"]) == [f"images/train-{i:04}.png" for i in range(FACES)]
    assert table["rank"].tolist() == list(range(1, FACES + 1))
    assert (table["probability"].diff().dropna() <= 0).all()
    assert table["probability"].between(0, 1).all()
    assert (table["suggested"] != table["label"]).all()
    assert len(WRONG_IMAGES & set(table["image"][:WRONG])) >= 30
    suspects = table[table["flags"].str.contains("suspect")]
    assert len(WRONG_IMAGES & set(suspects["image"])) / len(suspects) > 0.6
    assert each.ranking.issues.has_label_issues


def test_features_are_judged_by_the_noise_model_and_a_training_by_two_modes(audited: Audit, trained: Audit) -> None:
    assert isinstance(audited.ranking.issues, LabelNoise)
    assert isinstance(trained.ranking.issues, TwoModes)
    assert (trained.out / "run/model.safetensors").is_file()
    assert not (audited.out / "run").exists()


def test_proposals_remove_only_what_needs_no_review(each: Audit) -> None:
    proposals = pd.read_csv(each.out / "proposals.csv", keep_default_na=False)
    assert proposals["image"].tolist() == each.ranking.suspects["image"].tolist()
    removed = proposals[proposals["decision"] == "remove"]
    assert removed["image"].tolist() == each.ranking.removable["image"].tolist()
    others = proposals[proposals["decision"] != "remove"]
    assert (others["decision"] == "").all(), "no decision before somebody has looked"
    assert others["why"].str.endswith("needs review").all()
    assert (each.ranking.removable["probability"] >= 0.5).all()
    assert len(each.ranking.removable)


def test_a_copy_of_a_test_picture_is_flagged(each: Audit) -> None:
    table = pd.read_csv(each.out / "suspects.csv", keep_default_na=False).set_index("image")
    flags = table.loc["images/train-0100.png", "flags"].split(";")
    assert {"duplicate", "also-in-test"} <= set(flags)
    labels = Manifest.read(each.out.parent / "data").table.set_index("image")["label"]
    assert labels["images/train-0100.png"] != labels["images/test-0003.png"]
    assert "two-labels" in flags
    assert "duplicate" not in table.loc["images/train-0050.png", "flags"]


def test_the_verdict_is_valid_json(each: Audit) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    verdict = json.loads((each.out / "verdict.json").read_text(), parse_constant=refuse)
    assert verdict["faces"] == FACES
    assert verdict["has_label_issues"] is True
    assert verdict["suspects"] == len(each.ranking.suspects)
    assert 0.1 < verdict["noise_rate"] < 0.35


def test_the_check_replaces_labels_that_are_probably_right_and_finds_most(audited: Audit) -> None:
    check = audited.ranking.judgement.check
    assert check is not None
    assert check.planted == max(round(0.05 * FACES), 10)
    assert 0.7 * check.planted <= check.found <= check.planted
    verdict = audited.ranking.verdict
    assert (verdict["planted"], verdict["found"]) == (check.planted, check.found)
    assert 0.4 < verdict["held_out_accuracy"] < 0.9


@pytest.mark.usefixtures("no_computing")
@pytest.mark.parametrize("settings", [None, {}])
def test_the_same_call_computes_nothing_again(audited: Audit, data: Path, settings: Any) -> None:
    content = (audited.out / "suspects.csv").read_bytes()
    again = audit(data, audited.out, settings)
    assert again.ranking.table.equals(audited.ranking.table)
    assert again.ranking.verdict == audited.ranking.verdict
    assert (again.out / "suspects.csv").read_bytes() == content


def test_the_same_call_trains_nothing_again(trained: Audit) -> None:
    weights = trained.out / "run/model.safetensors"
    before, table = weights.stat().st_mtime_ns, trained.ranking.table
    (trained.out / "judgement.npz").unlink()
    again = audit(trained.out.parent / "data", trained.out, TRAINING)
    assert weights.stat().st_mtime_ns == before
    assert again.ranking.table.equals(table)


def test_a_repeated_audit_by_features_gives_the_same_bytes(audited: Audit, data: Path, tmp_path: Path) -> None:
    audit(data, tmp_path / "again")
    for name in ("suspects.csv", "verdict.json", "proposals.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (audited.out / name).read_bytes()


@pytest.mark.parametrize("damage", ["half", "text", "missing"])
def test_a_damaged_judgement_is_computed_again(data: Path, out: Path, damage: str) -> None:
    file, suspects = out / "judgement.npz", (out / "suspects.csv").read_bytes()
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if damage == "half" else b"text")
    if damage == "missing":
        file.unlink()
    (out / "suspects.csv").write_text("old")
    audit(data, out)
    assert (out / "suspects.csv").read_bytes() == suspects
    judgement = audit(data, out).ranking.judgement
    assert read_judgement(file, judgement.identity, judgement.rows, len(judgement.other_probs)) is not None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("rows", lambda rows: rows + 1),
        ("labels", lambda labels: labels + 7),
        ("pred_probs", lambda probs: probs.astype(complex)),
        ("pred_probs", lambda probs: np.full_like(probs, np.nan)),
        ("other_probs", lambda probs: probs[1:]),
        ("decided", lambda decided: decided.astype(str)),
        ("features", lambda features: features[:, 0]),
        ("features", lambda features: np.full_like(features, np.inf)),
        ("issues_probability", lambda probability: probability + 1),
        ("issues_suggested", lambda suggested: suggested - 7),
        ("issues_noise_rate", lambda rate: np.array([rate])),
        ("issues_p_value", lambda _: np.array("x")),
        ("issues_transition", lambda transition: transition[1:]),
        ("check", lambda check: check[:1]),
        ("accuracy", lambda _: np.array(np.nan)),
        ("kind", lambda _: np.array("Path")),
        ("identity", lambda _: np.zeros((9, 9))),
        ("issues_score", lambda _: None),
    ],
)
def test_a_judgement_with_a_bad_array_is_not_read(audited: Audit, tmp_path: Path, name: str, change: Any) -> None:
    judgement = audited.ranking.judgement
    with np.load(audited.out / "judgement.npz") as stored:
        arrays: dict[str, Any] = dict(stored)
    arrays[name] = change(arrays[name])
    np.savez(tmp_path / "bad.npz", **{key: array for key, array in arrays.items() if array is not None})
    wanted = judgement.identity, judgement.rows, len(judgement.other_probs)
    assert read_judgement(audited.out / "judgement.npz", *wanted) is not None
    assert read_judgement(tmp_path / "bad.npz", *wanted) is None


def test_a_missing_result_is_written_again(data: Path, out: Path) -> None:
    content = (out / "suspects.csv").read_bytes()
    (out / "suspects.csv").unlink()
    audit(data, out)
    assert (out / "suspects.csv").read_bytes() == content


def test_a_judgement_is_read_as_it_was_written(each: Audit, tmp_path: Path) -> None:
    judgement = each.ranking.judgement
    write_judgement(tmp_path / "a.npz", judgement)
    stored = read_judgement(tmp_path / "a.npz", judgement.identity, judgement.rows, len(judgement.other_probs))
    assert stored is not None
    assert read_judgement(tmp_path / "a.npz", "other", judgement.rows, len(judgement.other_probs)) is None
    assert type(stored.issues) is type(judgement.issues)
    for name, value in vars(judgement.issues).items():
        np.testing.assert_array_equal(getattr(stored.issues, name), value)
    for name in ("rows", "labels", "pred_probs", "other_probs", "decided"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(judgement, name))
    np.testing.assert_allclose(stored.features, judgement.features, rtol=1e-3, atol=1e-6)
    assert (stored.check, stored.accuracy) == (judgement.check, judgement.accuracy)


@pytest.mark.parametrize("name", ["audited", "trained"])
def test_validation_and_test_are_reported_only_when_asked(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    made: Audit = request.getfixturevalue(name)
    assert not (made.out / "other-splits.csv").exists()
    shutil.copytree(made.out, tmp_path / "out")
    done = audit(made.out.parent / "data", tmp_path / "out", report_val_and_test=True)
    assert done.other_splits is not None
    table = pd.read_csv(done.other_splits)
    assert sorted(table["split"].unique()) == ["test", "val"]
    assert len(table) == 28
    odds = np.log(table["confidence"]) + table["loss"]
    assert (odds.diff().dropna() <= 1e-3).all()  # highest log-odds first


def test_without_validation_and_test_faces_there_is_nothing_to_report(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": 21})
    with pytest.raises(InputError, match="no validation or test faces"):
        audit(data, tmp_path / "out", report_val_and_test=True)
    assert not (tmp_path / "out").exists()


def test_other_faces_settings_or_seeds_are_refused(audited: Audit, data: Path, tmp_path: Path) -> None:
    other = write_data(tmp_path / "data", {"train": 30, "val": 7, "test": 7}, seed=5)
    with pytest.raises(InputError, match="audit of other faces"):
        audit(other, audited.out)
    for settings in (TRAINING, {"method": "thorough"}, {"seed": 99}):
        with pytest.raises(InputError, match="other settings"):
            audit(data, audited.out, settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 3}, "unknown setting 'epochs' of an audit; known: method, model"),
        ({"method": "guess"}, "--method must be one of features, thorough, training"),
        ({"seed": -1}, "--seed must be a whole number from 0"),
        ({"recipe": {"epochs": 3}}, "training settings need --thorough or --training"),
        ({"method": "training", "recipe": 3}, "recipe must be a mapping"),
        ({"method": "training", "backbone": "resnet18"}, "--training uses none"),
        ({"method": "training", "recipe": {"epoch": 3}}, "epoch"),
        ({"model": "a", "backbone": "b"}, "--model and --backbone exclude each other"),
        ({"weights": "a"}, "--weights needs --backbone"),
    ],
)
def test_invalid_settings_are_an_error(data: Path, tmp_path: Path, settings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        audit(data, tmp_path / "out", settings)


def test_too_few_faces_or_emotions_are_an_error(tmp_path: Path) -> None:
    few = write_data(tmp_path / "few", {"train": 19})
    one = write_data(tmp_path / "one", {"train": 140})
    table = pd.read_csv(one / "manifest.csv", keep_default_na=False)
    table[table["label"] == "sad"].to_csv(one / "manifest.csv", index=False)
    for data in (few, one):
        with pytest.raises(InputError, match="at least 20 training faces of at least two emotions"):
            audit(data, tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_file_of_the_user_is_deleted(data: Path, tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "mine/run").mkdir(parents=True)
    (tmp_path / "mine/run/thesis.txt").write_text("my thesis")
    with pytest.raises(InputError):
        audit(data, tmp_path / "mine", overwrite=overwrite)
    assert (tmp_path / "mine/run/thesis.txt").read_text() == "my thesis"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["run"]


def test_overwrite_keeps_decisions_and_cleaned_data(data: Path, out: Path) -> None:
    (out / "proposals.csv").write_text("image,decision,by\nimages/train-0001.png,keep,Ada\n")
    audit(data, out, decisions=out / "proposals.csv")
    for source in (data, out / "cleaned"):
        with pytest.raises(InputError, match="would delete"):
            audit(source, out, overwrite=True)
    with pytest.raises(InputError, match="would delete"):
        audit(data, out, decisions=out / "proposals.csv", overwrite=True)
    assert (out / "cleaned/manifest.csv").is_file()


def test_an_interrupted_audit_may_be_replaced(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    (out / "run").mkdir(parents=True)
    (out / "audit.json").write_text("{}")
    (out / "run/config.yaml").write_text("half")
    with pytest.raises(InputError, match=r"audit.json is damaged .*; replace the audit with bimodal audit --overwrite"):
        audit(data, out)
    done = audit(data, out, overwrite=True)
    assert (done.out / "suspects.csv").is_file()
    assert not (done.out / "run").exists()


def test_a_second_audit_of_the_same_folder_is_refused(audited: Audit, data: Path) -> None:
    with locked(audited.out), pytest.raises(InputError, match="another call"):
        audit(data, audited.out)


def test_clean_labels_give_no_suspects(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    data = draw_data(tmp_path / "data", {"train": 140, "val": 14, "test": 14})
    result = cli("audit", data, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "There is no statistical evidence of wrong labels among the 140 training labels." in result.stdout
    table = pd.read_csv(tmp_path / "out/suspects.csv", keep_default_na=False)
    assert not table["flags"].str.contains("suspect").any()
    assert len(pd.read_csv(tmp_path / "out/proposals.csv")) == 0


def test_clean_labels_give_no_suspects_by_a_training(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    data = write_data(tmp_path / "data", {"train": 140, "val": 14, "test": 14})
    config = tmp_path / "short.yaml"
    config.write_text("epochs: 6\nimage-size: 32\n")  # the other settings are those of every audit
    result = cli("audit", data, "--out", tmp_path / "out", "--config", config)
    assert result.returncode == 0, result.stderr
    assert "no statistical evidence of wrong labels" in result.stdout
    assert len(pd.read_csv(tmp_path / "out/proposals.csv")) == 0
    assert json.loads((tmp_path / "out/audit.json").read_text())["settings"]["method"] == "training"


def test_the_command_finds_and_then_cleans(
    audited: Audit, data: Path, out: Path, tmp_path: Path, cli: Callable[..., Outcome]
) -> None:
    found = cli("audit", data, "--out", out)
    assert found.returncode == 0, found.stderr
    assert "training labels are probably wrong" in found.stdout
    assert "--decisions decisions.csv" in found.stdout
    mine = shutil.copy(out / "proposals.csv", out / "mine.csv")
    done = cli("audit", data, "--out", out, "--decisions", mine)
    assert done.returncode == 0, done.stderr
    assert f"({len(audited.ranking.removable)} removed, 0 relabelled, 0 kept by decision)" in done.stdout
    table = pd.read_csv(out / "cleaned/manifest.csv", keep_default_na=False)
    assert (table["split"] == "train").sum() == FACES - len(audited.ranking.removable)
    small = ("--preset", "small", "--epochs", "1", "--image-size", "32")
    assert cli("train", out / "cleaned", "--out", tmp_path / "run", *small).returncode == 0
    fails_with_one_line(cli("audit", data, "--out", out, "--decisions", tmp_path / "none.csv"), "none.csv")
    fails_with_one_line(cli("audit", data, "--out", out, "--overwrite", "--decisions", mine), "would delete")
    fails_with_one_line(cli("audit", data, "--out", out, "--thorough", "--training"), "exclude each other")


def test_a_thorough_audit_changes_the_order_and_not_the_number_of_suspects(
    data: Path, tmp_path: Path, audited: Audit
) -> None:
    recipe = {"preset": "small", "epochs": 2, "image_size": 32}
    done = audit(data, tmp_path / "out", AuditSettings("thorough", recipe=recipe))
    judgement, issues, plain = done.ranking.judgement, done.ranking.issues, audited.ranking.issues
    assert (issues.noise_rate, issues.is_label_issue.sum()) == (plain.noise_rate, plain.is_label_issue.sum())
    np.testing.assert_array_equal(np.sort(issues.probability), np.sort(plain.probability))
    averaged = Run.open(done.out / "run").losses["pred_probs"]
    network = np.log(judgement.pred_probs / audited.ranking.judgement.pred_probs)
    assert np.corrcoef(network.ravel(), np.log(averaged).ravel())[0, 1] > 0
    others = np.where(np.eye(7, dtype=bool)[judgement.labels], 0, judgement.pred_probs).max(axis=1)
    odds = np.log(others) - np.log(judgement.pred_probs[np.arange(FACES), judgement.labels])
    assert (np.diff(odds[np.argsort(-issues.score, kind="stable")]) <= 1e-9).all()
    assert judgement.check is not None


def test_the_default_recipe_of_a_thorough_audit_starts_from_the_packaged_network() -> None:
    settings = AuditSettings("thorough").training(891)
    assert settings.backbone == TrainSettings.preset("face").backbone
    assert (settings.epochs, settings.keep, settings.removal.rule) == (6, "last", "none")


@pytest.mark.parametrize("method", ["features", "thorough"])
def test_faces_of_the_pretraining_are_judged_by_a_training_from_random_weights(
    data: Path,
    tmp_path: Path,
    method: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(
        "bimodal.data.leakage.in_pretraining", lambda digests: np.arange(len(digests)) < 0.05 * len(digests)
    )
    started = []

    def stop(_: Path, __: Path, settings: TrainSettings, **___: Any) -> None:
        started.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("bimodal.training.train.train", stop)
    with caplog.at_level("WARNING", "bimodal"), pytest.raises(KeyboardInterrupt):
        audit(data, tmp_path / "out", AuditSettings(method))
    assert "was pretrained on 11 of these 210 pictures" in caplog.text
    assert "trains a network from random weights instead" in caplog.text
    assert started == [AuditSettings("training").training(FACES)]
    assert not started[0].pretrained


def test_few_faces_of_the_pretraining_do_not_matter(
    data: Path, out: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bimodal.data.leakage.in_pretraining", lambda digests: np.arange(len(digests)) < 2)
    with caplog.at_level("WARNING", "bimodal"):
        audit(data, out)
    assert not caplog.records


def test_another_network_gives_the_features(trained: Audit, data: Path, tmp_path: Path) -> None:
    done = audit(data, tmp_path / "out", {"model": str(trained.out / "run")})
    width = load_model(Run.open(trained.out / "run")).embed(torch.zeros(1, 3, 32, 32))[0].shape[1]
    assert done.ranking.judgement.features.shape == (FACES, width)


def test_a_default_audit_loads_no_torch(data: Path, tmp_path: Path) -> None:
    code = (
        f"import bimodal, sys; bimodal.audit({str(data)!r}, {str(tmp_path / 'out')!r}); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_the_recipe_fits_the_number_of_faces() -> None:
    assert audit_settings(891).removal.rule == "none"
    assert [audit_settings(n).epochs for n in (891, 5000, 30_000)] == [16, 10, 8]
    assert audit_settings(40).batch_size == 10
    assert AuditSettings("training", recipe=RECIPE).training(210).epochs == 12


def test_network_outputs_are_those_of_the_predictions(trained: Audit) -> None:
    run, manifest = Run.open(trained.out / "run"), Manifest.read(trained.out.parent / "data")
    rows = manifest.rows("test")
    features, pred_probs = network_outputs(run, manifest, rows)
    settings = TrainSettings.from_dict(run.config)
    expected = predict(load_model(run), manifest, rows, settings, torch.device("cpu"))[PROBABILITIES]
    np.testing.assert_allclose(pred_probs, expected, atol=1e-7)
    assert len(features) == len(rows)
    assert np.ptp(features, axis=0).max() > 0
