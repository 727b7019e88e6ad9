"""All faces of a review with their ranks and decisions, and the choice of those to show."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.label_audit.judge import other_rows
from bimodal.label_audit.ranking import DECIDED, REMOVABLE, SUSPECT, LabelRanking
from bimodal.removal.issues import best_count
from bimodal.removal.log_odds import best_other, log_odds
from bimodal.review.ranking import Ranking
from bimodal.review.store import RELABEL, REMOVE, Store

STATES = ("open", "not-mine", "mine", "decided", "unsure", "disagree", "all")
"""Which faces to show by their decisions: those without one, without one of mine, with one of mine, with any, with nobody
sure, with sure reviewers who disagree, all."""
_CHANGING = (SUSPECT, REMOVABLE, DECIDED)  # flags of the audit that the ranking and the decisions replace


@dataclass(frozen=True, eq=False)
class FaceTable:
    """What does not change during a review, by row of the manifest; N faces.

    Attributes:
        images, splits, persons: (N,) texts.
        labels: (N,), the given labels, 0 to 6.
        flags: of each face.
        train: the rows of the training faces, ascending.
        other_probs: (N,7), predicted probabilities of validation and test faces; NaN for training faces.
        has_issues: whether the audit found evidence of wrong labels.
    """

    images: NDArray[np.object_]
    splits: NDArray[np.object_]
    persons: NDArray[np.object_]
    labels: NDArray[np.int64]
    flags: list[tuple[str, ...]]
    train: NDArray[np.int64]
    other_probs: NDArray[np.float64]
    has_issues: bool

    @classmethod
    def of(cls, manifest: Manifest, audited: LabelRanking) -> Self:
        """Collect the faces of an audit."""
        table = manifest.table
        flags: list[tuple[str, ...]] = [(flag,) if flag else () for flag in table["flag"]]
        for row, text in audited.table["flags"].items():
            flags[int(str(row))] = tuple(flag for flag in text.split(";") if flag and flag not in _CHANGING)
        other_probs = np.full((len(table), len(NAMES)), np.nan)
        other_probs[other_rows(manifest)] = audited.judgement.other_probs
        return cls(
            table["image"].to_numpy(),
            table["split"].to_numpy(),
            table["group"].to_numpy(),
            manifest.labels,
            flags,
            manifest.rows("train").astype(np.int64),
            other_probs,
            audited.issues.has_label_issues,
        )

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each picture."""
        return {str(image): row for row, image in enumerate(self.images)}

    @cached_property
    def flag_names(self) -> list[str]:
        """All flags that occur."""
        return sorted({flag for flags in self.flags for flag in flags})

    @cached_property
    def person_names(self) -> list[str]:
        """All persons that occur."""
        return sorted({str(person) for person in self.persons if person})


@dataclass(frozen=True)
class Filters:
    """Which faces to show; an empty text stands for all.

    Attributes:
        label, suggested: names of emotions.
        person, split, flag: as in the manifest.
        state: one of `STATES`.
        suspects: only labels that are probably wrong, as many as give the highest expected F1.
        least: the lowest log-odds that the label is wrong.
    """

    label: str = ""
    suggested: str = ""
    person: str = ""
    split: str = "train"
    flag: str = ""
    state: str = "open"
    suspects: bool = False
    least: float = -np.inf


