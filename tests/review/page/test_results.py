"""What becomes of the decisions: CSV out and in, the cleaned folder, the comparison."""

import time
from pathlib import Path

import pandas as pd
from fastapi.testclient import TestClient

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.label_audit.decisions import read_decisions
from bimodal.review.workspace import Review, Workspace
from tests.label_audit.conftest import WRONG
from tests.review.page.test_api import decide, rows_of


def another_label(workspace: Workspace, row: int) -> str:
    return NAMES[(workspace.review.faces.labels[row] + 1) % len(NAMES)]


def test_decisions_go_out_and_come_back(client: TestClient, workspace: Workspace, tmp_path: Path) -> None:
    first, second, third = rows_of(client)[:3]
    decide(client, [first], "keep")
    decide(client, [second], "relabel", another_label(workspace, second))
    decide(client, [third], "remove")
    saved = client.get("/api/decisions.csv")
    assert "attachment" in saved.headers["content-disposition"]
    (tmp_path / "decisions.csv").write_bytes(saved.content)
    table = read_decisions(tmp_path / "decisions.csv", workspace.review.opened.manifest)
    assert dict(zip(table["row"], table["decision"], strict=True)) == {
        first: "keep",
        second: "relabel",
        third: "remove",
    }
    assert set(table["by"]) == {"Ann"}
    for _ in range(3):
        client.post("/api/undo", json={})
    assert rows_of(client, state="decided") == []
    assert client.post("/api/decisions.csv", content=saved.content).json()["added"] == 3
    assert set(rows_of(client, state="decided")) == {first, second, third}
    assert client.post("/api/decisions.csv", content=saved.content).json()["added"] == 0, "not twice"


def test_a_bad_csv_adds_nothing(client: TestClient, workspace: Workspace) -> None:
    image = workspace.review.faces.images[0]
    for content in (
        b"",
        b"\xff\xfe\x00",
        b"image,decision\n../../etc/passwd,remove\n",
        f"image,decision\n{image},burn\n".encode(),
    ):
        answer = client.post("/api/decisions.csv", content=content)
        assert answer.status_code == 400, content
        assert "\n" not in answer.json()["detail"]
    assert workspace.review.store.count == 0


def test_the_cleaned_folder_has_the_decisions(client: TestClient, workspace: Workspace) -> None:
    removed, relabelled = rows_of(client)[:2]
    label = another_label(workspace, relabelled)
    decide(client, [removed], "remove")
    decide(client, [relabelled], "relabel", label)
    answer = client.post("/api/cleaned", json={}).json()
    assert (answer["removed"], answer["relabelled"]) == (1, 1)
    cleaned = Manifest.read(answer["folder"])
    images = workspace.review.faces.images
    assert images[removed] not in set(cleaned.table["image"])
    table: pd.DataFrame = cleaned.table.set_index("image")
    assert table.at[images[relabelled], "label"] == label
    assert len(cleaned) == len(images) - 1


def test_the_comparison_runs_in_the_background(client: TestClient, workspace: Workspace) -> None:
    assert client.get("/api/comparison").json()["state"] == "idle"
    decide(client, rows_of(client, suspects=True)[:20], "remove")
    began = client.post("/api/comparison", json={"kind": "probe"})
    assert began.status_code == 202
    for _ in range(600):
        job = client.get("/api/comparison").json()
        if job["state"] != "working":
            break
        time.sleep(0.05)
    assert job["state"] == "ready", job
    assert "95 % interval" in job["what"]
    assert client.post("/api/comparison", json={"kind": "magic"}).status_code == 422


def test_suspects_remain_when_a_review_continues_after_its_cleaned_data(
    client: TestClient, workspace: Workspace
) -> None:
    labels = workspace.review.faces.labels
    for row in range(WRONG):
        decide(client, [row], "relabel", NAMES[row % 7])
    assert not any(labels[row] == row % 7 for row in range(WRONG))
    client.post("/api/cleaned", json={})
    again = Review(workspace.folder, None)
    try:
        assert not again.opened.audited.issues.has_label_issues, "the audit tests the corrected labels"
        assert again.faces.has_issues
        assert len(again.board.scores.suspects) > 0
    finally:
        again.close()
