"""The tab Runs: every run of a folder by number, a comparison of two, and reports that can run nothing."""

import os
import time
from pathlib import Path

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from bimodal.errors import InputError
from bimodal.evaluation.metrics import measure
from bimodal.report.comparison import evaluate
from bimodal.report.conditions import group, open_runs
from bimodal.review.app import create_app
from bimodal.review.run_list import RunList
from bimodal.review.security import Access
from bimodal.review.workspace import Workspace
from bimodal.runs.tables import PROBABILITIES
from tests.review.page.conftest import BASE
from tests.runs import write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(tmp_path, "plain", accuracy=0.5)
    write_run(tmp_path, "removing", rule="wang", accuracy=0.7)
    return tmp_path


@pytest.fixture
def client(folder: Path) -> TestClient:
    return TestClient(create_app(Workspace(folder / "audit"), Access.new(8017, with_token=False)), base_url=BASE)


def test_runs_have_curves_and_intervals(client: TestClient, folder: Path) -> None:
    plain, removing = client.get("/api/runs").json()
    assert [plain["name"], removing["name"]] == ["plain", "removing"]
    metrics = pd.read_csv(folder / "removing/metrics.csv")
    assert removing["epochs"] == metrics["epoch"].tolist()
    assert removing["curves"]["val_accuracy"] == pytest.approx(metrics["val_accuracy"].tolist())
    assert removing["removed"] == len(pd.read_csv(folder / "removing/removed.csv")) > 0
    table = pd.read_csv(folder / "plain/predictions_test.csv")
    codes = {name.removeprefix("p_"): code for code, name in enumerate(PROBABILITIES)}
    wanted = measure(table["label"].map(codes).to_numpy(), table[PROBABILITIES].to_numpy())
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert plain[name] == pytest.approx(vars(getattr(wanted, name)))


def test_two_runs_are_compared_as_in_a_report(client: TestClient, folder: Path) -> None:
    answer = client.get("/api/runs/comparison", params={"a": 0, "b": 1}).json()
    (wanted,) = evaluate(group(open_runs([folder / "plain", folder / "removing"])), "test").comparisons
    assert answer["p"] == wanted.p
    assert answer["difference"] == pytest.approx(vars(wanted.difference))
    assert (answer["only_a"], answer["only_b"]) == (wanted.by_seed[0].only_a, wanted.by_seed[0].only_b)
    assert "removing is" in answer["conclusion"]


def test_runs_of_the_same_recipe_and_seed_are_compared(client: TestClient, folder: Path) -> None:
    write_run(folder, "again", accuracy=0.6)
    numbers = {each["name"]: each["number"] for each in client.get("/api/runs").json()}
    assert client.get("/api/runs/comparison", params={"a": numbers["plain"], "b": numbers["again"]}).status_code == 200


def test_a_number_stays_with_its_run(client: TestClient, folder: Path) -> None:
    before = {each["name"]: each["number"] for each in client.get("/api/runs").json()}
    write_run(folder, "a-new-one")
    os.rename(folder / "plain", folder / "zz-moved")
    after = {each["name"]: each["number"] for each in client.get("/api/runs").json()}
    assert after["removing"] == before["removing"]
    assert before["plain"] not in after.values()
    assert client.get("/api/runs/comparison", params={"a": before["plain"], "b": after["removing"]}).status_code == 400


def test_runs_without_a_common_split_and_unknown_numbers_are_refused(client: TestClient, folder: Path) -> None:
    for split in ("test", "val"):
        (folder / f"plain/predictions_{split}.csv").unlink(missing_ok=True)
    answer = client.get("/api/runs/comparison", params={"a": 0, "b": 1})
    assert answer.status_code == 400
    assert "bimodal evaluate" in answer.json()["detail"]
    assert client.get("/api/runs/comparison", params={"a": 0, "b": 0}).status_code == 400
    assert client.get("/api/runs/comparison", params={"a": 0, "b": 99}).status_code == 404
    assert client.get("/api/runs/99/report").status_code == 404
    for path in ("/api/runs/-1/report", "/api/runs/..%2fplain/report", "/api/runs/plain/report"):
        assert client.get(path).status_code in (404, 422), path


def test_a_damaged_run_is_shown_with_its_problem(client: TestClient, folder: Path) -> None:
    (folder / "plain/metrics.csv").write_text("epoch,step\n1,x\n")
    plain, removing = client.get("/api/runs").json()
    assert "lacks the column" in plain["problem"]
    assert removing["problem"] == ""


def test_an_unfinished_run_is_followed(client: TestClient, folder: Path) -> None:
    (folder / "plain/model.safetensors").touch()
    assert client.get("/api/runs").json()[0]["is_finished"]
    (folder / "plain/model.safetensors").unlink()
    (folder / "plain/predictions_test.csv").unlink()
    (folder / "plain/predictions_val.csv").unlink()
    metrics = pd.read_csv(folder / "plain/metrics.csv")
    metrics[:1].to_csv(folder / "plain/metrics.csv", index=False)
    plain = client.get("/api/runs").json()[0]
    assert (plain["is_finished"], plain["epochs"], plain["accuracy"]) == (False, [1], None)
    metrics[:2].to_csv(folder / "plain/metrics.csv", index=False)
    assert client.get("/api/runs").json()[0]["epochs"] == [1, 2]


def test_a_report_runs_nothing_and_is_no_file_outside_of_its_run(client: TestClient, folder: Path) -> None:
    client.get("/api/runs")
    page, secret = folder / "plain/report.html", folder / "secret.html"
    page.write_text("<script>alert(1)</script> written")
    later = time.time() + 5
    os.utime(page, (later, later))
    answer = client.get("/api/runs/0/report")
    assert answer.text.endswith("written")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    secret.write_text("secret")
    page.unlink()
    page.symlink_to(secret)
    answer = client.get("/api/runs/0/report")
    assert "secret" not in answer.text
    assert 'name="generator" content="bimodal report"' in answer.text  # made anew


def test_a_report_older_than_the_results_is_made_anew(client: TestClient, folder: Path) -> None:
    client.get("/api/runs")
    page = folder / "plain/report.html"
    page.write_text("old")
    os.utime(page, (1, 1))
    answer = client.get("/api/runs/0/report")
    assert answer.status_code == 200
    assert answer.text != "old"
    assert "plain" in answer.text


def test_folders_of_other_programs_are_no_runs(client: TestClient, folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other/config.yaml").write_text("port: 1")
    assert [each["name"] for each in client.get("/api/runs").json()] == ["plain", "removing"]


def test_folds_are_named_with_their_cross_validation(client: TestClient, folder: Path) -> None:
    (folder / "folds").mkdir()
    for fold in (1, 2):
        write_run(folder / "folds", f"fold-{fold}", seed=fold)
    (folder / "folds/folds.yaml").write_text("folds: 2")
    names = [each["name"] for each in client.get("/api/runs").json()]
    assert names == ["folds/fold-1", "folds/fold-2", "plain", "removing"]


def test_the_folder_of_the_option_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--runs must be a folder"):
        RunList.of(tmp_path / "none")
    assert RunList.beside(tmp_path / "none/audit").numbers() == []
