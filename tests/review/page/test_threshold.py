"""The scores for the page of the threshold: in order, with the lines of the rules."""

import numpy as np
from fastapi.testclient import TestClient

from bimodal.emotions import NAMES
from bimodal.removal import slade_gedeon, wang
from bimodal.review.thresholds import measures_of
from bimodal.review.workspace import Workspace
from tests.review.page.test_api import decide, ranked_after, rows_of


def test_the_lines_are_those_of_the_rules(unchanged: Workspace) -> None:
    board = unchanged.review.board
    log_odds, loss = measures_of(board)
    ranking = board.ranking
    given = ranking.pred_probs[np.arange(len(ranking.rows)), board.faces.labels[ranking.rows]]
    losses = -np.log(np.maximum(given, 1e-12))
    paper, original = wang(losses), slade_gedeon(losses)
    assert [(mark.rule, mark.value, mark.removed) for mark in loss.marks] == [
        ("wang", paper.threshold, paper.remove.sum()),
        ("slade-gedeon", original.threshold, original.remove.sum()),
    ]
    (ours,) = log_odds.marks
    assert (log_odds.values >= ours.value).sum() == ours.removed == len(board.scores.suspects) > 0
    for each in (log_odds, loss):
        assert (np.diff(each.values) <= 0).all()
        assert sorted(each.rows.tolist()) == board.faces.train.tolist()
        assert 1 <= len(each.modes) <= 2
        assert each.density[1].max() == 1


def test_rounding_keeps_every_label_on_its_side_of_the_line(reader: TestClient) -> None:
    answer = reader.get("/api/threshold").json()
    assert answer["emotions"] == list(NAMES)
    for measure in answer["measures"]:
        values = np.array(measure["values"])
        for mark in measure["marks"]:
            assert (values >= mark["value"]).sum() == mark["removed"], mark


def test_decided_faces_have_no_score(client: TestClient) -> None:
    rows = rows_of(client)[:4]
    before = len(client.get("/api/threshold").json()["measures"][0]["rows"])
    ranked_after(client, decide(client, rows, "remove")["events"])
    for measure in client.get("/api/threshold").json()["measures"]:
        assert len(measure["rows"]) == before - 4
        assert not set(rows) & set(measure["rows"])


def test_nothing_left_to_decide_gives_an_empty_histogram(client: TestClient) -> None:
    ranked_after(client, decide(client, rows_of(client), "keep")["events"])
    for measure in client.get("/api/threshold").json()["measures"]:
        assert measure["values"] == measure["marks"] == []
    assert client.get("/api/status").json()["left"] == 0
