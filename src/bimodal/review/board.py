"""All faces of a review with their ranks and decisions, and the choice of those to show."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.label_audit.judge import other_rows
from bimodal.label_audit.ranking import DECIDED, REMOVABLE, SUSPECT, LabelRanking
from bimodal.removal.issues import best_count
from bimodal.removal.log_odds import best_other, log_odds
from bimodal.review.decision_log import DECISIONS, RELABEL, REMOVE, UNSURE, Decision, DecisionLog, MergedDecision
from bimodal.review.ranking import Ranking

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
        has_issues: whether the audit found evidence of wrong labels, or a reviewer had found a wrong one.
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
    def with_flag(self) -> dict[str, NDArray[np.bool_]]:
        """Which faces have each flag that occurs, (N,)."""
        names = sorted({flag for flags in self.flags for flag in flags})
        return {name: np.array([name in flags for flags in self.flags], dtype=bool) for name in names}

    @cached_property
    def in_split(self) -> dict[str, NDArray[np.bool_]]:
        """Which faces are in each split, (N,)."""
        return {name: np.asarray(self.splits == name, dtype=bool) for name in ("train", "val", "test")}

    @cached_property
    def rows_of_person(self) -> dict[str, list[int]]:
        """The rows of each person that occurs, by name."""
        rows: dict[str, list[int]] = {str(person): [] for person in sorted(set(self.persons)) if person}
        for row, person in enumerate(self.persons):
            if person:
                rows[str(person)].append(row)
        return rows

    @cached_property
    def other_scores(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The log-odds that validation and test labels are wrong, and the most probable other labels, (N,) each."""
        logs = np.log(np.maximum(self.other_probs, 1e-12))
        suggested, _ = best_other(logs, self.labels)
        return log_odds(logs)[np.arange(len(logs)), self.labels], suggested


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
class Scores:
    """A ranking in arrays by row of the manifest; N faces.

    Attributes:
        score: (N,), log-odds that the label is wrong.
        suggested: (N,), the most probable other label.
        pred_probs: (N,7).
        order: (N,), all rows, the most probably wrong label first.
        suspects: the rows of the labels that are probably wrong, the most probable first; decided ones stay in their place.
    """

    score: NDArray[np.float64]
    suggested: NDArray[np.int64]
    pred_probs: NDArray[np.float64]
    order: NDArray[np.int64]
    suspects: NDArray[np.int64]

    @classmethod
    def of(cls, faces: FaceTable, ranking: Ranking) -> Self:
        """Collect the scores of the training faces by a ranking, and those of the other faces by the audit."""
        other_score, other_suggested = faces.other_scores
        score, suggested = other_score.copy(), other_suggested.copy()
        pred_probs = faces.other_probs.copy()
        score[faces.train], suggested[faces.train] = ranking.score, ranking.suggested
        pred_probs[faces.train] = ranking.pred_probs
        suspects = np.zeros(0, dtype=np.int64)
        if faces.has_issues:
            order = np.argsort(-ranking.score, kind="stable")
            probability = ranking.probability[order]
            suspects = faces.train[order[: best_count(probability, float(probability.sum()))]]
        return cls(score, suggested, pred_probs, np.argsort(-score, kind="stable"), suspects)


