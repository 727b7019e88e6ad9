"""The page shows the suspects beside similar faces, escapes file names, and loads nothing from elsewhere."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.label_audit import cards
from bimodal.label_audit.judge import Judgement, PlantedCheck
from bimodal.label_audit.neighbours import nearest, trusted_labels
from bimodal.label_audit.ranking import LabelRanking, rank_labels
from bimodal.label_audit.suspects_page import render_page
from bimodal.label_audit.verdict import evidence_sentences, verdict_sentence
from bimodal.removal import two_modes
from bimodal.removal.noise_model import label_noise
from tests.conftest import write_data

FACES, WRONG = 140, 42
HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "\"quoted\", 'twice'; {{7*7}}.png",
    "two\nlines &amp; a\rreturn.png",
    "=1+1</script><b>.png",
)


class _Page(HTMLParser):
    """Collects tags, their attributes, the cards and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cards: list[str] = []
        self.pictures: dict[str, list[str | None]] = {}
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if "data-image" in values:
            self.cards.append(json.loads(values["data-image"] or ""))
        if tag == "img":
            self.pictures.setdefault(self.cards[-1], []).append(values["alt"])

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def _rename(data: Path) -> None:
    """Give the first wrongly labelled faces hostile names."""
    table = pd.read_csv(data / "manifest.csv", keep_default_na=False)
    for row, name in enumerate(HOSTILE):
        new = "images/" + name.replace("/", "\N{DIVISION SLASH}")
        (data / table.loc[row, "image"]).rename(data / new)
        table.loc[row, "image"] = new
    table.to_csv(data / "manifest.csv", index=False)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, LabelRanking]:
    """The ranking of simulated predictions that favour the true labels."""
    data = write_data(tmp_path_factory.mktemp("audit") / "data", {"train": FACES, "val": 7, "test": 7}, wrong=WRONG)
    _rename(data)
    manifest, random = Manifest.read(data), np.random.default_rng(0)
    logits = 4 * np.eye(len(NAMES))[np.arange(FACES) % len(NAMES)]
    pred_probs = np.exp(logits + random.normal(size=logits.shape))
    pred_probs /= pred_probs.sum(axis=1, keepdims=True)
    features = random.normal(size=(FACES, 8)).astype(np.float32)
    rows = manifest.rows("train")
    labels, decided = manifest.labels[rows], np.zeros(FACES, dtype=bool)
    issues = two_modes(pred_probs, labels)
    judgement = Judgement(rows, labels, issues, pred_probs, features, pred_probs[:14], decided)
    return manifest, rank_labels(manifest, judgement)


def _render(manifest: Manifest, ranking: LabelRanking) -> _Page:
    return _Page(render_page(manifest, ranking, "audit"))


def _by_label(ranking: LabelRanking, limit: int) -> list[str]:
    suspects = ranking.suspects
    return [image for name in NAMES for image in suspects[suspects["label"] == name]["image"][:limit]]


def test_each_suspect_is_beside_three_faces_of_each_label(audited: tuple[Manifest, LabelRanking]) -> None:
    ranking = audited[1]
    made = _render(*audited)
    assert len(ranking.suspects) > WRONG / 2
    assert made.cards == _by_label(ranking, cards.SHOWN)
    for image, label, suggested in ranking.suspects[["image", "label", "suggested"]].itertuples(index=False):
        own, *others = made.pictures[image]
        assert own == image
        assert others == [f"similar face labelled {label}"] * 3 + [f"similar face labelled {suggested}"] * 3
    assert f"{len(ranking.suspects)} of {FACES} training labels are probably wrong" in made.text


