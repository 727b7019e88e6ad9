"""The tab Map: places of the training faces, selections for the review, near-duplicates."""

import time
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from scipy.stats import pearsonr

from bimodal.data.near_duplicates import THRESHOLD, thumbnails_of
from bimodal.errors import InputError
from bimodal.review.face_map import MAX_SELECTIONS, FaceMap
from bimodal.review.workspace import Workspace


def finished(client: TestClient, path: str, **query: str) -> dict[str, Any]:
    """Ask until the work has ended."""
    for _ in range(1200):
        answer: dict[str, Any] = client.get(path, params=query).json()
        if answer["state"] != "working":
            return answer
        time.sleep(0.1)
    raise AssertionError(answer)


def test_pca_is_there_at_once(reader: TestClient, unchanged: Workspace) -> None:
    answer = reader.get("/api/map").json()
    assert answer["state"] == "ready"
    faces, board = unchanged.review.faces, unchanged.review.board
    assert answer["rows"] == faces.train.tolist()
    assert answer["labels"] == faces.labels[faces.train].tolist()
    assert sorted(answer["suspects"]) == sorted(board.scores.suspects.tolist())
    x, y = np.array(answer["x"]), np.array(answer["y"])
    assert (x.min(), x.max()) == (0, 10_000)
    assert abs(int(y.min()) + int(y.max()) - 10_000) <= 1, "in the middle"
    assert x.std() > y.std() > 0
    assert abs(pearsonr(x, y).statistic) < 0.01  # principal components are uncorrelated


def test_tsne_is_computed_in_the_background(reader: TestClient) -> None:
    first = reader.get("/api/map", params={"method": "tsne"}).json()
    assert first["state"] in ("working", "ready")
    answer = finished(reader, "/api/map", method="tsne")
    assert answer["state"] == "ready", answer["what"]
    assert len(answer["x"]) == len(answer["rows"]) > 0
    assert reader.get("/api/map", params={"method": "other"}).status_code == 422


def test_work_that_failed_says_so_once_and_can_begin_again(
    unchanged: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    face_map = FaceMap(unchanged.review.opened)
    places = np.zeros((len(face_map.rows), 2), np.float32)
    failures = [InputError("tsne ended without a result"), InputError("again")]

    def compute(*_: Any) -> Any:
        if failures:
            raise failures.pop(0)
        return places

    monkeypatch.setattr("bimodal.review.face_map.layout_elsewhere", compute)
    states = []
    for _ in range(600):
        work, found = face_map.places("tsne")
        if work.state != "working":
            states.append(work.what)
        if found is not None:
            break
        time.sleep(0.01)
    assert states == ["tsne ended without a result", "again", ""]


def test_a_selection_is_a_filter_of_the_review(reader: TestClient, unchanged: Workspace) -> None:
    rows = unchanged.review.faces.train[[3, 8, 21]].tolist()
    name = reader.post("/api/map/selections", json={"rows": [*rows, rows[0]]}).json()["selection"]
    query = {"selection": name, "state": "all"}
    answer = reader.get("/api/suspects", params=query).json()
    assert answer["total"] == 3
    assert sorted(face["row"] for face in answer["faces"]) == rows
    label = answer["faces"][0]["label"]
    assert 1 <= reader.get("/api/suspects", params=query | {"label": label}).json()["total"] <= 3


@pytest.mark.parametrize("rows", [[-1], [10**6], [], ["x"], [2**70]])
def test_a_selection_has_rows_of_the_manifest(reader: TestClient, rows: list[Any]) -> None:
    assert reader.post("/api/map/selections", json={"rows": rows}).status_code in (400, 422)


def test_selections_do_not_fill_the_memory(reader: TestClient) -> None:
    names = [
        reader.post("/api/map/selections", json={"rows": [0]}).json()["selection"] for _ in range(MAX_SELECTIONS + 1)
    ]
    answer = reader.get("/api/suspects", params={"selection": names[0]})
    assert answer.status_code == 400
    assert "select on the map again" in answer.json()["detail"]
    assert reader.get("/api/suspects", params={"selection": names[-1], "state": "all"}).status_code == 200


def test_near_duplicates_are_listed_with_their_labels(reader: TestClient, unchanged: Workspace) -> None:
    answer = finished(reader, "/api/map/duplicates")
    assert answer["state"] == "ready", answer["what"]
    manifest = unchanged.review.opened.manifest
    thumbnails = thumbnails_of([manifest.path(row) for row in range(len(manifest))])
    similar = np.argwhere(np.triu(thumbnails @ thumbnails.T >= THRESHOLD, 1))
    listed = {face["row"] for faces in answer["groups"] for face in faces}
    assert listed == set(similar.ravel().tolist())
    differ = [len({face["label"] for face in faces}) > 1 for faces in answer["groups"]]
    assert differ == sorted(differ, reverse=True)