@dataclass(frozen=True, eq=False)
class Board:
    """All faces, judged and decided; arrays by row of the manifest.

    Attributes:
        faces: what does not change.
        version: the number of events that the ranking knows.
        count: the number of events that the decisions contain.
        ranking: of the training faces.
        score: (N,), log-odds that the label is wrong.
        suggested: (N,), the most probable other label.
        pred_probs: (N,7).
        current: the last decision of each reviewer on each face, with its row.
        merged: one decision on each face, with its row.
    """

    faces: FaceTable
    version: int
    count: int
    ranking: Ranking
    score: NDArray[np.float64]
    suggested: NDArray[np.int64]
    pred_probs: NDArray[np.float64]
    current: pd.DataFrame = field(repr=False)
    merged: pd.DataFrame = field(repr=False)

    @classmethod
    def of(cls, faces: FaceTable, version: int, ranking: Ranking, store: Store) -> Self:
        """Join a ranking with the decisions in a store."""
        count = store.count
        current, merged = (_with_rows(table, faces) for table in (store.current(), store.merged()))
        pred_probs = faces.other_probs.copy()
        pred_probs[faces.train] = ranking.pred_probs
        logs = np.log(np.maximum(pred_probs, 1e-12))
        suggested, _ = best_other(logs, faces.labels)
        score = log_odds(logs)[np.arange(len(logs)), faces.labels]
        score[faces.train], suggested[faces.train] = ranking.score, ranking.suggested
        return cls(faces, version, count, ranking, score, suggested, pred_probs, current, merged)

    @cached_property
    def is_open(self) -> NDArray[np.bool_]:
        """Which faces nobody has decided about, (N,)."""
        result = np.ones(len(self.faces.labels), dtype=bool)
        result[self.merged["row"].to_numpy(dtype=np.int64)] = False
        return result

    @cached_property
    def true_labels(self) -> NDArray[np.int64]:
        """The labels of the training faces with all decisions, in the order of `ranking.rows`; -1 for a removed face."""
        labels = self.faces.labels.copy()
        for row, decision, label in self.merged[["row", "decision", "label"]].itertuples(index=False):
            if decision == REMOVE:
                labels[row] = -1
            elif decision == RELABEL:
                labels[row] = NAMES.index(label)
        return labels[self.ranking.rows]

    @cached_property
    def suspects(self) -> NDArray[np.int64]:
        """The rows of the labels that are probably wrong, the most probable first; decided ones stay in their place."""
        if not self.faces.has_issues:
            return np.zeros(0, dtype=np.int64)
        order = np.argsort(-self.ranking.score, kind="stable")
        probability = self.ranking.probability[order]
        return self.faces.train[order[: best_count(probability, float(probability.sum()))]]

    @cached_property
    def _records(self) -> dict[int, Mapping[Hashable, Any]]:
        return {int(record["row"]): record for record in self.merged.to_dict("records")}

    def decision_on(self, row: int) -> Mapping[Hashable, Any] | None:
        """Return the merged decision on a face, as a line of `Store.merged`; None if there is none."""
        return self._records.get(row)

    def decisions_on(self, row: int) -> list[dict[Hashable, Any]]:
        """Return the last decision of each reviewer on a face, as lines of `Store.current`."""
        return self.current[self.current["row"] == row].to_dict("records")

    def select(self, filters: Filters, reviewer: str = "") -> NDArray[np.int64]:
        """Return the rows to show, the most probably wrong label first.

        Args:
            filters: which.
            reviewer: who asks; for the states `mine` and `not-mine`.
        """
        faces = self.faces
        chosen = self._in_state(filters.state, reviewer) & (self.score >= filters.least)
        for wanted, texts in ((filters.split, faces.splits), (filters.person, faces.persons)):
            if wanted:
                chosen &= texts == wanted
        for name, codes in ((filters.label, faces.labels), (filters.suggested, self.suggested)):
            if name:
                chosen &= codes == NAMES.index(name)
        if filters.flag:
            chosen &= np.array([filters.flag in flags for flags in faces.flags], dtype=bool)
        if filters.suspects:
            is_suspect = np.zeros(len(chosen), dtype=bool)
            is_suspect[self.suspects] = True
            chosen &= is_suspect
        rows = np.flatnonzero(chosen)
        return rows[np.argsort(-self.score[rows], kind="stable")]

    def _in_state(self, state: str, reviewer: str) -> NDArray[np.bool_]:
        merged, mine = self.merged, self.current[self.current["reviewer"] == reviewer]
        if state in ("open", "decided"):
            return self.is_open if state == "open" else ~self.is_open
        if state in ("mine", "not-mine"):
            is_mine = self._mask(mine)
            return is_mine if state == "mine" else ~is_mine
        if state == "unsure":
            return self._mask(merged[merged["decision"] == "unsure"])
        if state == "disagree":
            return self._mask(merged[~merged["agreed"].astype(bool)])
        return np.ones(len(self.faces.labels), dtype=bool)

    def _mask(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        result = np.zeros(len(self.faces.labels), dtype=bool)
        result[table["row"].to_numpy(dtype=np.int64)] = True
        return result


def _with_rows(table: pd.DataFrame, faces: FaceTable) -> pd.DataFrame:
    """Add the row of each picture, and leave out pictures that are not in the manifest."""
    rows = np.array([faces.row_of.get(image, -1) for image in table["image"]], dtype=np.int64)
    return table.assign(row=rows)[rows >= 0]
