"""The evidence of a face: probabilities, and similar faces with sure labels."""

import numpy as np
import pandas as pd
import pytest

from bimodal.emotions import NAMES
from bimodal.label_audit.audit import audit
from bimodal.review.evidence import EvidenceFinder
from bimodal.review.opened import OpenAudit

COLUMNS = ["image", "decision", "label"]


def test_similar_faces_have_sure_labels_and_follow_decisions(opened: OpenAudit) -> None:
    ranker, finder = opened.ranker(), EvidenceFinder(opened)
    ranking = ranker.update(pd.DataFrame(columns=COLUMNS))
    labels = opened.manifest.labels[ranking.rows]
    row = int(ranking.order[0])
    found = finder.find(row, ranking, labels)
    assert (found.row, found.label) == (row, opened.manifest.table["label"].iat[row])
    assert found.probability == ranking.probability[row]
    assert list(found.pred_probs.values()) == sorted(found.pred_probs.values(), reverse=True)
    assert list(found.similar) == [found.label, found.suggested]
    for name, rows in found.similar.items():
        assert len(rows) == 3
        assert row not in rows
        assert (ranking.probability[rows] < 0.2).all()
        assert {NAMES[labels[each]] for each in rows} == {name}
    nearest = found.similar[found.suggested][0]
    removed = pd.DataFrame([(opened.manifest.table["image"].iat[nearest], "remove", "")], columns=COLUMNS)
    labels = np.where(np.arange(len(labels)) == nearest, -1, labels)
    assert nearest not in finder.find(row, ranker.update(removed), labels).similar[found.suggested]


def test_a_face_outside_training_is_refused(opened: OpenAudit) -> None:
    ranking = opened.ranker().update(pd.DataFrame(columns=COLUMNS))
    for row in (len(opened.manifest) - 1, -1, 10**6):
        with pytest.raises(KeyError):
            EvidenceFinder(opened).find(row, ranking, opened.manifest.labels[ranking.rows])


def test_a_face_that_an_earlier_round_removed_has_evidence_without_neighbours(opened: OpenAudit) -> None:
    csv = opened.folder.parent / "mine.csv"
    csv.write_text("image,decision\nimages/train-0001.png,remove\n")
    audit(opened.manifest.root, opened.folder, decisions=csv)
    again = OpenAudit.open(opened.folder)
    ranking = again.ranker().update(pd.DataFrame(columns=COLUMNS))
    labels = again.manifest.labels[ranking.rows]
    finder = EvidenceFinder(again)
    assert finder.find(1, ranking, labels).similar == {
        NAMES[labels[1]]: [],
        NAMES[ranking.suggested[1]]: [],
    }
    others = [row for rows in finder.find(0, ranking, labels).similar.values() for row in rows]
    assert len(others) == 6
    assert 1 not in others