@dataclass(frozen=True, eq=False)
class Board:
    """All faces, judged and decided; arrays by row of the manifest. A board never changes.

    Attributes:
        faces: what does not change.
        version: the number of events that the ranking knows.
        ranking: of the training faces.
        scores: the ranking by row.
        log: the decisions.
        kinds: (N,), the merged decision on each face as its place in `DECISIONS`; -1 without one.
        true_labels: (N,), the labels with all decisions; -1 for a removed face.
        agreed: (N,), whether all reviewers who were sure decided the same.
    """

    faces: FaceTable
    version: int
    ranking: Ranking
    scores: Scores
    log: DecisionLog
    kinds: NDArray[np.int8]
    true_labels: NDArray[np.int64]
    agreed: NDArray[np.bool_]

    @classmethod
    def begin(cls, faces: FaceTable, version: int, ranking: Ranking) -> Self:
        """Return the board without decisions."""
        kinds, agreed = np.full(len(faces.labels), -1, dtype=np.int8), np.ones(len(faces.labels), dtype=bool)
        return cls(
            faces, version, ranking, Scores.of(faces, ranking), DecisionLog(), kinds, faces.labels.copy(), agreed
        )

    def after(self, version: int, ranking: Ranking, log: DecisionLog) -> "Board":
        """Return the board with a later ranking and later decisions; only what has changed is computed."""
        faces, scores = self.faces, self.scores if ranking is self.ranking else Scores.of(self.faces, ranking)
        kinds, labels, agreed = self.kinds.copy(), self.true_labels.copy(), self.agreed.copy()
        for image in log.changed_since(self.log):
            row, merged = faces.row_of.get(image), log.merged(image)
            if row is None:  # of a picture that is not in the manifest
                continue
            kinds[row], labels[row], agreed[row] = -1, faces.labels[row], True
            if merged is not None:
                kind = merged.decision.decision
                kinds[row], agreed[row] = DECISIONS.index(kind), merged.agreed
                if kind in (RELABEL, REMOVE):
                    labels[row] = NAMES.index(merged.decision.label) if kind == RELABEL else -1
        return Board(faces, version, ranking, scores, log, kinds, labels, agreed)

    @property
    def count(self) -> int:
        """The number of events that the decisions contain."""
        return self.log.count

    @cached_property
    def is_open(self) -> NDArray[np.bool_]:
        """Which faces nobody has decided about, (N,)."""
        return np.asarray(self.kinds < 0)

    def decision_on(self, row: int) -> MergedDecision | None:
        """Return the merged decision on a face; None if there is none."""
        return self.log.merged(str(self.faces.images[row])) if self.kinds[row] >= 0 else None

    def decisions_on(self, row: int) -> list[Decision]:
        """Return the last decision of each reviewer on a face."""
        return self.log.current(str(self.faces.images[row]))

    def rows_of(self, reviewer: str) -> list[int]:
        """Return the rows on which a reviewer has a decision."""
        row_of = self.faces.row_of
        return [row_of[image] for image in self.log.images_of(reviewer) if image in row_of]

    def select(self, filters: Filters, reviewer: str = "") -> NDArray[np.int64]:
        """Return the rows to show, the most probably wrong label first.

        Args:
            filters: which.
            reviewer: who asks; for the states `mine` and `not-mine`.
        """
        faces = self.faces
        chosen = self._in_state(filters.state, reviewer) & (self.scores.score >= filters.least)
        none = np.zeros(len(chosen), dtype=bool)
        if filters.split:
            chosen &= faces.in_split.get(filters.split, none)
        if filters.flag:
            chosen &= faces.with_flag.get(filters.flag, none)
        if filters.person:
            chosen &= self._mask(faces.rows_of_person.get(filters.person, []))
        for name, codes in ((filters.label, faces.labels), (filters.suggested, self.scores.suggested)):
            if name:
                chosen &= codes == NAMES.index(name)
        if filters.suspects:
            chosen &= self._mask(self.scores.suspects)
        return self.scores.order[chosen[self.scores.order]]

    def _in_state(self, state: str, reviewer: str) -> NDArray[np.bool_]:
        if state in ("open", "decided"):
            return self.is_open if state == "open" else ~self.is_open
        if state in ("mine", "not-mine"):
            is_mine = self._mask(self.rows_of(reviewer))
            return is_mine if state == "mine" else ~is_mine
        if state == "unsure":
            return np.asarray(self.kinds == DECISIONS.index(UNSURE))
        if state == "disagree":
            return ~self.agreed
        return np.ones(len(self.kinds), dtype=bool)

    def _mask(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.bool_]:
        result = np.zeros(len(self.kinds), dtype=bool)
        result[np.asarray(rows, dtype=np.int64)] = True
        return result
