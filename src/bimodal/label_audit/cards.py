"""The content of the review page: a section for each given label, and a card for each suspect."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bimodal.emotions import NAMES
from bimodal.label_audit.neighbours import Neighbours, similar_faces
from bimodal.label_audit.ranking import REMOVABLE, SUSPECT, LabelRanking

SHOWN, SHOWN_WITHOUT_ISSUES = 40, 10
"""Cards for each label: of suspects, or of the highest ranks where the audit finds no label issues."""
_FLAGS = {
    "blank": "a picture of a single colour",
    "no-face": "no face was found",
    "several-faces": "several faces of similar size, and no box",
    "duplicate": "the picture occurs more than once",
    "two-labels": "a copy has another label",
    "also-in-val": "a copy is in validation",
    "also-in-test": "a copy is in test",
    "rare": "a rare emotion in these data",
    "decided": "decided earlier",
}


@dataclass(frozen=True)
class Card:
    """A suspect, with what a reviewer needs to decide.

    Attributes:
        row: its row in the manifest.
        probability: that the label is wrong; NaN if no label issues were found.
        predicted: the predicted probability of the given label.
        notes: its flags, in words.
        similar: labels, each with the rows of the most similar faces of that label.
    """

    row: int
    image: str
    label: str
    rank: int
    probability: float
    predicted: float
    suggested: str
    confidence: float
    notes: tuple[str, ...]
    similar: tuple[tuple[str, list[int]], ...]


@dataclass(frozen=True)
class Section:
    """The faces of one given label.

    Attributes:
        label: the given label.
        faces: number of training faces with this label.
        suspects: how many of these labels are probably wrong.
        suggestion: the most frequent suggested label of the suspects, with its count.
        cards: the highest ranks.
        more: number of suspects that have no card.
    """

    label: str
    faces: int
    suspects: int
    suggestion: str
    cards: tuple[Card, ...]
    more: int


def build_sections(ranking: LabelRanking) -> list[Section]:
    """Return a section for each label that occurs, in the order of `NAMES`.

    Args:
        ranking: of the training labels.
    """
    suspects, table = ranking.suspects, ranking.table
    listed, limit = (suspects, SHOWN) if ranking.issues.has_label_issues else (table, SHOWN_WITHOUT_ISSUES)
    shown = listed.groupby("label", sort=False).head(limit)
    similar = similar_faces(ranking, shown)
    sections = []
    for label in NAMES:
        faces, found, part = (frame[frame["label"] == label] for frame in (table, suspects, shown))
        if len(faces):
            records = zip(part.index.tolist(), part.to_dict("records"), strict=True)
            cards = tuple(_card(row, record, similar) for row, record in records)
            more = max(len(found) - len(part), 0)
            sections.append(Section(label, len(faces), len(found), _most_frequent(found["suggested"]), cards, more))
    return sections


def _card(row: int, record: Mapping[Hashable, Any], similar: Neighbours) -> Card:
    flags = [flag for flag in record["flags"].split(";") if flag not in ("", SUSPECT, REMOVABLE)]
    return Card(
        row=row,
        image=record["image"],
        label=record["label"],
        rank=int(record["rank"]),
        probability=float(record["probability"]),
        predicted=math.exp(-float(record["loss"])),
        suggested=record["suggested"],
        confidence=float(record["confidence"]),
        notes=tuple(_FLAGS.get(flag, flag) for flag in flags),
        similar=tuple((name, similar[row, name]) for name in (record["label"], record["suggested"])),
    )


def _most_frequent(labels: Iterable[str]) -> str:
    """Return the most frequent label with its count.

    >>> _most_frequent(["sad", "fear", "sad"]), _most_frequent([])
    ('sad (2)', 'none')
    """
    return next((f"{name} ({count:,})" for name, count in Counter(labels).most_common(1)), "none")
