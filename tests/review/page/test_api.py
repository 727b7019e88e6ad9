"""The interface of the local page: what is listed, decided, undone and stored."""

import io
import time

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from bimodal.emotions import NAMES
from bimodal.review.app import create_app
from bimodal.review.security import Access
from bimodal.review.store import Store
from bimodal.review.workspace import Workspace
from tests.review.page.conftest import BASE


def decide(client: TestClient, rows: list[int], decision: str, label: str = "") -> dict[str, object]:
    answer = client.post("/api/decisions", json={"rows": rows, "decision": decision, "label": label})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def rows_of(client: TestClient, **query: object) -> list[int]:
    answer = client.get("/api/suspects", params={"limit": 500, **query})  # type: ignore[dict-item]
    assert answer.status_code == 200, answer.text
    return [face["row"] for face in answer.json()["faces"]]


def ranked_after(client: TestClient, events: object) -> dict[str, object]:
    """Wait until the ranking knows all events, and return the status."""
    for _ in range(600):
        status = dict(client.get("/api/status").json())
        if status["ranked"] == events:
            return status
        time.sleep(0.02)
    raise AssertionError(f"the ranking has not been fitted again: {status}")


def another(client: TestClient, name: str) -> TestClient:
    """A second browser on the same server."""
    other = TestClient(client.app, base_url=BASE)
    other.headers["x-csrf-token"] = client.headers["x-csrf-token"]
    assert other.post("/api/session/reviewer", json={"name": name}).status_code == 204
    return other


def test_a_decision_is_on_disk_before_the_answer(client: TestClient, workspace: Workspace) -> None:
    row, other = rows_of(client)[:2]
    answer = decide(
        client, [row], "relabel", "sad" if client.get(f"/api/faces/{row}").json()["face"]["label"] != "sad" else "fear"
    )
    with Store.open(workspace.folder) as store:  # another connection to the file
        assert store.count == answer["events"] == 1
        assert store.current()["image"].tolist() == [workspace.review.faces.images[row]]
    assert decide(client, [row, other], "remove")["events"] == 3
    assert decide(client, [row, other], "remove")["events"] == 3, "a repeated request adds nothing"


def test_the_worst_come_first_and_decided_faces_leave_the_list(client: TestClient) -> None:
    faces = client.get("/api/suspects", params={"limit": 500}).json()["faces"]
    scores = [face["score"] for face in faces]
    assert scores == sorted(scores, reverse=True)
    rows = [face["row"] for face in faces]
    decide(client, rows[:3], "keep")
    assert rows_of(client)[:1] != rows[:1]
    assert set(rows_of(client)) == set(rows[3:])
    assert set(rows_of(client, state="mine")) == set(rows[:3])
    assert rows_of(client, state="all", limit=500).__len__() == len(rows)


def test_the_ranking_learns_and_the_counter_falls(client: TestClient, workspace: Workspace) -> None:
    before = client.get("/api/status").json()
    assert before["suspects"] > 10
    truth = workspace.review.opened.manifest.table["true_label"]
    scores = {face["row"]: face["score"] for face in client.get("/api/suspects", params={"limit": 500}).json()["faces"]}
    events: object = 0
    for row in rows_of(client, suspects=True)[:20]:
        given = NAMES[workspace.review.faces.labels[row]]
        right = truth[row] or given
        events = decide(client, [row], "keep" if right == given else "relabel", right)["events"]
    after = ranked_after(client, events)
    assert after["decided"] == 20
    assert float(str(after["left"])) < before["left"] - 5
    assert after["left_low"] <= after["left"] <= after["left_high"]  # type: ignore[operator]
    now = {face["row"]: face["score"] for face in client.get("/api/suspects", params={"limit": 500}).json()["faces"]}
    moved = [abs(now[row] - scores[row]) for row in now]
    assert np.mean(np.array(moved) > 0.05) > 0.2, "the scores of other faces change"


def test_filters_choose_what_they_say(reader: TestClient, unchanged: Workspace) -> None:
    faces = unchanged.review.faces
    for row in rows_of(reader, label="happy"):
        assert NAMES[faces.labels[row]] == "happy"
    answer = reader.get("/api/suspects", params={"suggested": "sad", "limit": 500}).json()
    assert answer["total"] == len(answer["faces"]) > 0
    assert {face["suggested"] for face in answer["faces"]} == {"sad"}
    assert {faces.splits[row] for row in rows_of(reader, split="test", state="all")} == {"test"}
    assert len(rows_of(reader, suspects=True)) == reader.get("/api/status").json()["suspects"]
    assert all(face["score"] >= 1 for face in reader.get("/api/suspects", params={"least": 1.0}).json()["faces"])
    choices = reader.get("/api/suspects/choices").json()
    assert choices["splits"] == ["train", "val", "test"]
    for flag in choices["flags"]:
        assert all(flag in faces.flags[row] for row in rows_of(reader, flag=flag, state="all"))


