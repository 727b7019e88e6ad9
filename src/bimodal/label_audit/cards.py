"""What the page of suspects shows: a section for each given label, and a card for each suspect."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.label_audit.neighbours import Neighbours, similar_faces
from bimodal.label_audit.ranking import REMOVABLE, SUSPECT, LabelRanking
from bimodal.rendering.html import inline_picture
from bimodal.runs.run import Run
from bimodal.vision.pictures import THREADS, no_size_warnings

SHOWN, SHOWN_WITHOUT_ISSUES = 40, 10
"""Cards for each label: of suspects, or of the highest ranks where the audit finds no label issues."""
LARGE, SMALL = 112, 64
"""Sides of the pictures of suspects and of similar faces, in pixels."""
_FLAGS = {
    "blank": "a picture of a single colour",
    "no-face": "no face was found",
    "duplicate": "the picture occurs more than once",
    "two-labels": "a copy has another label",
    "also-in-val": "a copy is in validation",
    "also-in-test": "a copy is in test",
    "rare": "a rare emotion in these data",
}


@dataclass(frozen=True)
class Card:
    """A suspect, with what a reviewer needs to decide.

    Attributes:
        picture: data URI; None if the picture cannot be read.
        notes: its flags, in words.
        similar: labels, each with the pictures of the most similar faces of that label.
    """

    image: str
    picture: str | None
    label: str
    rank: int
    probability: float
    suggested: str
    confidence: float
    notes: tuple[str, ...]
    similar: tuple[tuple[str, tuple[str | None, ...]], ...]


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


def build_sections(
    run: Run, manifest: Manifest, ranking: LabelRanking, device: torch.device
) -> tuple[list[Section], str]:
    """Return the sections in the order of `NAMES`, and an empty text, or why no similar faces are shown."""
    suspects, table = ranking.suspects, ranking.table
    listed, limit = (suspects, SHOWN) if ranking.modes.has_label_issues else (table, SHOWN_WITHOUT_ISSUES)
    shown = listed.groupby("label", sort=False).head(limit)
    similar, problem = _similar(run, manifest, ranking, shown, device)
    large = _pictures(manifest, shown.index, LARGE)
    small = _pictures(manifest, sorted({row for rows in similar.values() for row in rows}), SMALL)
    sections = []
    for label in NAMES:
        faces, found, part = (frame[frame["label"] == label] for frame in (table, suspects, shown))
        if len(faces):
            records = zip(part.index.tolist(), part.to_dict("records"), strict=True)
            cards = tuple(_card(row, record, large, small, similar) for row, record in records)
            more = max(len(found) - len(part), 0)
            sections.append(Section(label, len(faces), len(found), _most_frequent(found["suggested"]), cards, more))
    return sections, problem


def _similar(
    run: Run, manifest: Manifest, ranking: LabelRanking, shown: Any, device: torch.device
) -> tuple[Neighbours, str]:
    try:
        return similar_faces(run, manifest, ranking, shown, device), ""
    except (InputError, OSError) as error:  # pictures were lost after the training; the ranking stays valid
        return {}, str(error)


def _card(
    row: int, record: Mapping[Hashable, Any], large: dict[int, str], small: dict[int, str], similar: Neighbours
) -> Card:
    flags = [flag for flag in record["flags"].split(";") if flag not in ("", SUSPECT, REMOVABLE)]
    return Card(
        image=record["image"],
        picture=large.get(row),
        label=record["label"],
        rank=int(record["rank"]),
        probability=float(record["probability"]),
        suggested=record["suggested"],
        confidence=float(record["confidence"]),
        notes=tuple(_FLAGS.get(flag, flag) for flag in flags),
        similar=tuple(
            (name, tuple(small.get(other) for other in similar[row, name]))
            for name in (record["label"], record["suggested"])
            if (row, name) in similar
        ),
    )


def _most_frequent(labels: Iterable[str]) -> str:
    """Return the most frequent label with its count.

    >>> _most_frequent(["sad", "fear", "sad"]), _most_frequent([])
    ('sad (2)', 'none')
    """
    return next((f"{name} ({count:,})" for name, count in Counter(labels).most_common(1)), "none")


def _pictures(manifest: Manifest, rows: Iterable[int], side: int) -> dict[int, str]:
    """Return square JPEG pictures as data URIs, by row, without those that cannot be read."""
    images = {row: str(manifest.table["image"].iat[row]) for row in rows}
    with no_size_warnings(), ThreadPoolExecutor(THREADS) as pool:
        pictures = pool.map(lambda image: inline_picture(manifest.root, image, side), images.values())
        return {row: picture for row, picture in zip(images, pictures, strict=True) if picture is not None}
