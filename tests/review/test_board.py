"""A board that follows events one by one is the one that is made of all of them."""

import numpy as np

from bimodal.emotions import NAMES
from bimodal.review.board import Board, FaceTable, Filters
from bimodal.review.decision_log import DecisionLog
from bimodal.review.opened import OpenAudit
from bimodal.review.store import Store


def test_small_steps_lead_to_the_same_board_as_one(opened: OpenAudit) -> None:
    faces, ranking = (
        FaceTable.of(opened.manifest, opened.audited),
        opened.ranker().update(Store.open(opened.folder).merged()),
    )
    board = first = Board.begin(faces, 0, ranking)
    random, images = np.random.default_rng(0), faces.images[faces.train[:12]]
    with Store.open(opened.folder) as store:
        for step in range(60):
            who, image = f"reviewer {random.integers(3)}", str(images[random.integers(len(images))])
            if random.random() < 0.25:
                store.undo(who)
            else:
                store.add(who, image, ("keep", "relabel", "remove", "unsure")[random.integers(4)], NAMES[step % 7])
            board = board.after(0, ranking, store.log)
            afresh = first.after(0, ranking, store.log)
            for name in ("kinds", "true_labels", "agreed"):
                assert np.array_equal(getattr(board, name), getattr(afresh, name))
        merged = store.merged()
        rows = [faces.row_of[image] for image in merged["image"]]
        assert set(rows) == set(np.flatnonzero(~board.is_open))
        assert set(board.select(Filters(state="disagree"))) == {
            row for row, agreed in zip(rows, merged["agreed"], strict=True) if not agreed
        }
        assert [board.decision_on(row).decision.decision for row in rows] == merged["decision"].tolist()  # type: ignore[union-attr]
        mine = {faces.row_of[each.image] for each in store.log.all_current() if each.reviewer == "reviewer 1"}
        assert set(board.select(Filters(state="mine"), "reviewer 1")) == mine
    assert first.is_open.all(), "a board never changes"
    assert first.after(0, ranking, DecisionLog()).count == 0