@pytest.mark.parametrize(
    "query",
    [
        {"label": "cheerful"},
        {"state": "x"},
        {"split": "all"},
        {"offset": -1},
        {"limit": 501},
        {"least": "nan"},
        {"limit": "a"},
    ],
)
def test_wrong_queries_get_one_line(reader: TestClient, query: dict[str, object]) -> None:
    answer = reader.get("/api/suspects", params=query)  # type: ignore[arg-type]
    assert answer.status_code in (400, 422)
    assert list(answer.json()) == ["detail"]
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"rows": [], "decision": "keep"},
        {"rows": [10**6], "decision": "keep"},
        {"rows": [-1], "decision": "keep"},
        {"rows": [0], "decision": "undo"},
        {"rows": [0], "decision": "relabel"},
        {"rows": [0], "decision": "relabel", "label": "cheerful"},
        {"rows": [0], "decision": "keep", "why": "x" * 1001},
        {"rows": [0], "decision": "keep", "why": "a\x00b"},
        {"rows": "0", "decision": "keep"},
        {"rows": [0.5], "decision": "keep"},
        {"rows": [10**30], "decision": "keep"},
    ],
)
def test_wrong_decisions_store_nothing(reader: TestClient, unchanged: Workspace, body: dict[str, object]) -> None:
    answer = reader.post("/api/decisions", json=body)
    assert answer.status_code in (400, 404, 422), answer.text
    assert isinstance(answer.json()["detail"], str)
    assert unchanged.review.store.count == 0


def test_validation_and_test_labels_never_change(reader: TestClient, unchanged: Workspace) -> None:
    (row, *_), train = rows_of(reader, split="test", state="all"), rows_of(reader)
    answer = reader.post("/api/decisions", json={"rows": [train[0], row], "decision": "remove"})
    assert answer.status_code == 400
    assert "only training labels" in answer.json()["detail"]
    assert unchanged.review.store.count == 0, "all or none"


def test_undo_takes_back_what_was_decided_together(client: TestClient) -> None:
    first, second, third = rows_of(client)[:3]
    decide(client, [first], "keep")
    decide(client, [second, third], "remove")
    undone = client.post("/api/undo", json={}).json()
    assert set(undone["rows"]) == {second, third}
    assert client.post("/api/undo", json={}).json()["rows"] == [first]
    assert client.post("/api/undo", json={}).json()["rows"] == []
    assert rows_of(client, state="decided") == []
    history = client.get(f"/api/faces/{first}/history").json()
    assert [each["decision"] for each in history] == ["keep", "undo"]


def test_a_relabel_as_given_keeps(client: TestClient, workspace: Workspace) -> None:
    row = rows_of(client)[0]
    decide(client, [row], "relabel", NAMES[workspace.review.faces.labels[row]])
    assert client.get(f"/api/faces/{row}").json()["face"]["decision"]["decision"] == "keep"


def test_two_reviewers_disagree(client: TestClient) -> None:
    bob = another(client, "Zoë Ångström")
    row = rows_of(client)[0]
    decide(client, [row], "keep")
    assert row in rows_of(bob, state="not-mine")
    assert row not in rows_of(bob)
    decide(bob, [row], "remove")
    assert client.get("/api/status").json()["disagreements"] == 1
    assert rows_of(client, state="disagree") == [row]
    (found,) = client.get("/api/disagreements").json()
    assert [(each["reviewer"], each["decision"]) for each in found["decisions"]] == [
        ("Ann", "keep"),
        ("Zoë Ångström", "remove"),
    ]
    assert client.post("/api/undo", json={}).json()["rows"] == [row], "each undoes his own"
    assert client.get("/api/disagreements").json() == []


def test_pictures_are_of_bounded_size_and_kept_by_the_browser(reader: TestClient) -> None:
    row = rows_of(reader)[0]
    for side in (96, 384):
        answer = reader.get(f"/api/faces/{row}/{side}.jpg?v=abc")
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (side, side)
        assert "immutable" in answer.headers["cache-control"]
        again = reader.get(f"/api/faces/{row}/{side}.jpg", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    assert reader.get(f"/api/faces/{row}/96.jpg").headers["cache-control"] == "no-cache", "without the data's name"


def test_a_lost_picture_is_no_error_of_the_server(client: TestClient, workspace: Workspace) -> None:
    row = rows_of(client)[0]
    file = workspace.review.opened.manifest.path(row)
    content = file.read_bytes()
    try:
        file.write_bytes(b"no picture")
        answer = client.get(f"/api/faces/{row}/96.jpg")
    finally:
        file.write_bytes(content)
    assert answer.status_code == 404
    assert "cannot be read" in answer.json()["detail"]


def test_evidence_has_probabilities_and_similar_faces(reader: TestClient, unchanged: Workspace) -> None:
    row = rows_of(reader, suspects=True)[0]
    evidence = reader.get(f"/api/faces/{row}").json()
    face = evidence["face"]
    assert sum(each["probability"] for each in evidence["probabilities"]) == pytest.approx(1, abs=0.01)
    assert [each["label"] for each in evidence["neighbours"]] == [face["label"], face["suggested"]]
    for each in evidence["neighbours"]:
        assert each["rows"]
        assert row not in each["rows"]
        assert {NAMES[unchanged.review.faces.labels[near]] for near in each["rows"]} == {each["label"]}


def test_while_the_audit_runs_the_page_says_so(workspace: Workspace, access: Access) -> None:
    waiting = Workspace(workspace.folder)
    client = TestClient(create_app(waiting, access), base_url=BASE)
    assert client.get("/api/health").json()["state"] == "idle"
    assert client.get("/api/suspects").status_code == 503
    assert 'id="step"' in client.get("/").text
    waiting.folder = workspace.folder / "nothing"
    waiting.prepare()
    health = client.get("/api/health").json()
    assert health["state"] == "failed"
    assert "expected an audit folder" in health["what"]


def test_the_description_names_every_route(reader: TestClient) -> None:
    html = reader.get("/docs").text
    for path in reader.get("/openapi.json").json()["paths"]:
        assert path in html
    assert "/api/decisions" in html