def test_the_page_counts_suspects_beyond_the_limit(
    audited: tuple[Manifest, LabelRanking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "SHOWN", 2)
    made = _render(*audited)
    assert made.cards == _by_label(audited[1], 2)
    more = (audited[1].suspects["label"].value_counts() - 2).max()
    assert f"{more} of them are listed in suspects.csv only" in made.text


def test_file_names_are_escaped(audited: tuple[Manifest, LabelRanking]) -> None:
    made = _render(*audited)
    suspects = set(audited[1].suspects["image"])
    hostile = {image for image in audited[0].table["image"][: len(HOSTILE)] if image in suspects}
    assert len(hostile) == len(HOSTILE)
    assert hostile <= set(made.cards)
    assert not [tag for tag, values in made.tags if any(name.startswith("on") for name in values)]
    assert [tag for tag, _ in made.tags].count("script") == 1
    assert "; 49.png" not in made.html


def test_it_is_self_contained(audited: tuple[Manifest, LabelRanking]) -> None:
    made = _render(*audited)
    policy = next(values["content"] for _, values in made.tags if "http-equiv" in values) or ""
    scripts = re.findall(r"<script>(.*?)</script>", made.html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|@import|url\((?!#)", made.html)
    links = [values[key] or "" for _, values in made.tags for key in ("src", "href", "xlink:href") if key in values]
    assert links
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in links)
    ids = [values["id"] for _, values in made.tags if "id" in values]
    assert len(ids) == len(set(ids))


def test_a_full_page_stays_below_eight_megabytes(audited: tuple[Manifest, LabelRanking]) -> None:
    made = _render(*audited)
    assert len(made.html) / len(made.cards) * cards.SHOWN * len(NAMES) < 8e6


def test_lost_pictures_leave_a_gap(audited: tuple[Manifest, LabelRanking]) -> None:
    manifest, ranking = audited
    lost = manifest.path(int(ranking.suspects.index[-1]))
    content = lost.read_bytes()
    try:
        lost.write_bytes(b"no picture")
        unreadable = _render(manifest, ranking)
        lost.unlink()
        missing = _render(manifest, ranking)
    finally:
        lost.write_bytes(content)
    for made in (unreadable, missing):
        assert made.cards == _by_label(ranking, cards.SHOWN)
        assert made.text.count("no picture") == 1


def test_without_label_issues_the_highest_ranks_are_shown(audited: tuple[Manifest, LabelRanking]) -> None:
    manifest, ranking = audited
    nothing = np.zeros(FACES, dtype=bool)
    issues = replace(ranking.issues, has_label_issues=False, noise_rate=0.0, threshold=np.inf, is_label_issue=nothing)
    table = ranking.table.assign(flags="")
    made = _render(manifest, LabelRanking(table, replace(ranking.judgement, issues=issues)))
    assert "no statistical evidence of wrong labels" in made.text
    assert "Highest ranks (no label issues were found)" in made.text
    expected = [
        image for name in NAMES for image in table[table["label"] == name]["image"][: cards.SHOWN_WITHOUT_ISSUES]
    ]
    assert made.cards == expected


def test_without_trusted_labels_the_better_half_is_used(
    audited: tuple[Manifest, LabelRanking],
) -> None:
    issues = replace(
        audited[1].issues,
        is_label_issue=np.array([True, False, False, False, False]),
        probability=np.array([0.9, 0.5, 0.3, 0.1, 0.1]),
        score=np.array([3.0, 2.0, 1.0, -1.0, -2.0]),
    )
    assert trusted_labels(issues, np.array([0, 0, 0, 0, 0])).tolist() == [False, False, False, True, True]
    assert trusted_labels(issues, np.array([0, 0, 0, 1, 1])).tolist() == [False, False, True, True, True]


def test_neighbours_are_those_of_a_literal_search() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 8)).astype(np.float32)
    among = random.random(60) < 0.5
    queries = np.arange(0, 60, 7)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for query, near in zip(queries, nearest(features, queries, among, 3), strict=True):
        candidates = [row for row in np.flatnonzero(among) if row != query]
        assert near.tolist() == sorted(candidates, key=lambda row: -float(unit[query] @ unit[row]))[:3]
    assert [near.tolist() for near in nearest(features, queries, np.zeros(60, dtype=bool), 3)] == [[]] * len(queries)


def _without_issues(ranking: LabelRanking, found: int, accuracy: float) -> LabelRanking:
    """Return the ranking of labels without issues, by features, with a check of 20 replaced labels."""
    judgement, none = ranking.judgement, np.zeros(FACES, dtype=bool)
    clean = label_noise(judgement.labels, judgement.pred_probs)
    issues = replace(clean, has_label_issues=False, noise_rate=0.0, threshold=np.inf, is_label_issue=none, p_value=0.5)
    judgement = replace(judgement, issues=issues, accuracy=accuracy, check=PlantedCheck(20, found))
    return LabelRanking(ranking.table.assign(flags=""), judgement)


def test_uncertain_predictions_clear_no_data(audited: tuple[Manifest, LabelRanking]) -> None:
    uncertain, certain = _without_issues(audited[1], 5, 0.4), _without_issues(audited[1], 18, 0.9)
    for ranking in (uncertain, certain):
        assert verdict_sentence(ranking).startswith("There is no statistical evidence of wrong labels")
    text = " ".join(evidence_sentences(uncertain))
    assert "5 of them (25 %)" in text
    assert "40 %" in text
    assert "wrong labels may remain" in text
    assert "wrong labels may remain" not in " ".join(evidence_sentences(certain))
    assert "wrong labels may remain" in _render(audited[0], uncertain).text


def test_a_card_without_evidence_names_predictions_and_no_probability_of_an_error(
    audited: tuple[Manifest, LabelRanking],
) -> None:
    manifest, ranking = audited
    ranking = rank_labels(manifest, _without_issues(ranking, 18, 0.9).judgement)
    assert ranking.table["probability"].isna().all()
    made = _render(manifest, ranking)
    assert "wrong with probability" not in made.text
    first = ranking.table.iloc[0]
    given = np.exp(-first["loss"])
    shown = f"predicted: {first['suggested']} {100 * first['confidence']:.0f} %, {first['label']} "
    assert shown + (f"{100 * given:.0f} %" if given >= 0.01 else "under 1 %") in made.text


def test_decided_faces_have_no_card(audited: tuple[Manifest, LabelRanking]) -> None:
    manifest, ranking = audited
    decided = np.isin(ranking.rows, ranking.suspects.index[:5])
    after = rank_labels(manifest, ranking.judgement.trusting(decided, "second round"))
    assert len(after.suspects) == len(ranking.suspects) - 5
    made = _render(manifest, after)
    assert not set(made.cards) & set(ranking.suspects["image"][:5])
    assert f"{len(after.suspects)} of {FACES} training labels are probably wrong" in made.text
    assert after.table["flags"].str.contains("decided").sum() == 5
