"""The evidence of a face: probabilities, and similar faces with sure labels."""

import numpy as np
import pandas as pd
import pytest

from bimodal.emotions import NAMES
from bimodal.label_audit.audit import audit
from bimodal.review.evidence import EvidenceFinder
from bimodal.review.opened import OpenAudit
from bimodal.review.retrain import compare_probes, compare_trainings
from bimodal.review.store import Store
from tests.label_audit.conftest import WRONG

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


def test_the_comparison_finds_that_cleaning_helps(opened: OpenAudit) -> None:
    with Store.open(opened.folder) as store:
        for row in range(WRONG):
            store.add("ann", opened.manifest.table["image"].iat[row], "relabel", NAMES[row % 7])
        comparison = compare_probes(opened, store)
    assert comparison.n == 28
    assert comparison.difference.value >= 0
    assert comparison.difference.low <= comparison.difference.value <= comparison.difference.high


@pytest.mark.slow
def test_trainings_before_and_after_are_compared_and_kept(opened: OpenAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    from bimodal.review.cleaned import write_cleaned_set
    from bimodal.training import train as module

    with Store.open(opened.folder) as store:
        store.add("ann", opened.manifest.table["image"].iat[0], "remove")
        write_cleaned_set(opened, store)
        first = compare_trainings(opened, epochs=1)
        assert first.n == 28

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("trains again")

        with monkeypatch.context() as patched:
            patched.setattr(module, "train", refuse)
            assert compare_trainings(opened, epochs=1) == first
        store.add("ann", opened.manifest.table["image"].iat[1], "remove")
        write_cleaned_set(opened, store)
        second = compare_trainings(opened, epochs=1)
    assert second.n == 28
