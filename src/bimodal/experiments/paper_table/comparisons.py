"""Every row of a study against every other, and against the floor: what may be concluded, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, groupby

import numpy as np

from bimodal.evaluation.conclusion import Comparison, adjusted, compare, conclude
from bimodal.experiments.paper_table.results import Row, Study

REMOVAL = "Does removal help?"
PRETRAINING = "Does pretraining help?"
ALIGNMENT = "Does alignment help?"
ENSEMBLE = "Does an ensemble help?"
QUESTIONS = (REMOVAL, PRETRAINING, ALIGNMENT, ENSEMBLE)

FLOOR, CHANCE = "majority", "random"
_PAIRS = (
    (PRETRAINING, "resnet50-scratch", "resnet50"),
    (PRETRAINING, "resnet50", "two-stage"),
    (PRETRAINING, "face-s-scratch", "two-stage-face-s"),
    (ALIGNMENT, "resnet50-unaligned", "resnet50"),
)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two rows of one share of wrong labels, held against each other.

    Attributes:
        a, b: the rows; A is the baseline.
        seeds: those that both have.
        comparison: of B with A.
        question: one of `QUESTIONS`, or empty for a pair that nobody asked about.
        unconverged: which of the two, by name, do not beat the floor.
    """

    a: Row
    b: Row
    seeds: tuple[int, ...]
    comparison: Comparison
    question: str = ""
    unconverged: tuple[str, ...] = ()

    @property
    def conclusion(self) -> str:
        """What may be concluded, in plain words."""
        a, b = self.a.method.name, self.b.method.name
        where = f"With {100 * self.a.noise:g} % wrong labels: " if self.a.noise else ""
        sentence = conclude(self.comparison, a, b)
        if sentence[1:].startswith(f"{b[1:]} is "):
            sentence = b[0] + sentence[1:]  # a method's name is written small wherever it stands
        if not self.unconverged:
            return f"{where}{sentence}"
        names = " and ".join(self.unconverged)
        verb = "are" if len(self.unconverged) > 1 else "is"
        return (
            f"{where}Nothing follows about the methods: {names} {verb} not shown to beat {FLOOR}, so training may not have"
            f" converged. Of the runs as they are: {sentence}"
        )


@dataclass(frozen=True, eq=False)
class Comparisons:
    """All that was compared.

    Attributes:
        claims: the pairs that answer a question; p-values adjusted over those of one share of wrong labels (Holm).
        others: every other pair of one share of wrong labels; adjusted over these.
        beats_floor: by row, whether it beats `majority`: the 95 % interval of the paired difference, over faces and
            seeds, lies above 0. None where that is not known; `majority` and `random` are the floor, and not in here.
        notes: what could not be compared, and why; with the question that it leaves open, or an empty one.
    """

    claims: tuple[Pair, ...]
    others: tuple[Pair, ...]
    beats_floor: dict[Row, bool | None] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()

    def unconverged(self, row: Row) -> bool:
        """Whether a row is known not to beat the floor."""
        return self.beats_floor.get(row) is False

    def of(self, row: Row) -> list[Pair]:
        """Return the pairs of a row, those that answer a question first."""
        return [pair for pair in (*self.claims, *self.others) if row in (pair.a, pair.b)]

    def without_removal(self, row: Row) -> Pair | None:
        """Return the pair of a row with the same method without removal."""
        return next((pair for pair in self.claims if pair.question == REMOVAL and pair.b is row), None)


