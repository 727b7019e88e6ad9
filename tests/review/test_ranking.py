"""The ranking learns from decisions, and never ranks a face that somebody has looked at."""

import time

import numpy as np
import pandas as pd
import pytest

from bimodal.emotions import NAMES
from bimodal.label_audit.audit import audit
from bimodal.label_audit.judge import FrozenEvidence
from bimodal.review.models import UNKNOWN, FeatureModel
from bimodal.review.opened import OpenAudit
from bimodal.review.store import Store
from tests.label_audit.conftest import FACES, TRAINING, WRONG

NOTHING = pd.DataFrame(columns=["image", "decision", "label"])


def true_label(row: int) -> str:
    return NAMES[row % len(NAMES)]


def test_the_first_ranking_finds_the_wrong_labels(opened: OpenAudit) -> None:
    ranking = opened.ranker().update(NOTHING)
    assert sorted(ranking.order.tolist()) == list(range(FACES))
    assert len(set(range(WRONG)) & set(ranking.order[:WRONG].tolist())) >= 30
    assert (np.diff(ranking.score[ranking.order]) <= 0).all()
    assert np.allclose(ranking.pred_probs.sum(axis=1), 1)
    assert (ranking.suggested != opened.manifest.labels[ranking.rows]).all()
    assert ((ranking.confidence <= ranking.probability) & (ranking.probability <= 1)).all()
    assert ranking.left.low <= WRONG <= ranking.left.high


def test_a_review_finds_all_and_counts_down(opened: OpenAudit) -> None:
    ranker = opened.ranker()
    with Store.open(opened.folder) as store:
        ranking = ranker.update(store.merged())
        for _ in range(60):
            row = int(ranking.order[0])
            image, truth = opened.manifest.table["image"].iat[row], true_label(row)
            is_right = opened.manifest.table["label"].iat[row] == truth
            store.add("ann", image, "keep" if is_right else "relabel", "" if is_right else truth)
            ranking = ranker.update(store.merged())
            assert row not in ranking.order
    found = set(range(WRONG)) & set(np.flatnonzero(ranking.decided).tolist())
    assert len(found) >= 36
    assert ranking.decisions == 60
    assert ranking.left.low <= WRONG - len(found) <= ranking.left.high
    assert ranking.left.expected < 15


def test_unsure_faces_are_not_ranked_and_not_decided(opened: OpenAudit) -> None:
    ranker = opened.ranker()
    first = ranker.update(NOTHING)
    image = opened.manifest.table["image"].iat[int(first.order[0])]
    unsure = pd.DataFrame([(image, "unsure", "")], columns=NOTHING.columns)
    second = ranker.update(unsure)
    assert second.order.tolist() == first.order[1:].tolist()
    assert not second.decided.any()
    assert abs(second.left.expected - first.left.expected) < 0.5
    assert ranker.update(unsure) is second  # nothing new, nothing computed


def test_an_undone_decision_leaves_no_trace(opened: OpenAudit) -> None:
    ranker = opened.ranker()
    first = ranker.update(NOTHING)
    images = opened.manifest.table["image"]
    decisions = [(images.iat[int(row)], "remove", "") for row in first.order[:10]]
    changed = ranker.update(pd.DataFrame(decisions, columns=NOTHING.columns))
    assert np.abs(changed.score - first.score).max() > 0.1
    again = ranker.update(NOTHING)
    assert np.abs(again.probability - first.probability).max() < 0.1  # fits from the last parameters stop early
    assert len(set(again.order[:WRONG].tolist()) & set(first.order[:WRONG].tolist())) >= WRONG - 2


def test_images_that_are_not_in_training_are_ignored(opened: OpenAudit) -> None:
    ranker = opened.ranker()
    outside = pd.DataFrame([("images/test-0001.png", "remove", ""), ("none.png", "keep", "")], columns=NOTHING.columns)
    assert not ranker.update(outside).decided.any()


def test_an_audit_by_a_training_corrects_its_log_odds(trained: object) -> None:
    opened = OpenAudit.open(trained.out)  # type: ignore[attr-defined]
    assert opened.settings == TRAINING
    assert not opened.learns
    ranker = opened.ranker()
    first = ranker.update(NOTHING)
    assert len(set(range(WRONG)) & set(first.order[:WRONG].tolist())) >= 25
    kept = opened.manifest.table["image"].iloc[first.order[:20]]
    second = ranker.update(pd.DataFrame({"image": kept, "decision": "keep", "label": ""}))
    assert second.probability[first.order[25]] < first.probability[first.order[25]]


def test_faces_that_an_earlier_round_removed_can_be_reviewed(opened: OpenAudit) -> None:
    csv = opened.folder / "mine.csv"
    csv.write_text("image,decision\nimages/train-0001.png,remove\n")
    audit(opened.manifest.root, opened.folder, decisions=csv)
    csv.unlink()
    ranking = OpenAudit.open(opened.folder).ranker().update(NOTHING)
    assert 1 in ranking.order


@pytest.mark.parametrize("removed", [False, True])
def test_a_class_without_labels_can_be_the_true_one(removed: bool) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 100)
    features = (np.eye(3, 8)[labels] * 3 + random.normal(size=(100, 8))).astype(np.float32)
    model = FeatureModel(FrozenEvidence(features, None, None), labels)
    true = np.full(100, UNKNOWN)
    true[:5] = -1 if removed else 6
    judged = model.judge(true)
    assert np.isfinite(judged.score).all()
    assert set(judged.suggested) <= {0, 1, 2}


def test_a_decision_among_1200_faces_takes_well_under_a_second() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 1200)
    features = (np.eye(7, 256)[labels] + random.normal(size=(1200, 256))).astype(np.float32)
    model = FeatureModel(FrozenEvidence(features, None, None), labels)
    true = np.full(1200, UNKNOWN)
    model.judge(true)
    seconds = []
    for row in range(5):
        true[row] = (labels[row] + 1) % 7
        start = time.process_time()
        model.judge(true)
        seconds.append(time.process_time() - start)
    assert np.median(seconds) < 0.3
