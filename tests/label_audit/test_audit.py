"""An audit finds wrong labels that were made on purpose, deletes nothing of the user, and resumes."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.files import locked
from bimodal.label_audit.audit import Audit, audit
from bimodal.label_audit.network import network_outputs
from bimodal.label_audit.ranking import COLUMNS
from bimodal.label_audit.settings import audit_settings
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training.predict import load_model, predict
from tests.conftest import Outcome, fails_with_one_line, write_data
from tests.label_audit.conftest import SETTINGS


def test_wrong_labels_have_the_highest_ranks(audited: Audit) -> None:
    table = pd.read_csv(audited.out / "suspects.csv", keep_default_na=False)
    assert tuple(table.columns) == COLUMNS
    assert sorted(table["image"]) == [f"images/train-{i:04}.png" for i in range(210)]
    assert table["rank"].tolist() == list(range(1, 211))
    assert (table["probability"].diff().dropna() <= 0).all()
    assert table["probability"].between(0, 1).all()
    assert (table["suggested"] != table["label"]).all()
    wrong = {f"images/train-{i:04}.png" for i in range(42)}
    assert len(wrong & set(table["image"][:42])) >= 38
    suspects = table[table["flags"].str.contains("suspect")]
    assert len(wrong & set(suspects["image"])) / len(suspects) > 0.8
    assert audited.ranking.modes.has_label_issues


def test_proposals_remove_only_what_needs_no_review(audited: Audit) -> None:
    proposals = pd.read_csv(audited.out / "proposals.csv")
    assert proposals["image"].tolist() == audited.ranking.suspects["image"].tolist()
    removed = proposals[proposals["decision"] == "remove"]
    assert removed["image"].tolist() == audited.ranking.removable["image"].tolist()
    assert set(proposals["decision"]) <= {"keep", "remove"}
    assert (audited.ranking.removable["probability"] >= 0.5).all()
    assert len(audited.ranking.removable)


def test_a_copy_of_a_test_picture_is_flagged(audited: Audit) -> None:
    table = pd.read_csv(audited.out / "suspects.csv", keep_default_na=False).set_index("image")
    flags = table.loc["images/train-0100.png", "flags"].split(";")
    assert {"duplicate", "also-in-test", "two-labels"} <= set(flags)
    assert "duplicate" not in table.loc["images/train-0050.png", "flags"]


def test_the_verdict_is_valid_json(audited: Audit) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    verdict = json.loads((audited.out / "verdict.json").read_text(), parse_constant=refuse)
    assert verdict["faces"] == 210
    assert verdict["has_label_issues"] is True
    assert verdict["suspects"] == len(audited.ranking.suspects)
    assert 0.1 < verdict["noise_rate"] < 0.35


def test_the_same_call_trains_nothing_again(audited: Audit, data: Path) -> None:
    weights = audited.out / "run/model.safetensors"
    before, content = weights.stat().st_mtime_ns, (audited.out / "suspects.csv").read_bytes()
    again = audit(data, audited.out, SETTINGS)
    assert weights.stat().st_mtime_ns == before
    assert (again.out / "suspects.csv").read_bytes() == content


def test_validation_and_test_are_reported_only_when_asked(audited: Audit, data: Path) -> None:
    assert not (audited.out / "other-splits.csv").exists()
    done = audit(data, audited.out, SETTINGS, report_val_and_test=True)
    assert done.other_splits is not None
    table = pd.read_csv(done.other_splits)
    assert sorted(table["split"].unique()) == ["test", "val"]
    assert len(table) == 28
    odds = np.log(table["confidence"]) + table["loss"]
    assert (odds.diff().dropna() <= 1e-3).all()  # highest log-odds first
    done.other_splits.unlink()


def test_other_faces_settings_or_seeds_are_refused(audited: Audit, data: Path, tmp_path: Path) -> None:
    other = write_data(tmp_path / "data", {"train": 30, "val": 7, "test": 7}, seed=5)
    with pytest.raises(InputError, match="audit of other faces"):
        audit(other, audited.out, SETTINGS)
    with pytest.raises(InputError, match="other settings"):
        audit(data, audited.out, audit_settings(210))
    with pytest.raises(InputError, match="other settings"):
        audit(data, audited.out, seed=99)


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_file_of_the_user_is_deleted(data: Path, tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "mine/run").mkdir(parents=True)
    (tmp_path / "mine/run/thesis.txt").write_text("my thesis")
    with pytest.raises(InputError):
        audit(data, tmp_path / "mine", SETTINGS, overwrite=overwrite)
    assert (tmp_path / "mine/run/thesis.txt").read_text() == "my thesis"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["run"]


def test_edited_proposals_and_cleaned_data_are_not_overwritten(audited: Audit, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    shutil.copytree(audited.out, out)
    (out / "proposals.csv").write_text("image,decision,by\nimages/train-0001.png,keep,Ada\n")
    done = audit(data, out, decisions=out / "proposals.csv")
    assert "Ada" in (out / "proposals.csv").read_text()
    assert done.cleaned is not None
    assert "Ada" in (out / "cleaned/decisions.csv").read_text()
    for needed in ({"data": data}, {"data": out / "cleaned"}):
        with pytest.raises(InputError, match="would delete"):
            audit(**needed, out=out, settings=SETTINGS, overwrite=True)
    assert (out / "cleaned/manifest.csv").is_file()


def test_an_interrupted_audit_may_be_replaced(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    (out / "run").mkdir(parents=True)
    (out / "audit.yaml").write_text("bimodal: 0\n")
    (out / "run/config.yaml").write_text("half")
    short = replace(SETTINGS, epochs=1)
    done = audit(data, out, short, overwrite=True)
    assert (done.out / "suspects.csv").is_file()


def test_a_second_audit_of_the_same_folder_is_refused(audited: Audit, data: Path) -> None:
    with locked(audited.out), pytest.raises(InputError, match="another call"):
        audit(data, audited.out, SETTINGS)


def test_clean_labels_give_no_suspects(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    data = write_data(tmp_path / "data", {"train": 140, "val": 14, "test": 14})
    config = tmp_path / "short.yaml"
    config.write_text("epochs: 6\nimage-size: 32\n")  # the other settings are those of every audit
    result = cli("audit", data, "--out", tmp_path / "out", "--config", config)
    assert result.returncode == 0, result.stderr
    assert "No sign of wrong labels" in result.stdout
    table = pd.read_csv(tmp_path / "out/suspects.csv", keep_default_na=False)
    assert not table["flags"].str.contains("suspect").any()
    assert len(pd.read_csv(tmp_path / "out/proposals.csv")) == 0


def test_the_command_finds_and_then_cleans(
    audited: Audit, data: Path, tmp_path: Path, cli: Callable[..., Outcome]
) -> None:
    out = tmp_path / "audit"
    shutil.copytree(audited.out, out)
    found = cli("audit", data, "--out", out)
    assert found.returncode == 0, found.stderr
    assert "training labels are probably wrong" in found.stdout
    assert "--decisions decisions.csv" in found.stdout
    done = cli("audit", data, "--out", out, "--decisions", out / "proposals.csv")
    assert done.returncode == 0, done.stderr
    assert "removed" in done.stdout
    table = pd.read_csv(out / "cleaned/manifest.csv", keep_default_na=False)
    assert (table["split"] == "train").sum() == 210 - len(audited.ranking.removable)
    assert (
        cli("train", out / "cleaned", "--out", tmp_path / "run", "--preset", "small", "--epochs", "1").returncode == 0
    )
    fails_with_one_line(
        cli("audit", data, "--out", out, "--decisions", out / "proposals.csv"), "cleaned", "move it away"
    )
    fails_with_one_line(cli("audit", data, "--out", out, "--decisions", tmp_path / "none.csv"), "none.csv")
    fails_with_one_line(
        cli("audit", data, "--out", out, "--overwrite", "--decisions", out / "proposals.csv"), "would delete"
    )


def test_the_recipe_fits_the_number_of_faces() -> None:
    assert audit_settings(891).removal.rule == "none"
    assert [audit_settings(n).epochs for n in (891, 5000, 30_000)] == [16, 10, 8]
    assert audit_settings(40).batch_size == 10


def test_network_outputs_are_those_of_the_predictions(audited: Audit, data: Path) -> None:
    run, manifest = Run.open(audited.out / "run"), Manifest.read(data)
    rows = manifest.rows("test")
    features, pred_probs = network_outputs(run, manifest, SETTINGS, rows)
    expected = predict(load_model(run), manifest, rows, SETTINGS, torch.device("cpu"))[PROBABILITIES]
    np.testing.assert_allclose(pred_probs, expected, atol=1e-7)
    assert len(features) == len(rows)
    assert np.ptp(features, axis=0).max() > 0