def compare_rows(study: Study) -> Comparisons:
    """Hold every two rows of one share of wrong labels against each other, seed by seed and face by face.

    Each share of wrong labels is a table of its own. The pairs that answer a question are few, and chosen without a look
    at the test faces; they are adjusted among themselves, so that the many others do not take their power.
    """
    claims: list[Pair] = []
    others: list[Pair] = []
    beats: dict[Row, bool | None] = {}
    notes: list[tuple[str, str]] = []
    for _, group in groupby(study.rows, key=lambda row: row.noise):
        rows = list(group)
        asked, open_questions = _asked(rows)
        notes += open_questions
        ran = [row for row in rows if row.seeds]
        pairs = []
        for first, second in combinations(ran, 2):
            question, a, b = asked.get(frozenset((first, second)), ("", first, second))
            pair = _held_together(a, b, question)
            if isinstance(pair, str):
                notes.append((question, pair))
            else:
                pairs.append(pair)
        above = {pair.b: pair.comparison.difference.low > 0 for pair in pairs if pair.a.method.name == FLOOR}
        beats |= {row: above.get(row) for row in ran if row.method.name not in (FLOOR, CHANCE)}
        marked = [_marked(pair, beats) for pair in pairs]
        claims += _adjusted([pair for pair in marked if pair.question])
        others += _adjusted([pair for pair in marked if not pair.question])
    return Comparisons(tuple(claims), tuple(others), beats, tuple(notes))


def _asked(rows: Sequence[Row]) -> tuple[dict[frozenset[Row], tuple[str, Row, Row]], list[tuple[str, str]]]:
    """Find the pairs of rows that answer a question, and the questions that stay open though somebody asked them."""
    asked, notes = {}, []
    by_name = {row.method.name: row for row in rows}
    for question, first, second in (*_PAIRS, *_with_and_without(rows), *_best_members(rows)):
        a, b = by_name.get(first), by_name.get(second)
        if a is None or b is None:
            continue
        where = f" (with {100 * a.noise:g} % wrong labels)" if a.noise else ""
        failed = [row.method.name for row in (a, b) if not row.seeds]
        if failed:
            notes.append(
                (question, f"{second} cannot be held against {first}{where}: no run of {failed[0]} ended well.")
            )
        elif question == PRETRAINING and a.network == b.network:
            text = f"{second} and {first}{where} are the same here, {a.network}, so they say nothing of pretraining."
            notes.append((question, text))
        else:
            asked[frozenset((a, b))] = question, a, b
    return asked, notes


def _with_and_without(rows: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    for row in rows:
        if row.method.without:
            yield REMOVAL, row.method.without, row.method.name


def _best_members(rows: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    """Pair each ensemble with the member that validation would have chosen."""
    for row in rows:
        members = [other for other in rows if other.method.name in row.method.members and other.seeds]
        if members:
            best = max(members, key=lambda member: float(np.mean(member.validation)))
            yield ENSEMBLE, best.method.name, row.method.name


def _held_together(a: Row, b: Row, question: str) -> Pair | str:
    """Compare two rows, or say why that is not possible."""
    seeds = tuple(seed for seed in a.seeds if seed in b.seeds)
    if not seeds:
        return f"{b.name} and {a.name} have no seed in common."
    if not np.array_equal(a.labels, b.labels):
        return f"{b.name} and {a.name} were not tested on the same faces."
    right_a, right_b = (row.correct[[row.seeds.index(seed) for seed in seeds]] for row in (a, b))
    comparison = compare(right_a, right_b)
    if (right_a == right_a[0]).all() and (right_b == right_b[0]).all():
        # Neither depends on the seed: equal runs are one observation, and a test over seeds says nothing.
        comparison = replace(comparison, p=comparison.by_seed[0].p)
    return Pair(a, b, seeds, comparison, question)


def _marked(pair: Pair, beats: Mapping[Row, bool | None]) -> Pair:
    """Say which of the two have not converged; against the floor itself, the difference is the finding."""
    if pair.a.method.name == FLOOR:
        return pair
    return replace(pair, unconverged=tuple(row.method.name for row in (pair.a, pair.b) if beats.get(row) is False))


def _adjusted(pairs: Sequence[Pair]) -> list[Pair]:
    comparisons = adjusted([pair.comparison for pair in pairs])
    return [replace(pair, comparison=own) for pair, own in zip(pairs, comparisons, strict=True)]
