"""Comparisons of every two rows of a study, and of each row with the baseline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, groupby

import numpy as np

from bimodal.evaluation.comparison import Comparison, adjusted, compare
from bimodal.experiments.paper_table.results import Row, Study

REMOVAL = "Does removal help?"
PRETRAINING = "Does pretraining help?"
ALIGNMENT = "Does alignment help?"
ENSEMBLE = "Does an ensemble help?"
QUESTIONS = (REMOVAL, PRETRAINING, ALIGNMENT, ENSEMBLE)

BASELINE, RANDOM = "majority", "random"
_PAIRS = (
    (PRETRAINING, "resnet50-scratch", "resnet50"),
    (PRETRAINING, "resnet50", "two-stage"),
    (PRETRAINING, "face-s-scratch", "two-stage-face-s"),
    (ALIGNMENT, "resnet50-unaligned", "resnet50"),
)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two rows with the same share of wrong labels, compared on the seeds that both have.

    Attributes:
        a, b: the rows; the accuracy of B is compared with that of A.
        comparison: the result.
        question: the question that the pair answers, one of `QUESTIONS`; empty if it answers none.
        unconverged: the names of those of the two that do not beat the baseline.
    """

    a: Row
    b: Row
    comparison: Comparison
    question: str = ""
    unconverged: tuple[str, ...] = ()

    @property
    def conclusion(self) -> str:
        """What may be concluded."""
        if not self.unconverged:
            return f"{self.condition}{self.comparison.conclusion}"
        verb = "are" if len(self.unconverged) > 1 else "is"
        return (
            f"{self.condition}Nothing can be concluded about the methods: {' and '.join(self.unconverged)} {verb} not shown"
            f" to beat {BASELINE}, so training may not have converged. For these runs: {self.comparison.conclusion}"
        )

    @property
    def condition(self) -> str:
        """The share of wrong labels as the beginning of a sentence; empty if no labels were made wrong."""
        return f"With {100 * self.a.noise:g} % wrong labels: " if self.a.noise else ""


@dataclass(frozen=True, eq=False)
class Comparisons:
    """All comparisons of a study.

    Attributes:
        claims: the pairs that answer a question; p-values are adjusted over those with the same share of wrong labels
            (Holm).
        others: all other pairs with the same share of wrong labels; p-values are adjusted over these.
        beats_baseline: by row, whether it beats `majority`: whether the 95 % interval of the paired difference, over faces
            and seeds, is above 0. None if this is unknown; `majority` and `random` are left out.
        notes: (question, reason) of each comparison that is not possible; the question may be empty.
    """

    claims: tuple[Pair, ...]
    others: tuple[Pair, ...]
    beats_baseline: dict[Row, bool | None] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()

    def unconverged(self, row: Row) -> bool:
        """Return whether a row is known not to beat the baseline."""
        return self.beats_baseline.get(row) is False

    def of(self, row: Row) -> list[Pair]:
        """Return the pairs of a row, first those that answer a question."""
        return [pair for pair in (*self.claims, *self.others) if row in (pair.a, pair.b)]

    def without_removal(self, row: Row) -> Pair | None:
        """Return the pair of a row and the same method without removal."""
        return next((pair for pair in self.claims if pair.question == REMOVAL and pair.b is row), None)


def compare_rows(study: Study) -> Comparisons:
    """Compare every two rows with the same share of wrong labels, paired by seed and face.

    The pairs that answer a question are few and were chosen before the test faces were used; their p-values are adjusted
    among themselves, so that the many other pairs do not reduce their power.
    """
    claims: list[Pair] = []
    others: list[Pair] = []
    beats: dict[Row, bool | None] = {}
    notes: list[tuple[str, str]] = []
    for _, group in groupby(study.rows, key=lambda row: row.noise):
        rows = list(group)
        asked, unanswered = _questions(rows)
        notes += unanswered
        ran = [row for row in rows if row.seeds]
        pairs = []
        for first, second in combinations(ran, 2):
            question, a, b = asked.get(frozenset((first, second)), ("", first, second))
            pair = _compare(a, b, question)
            if isinstance(pair, str):
                notes.append((question, pair))
            else:
                pairs.append(pair)
        above = {pair.b: pair.comparison.difference.low > 0 for pair in pairs if pair.a.method.name == BASELINE}
        beats |= {row: above.get(row) for row in ran if row.method.name not in (BASELINE, RANDOM)}
        marked = [_mark_unconverged(pair, beats) for pair in pairs]
        claims += _adjusted([pair for pair in marked if pair.question])
        others += _adjusted([pair for pair in marked if not pair.question])
    return Comparisons(tuple(claims), tuple(others), beats, tuple(notes))


def _questions(rows: Sequence[Row]) -> tuple[dict[frozenset[Row], tuple[str, Row, Row]], list[tuple[str, str]]]:
    """Return the pairs of rows that answer a question, and why other questions cannot be answered."""
    asked, notes = {}, []
    by_name = {row.method.name: row for row in rows}
    for question, first, second in (*_PAIRS, *_pairs_of(rows)):
        a, b = by_name.get(first), by_name.get(second)
        if a is None or b is None:
            continue
        where = f" (with {100 * a.noise:g} % wrong labels)" if a.noise else ""
        failed = [row.method.name for row in (a, b) if not row.seeds]
        if failed:
            why = f"{second} cannot be compared with {first}{where}: no run of {failed[0]} succeeded."
            notes.append((question, why))
        elif question == PRETRAINING and a.network == b.network:
            why = f"{second} and {first}{where} are the same network here, {a.network}; they do not test pretraining."
            notes.append((question, why))
        else:
            asked[frozenset((a, b))] = question, a, b
    return asked, notes


def _pairs_of(rows: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    """Pair each method with itself without removal, and each ensemble with its most accurate member on validation."""
    for row in rows:
        if row.method.without:
            yield REMOVAL, row.method.without, row.method.name
        members = [other for other in rows if other.method.name in row.method.runner.members and other.seeds]
        if members:
            best = max(members, key=lambda member: float(member.numbers["validation_accuracy"].mean()))
            yield ENSEMBLE, best.method.name, row.method.name


def _compare(a: Row, b: Row, question: str) -> Pair | str:
    """Compare two rows, or return why that is not possible."""
    seeds = tuple(seed for seed in a.seeds if seed in b.seeds)
    if not seeds:
        return f"{b.name} and {a.name} have no seed in common."
    if not np.array_equal(a.labels, b.labels):
        return f"{b.name} and {a.name} were not tested on the same faces."
    right_a, right_b = (row.correct[[row.seeds.index(seed) for seed in seeds]] for row in (a, b))
    comparison = compare(right_a, right_b, a.method.name, b.method.name, [(seed, seed) for seed in seeds])
    if (right_a == right_a[0]).all() and (right_b == right_b[0]).all():
        # Neither depends on the seed: the runs are one observation, and tests over seeds do not apply.
        comparison = replace(comparison, p=comparison.by_seed[0].p)
    return Pair(a, b, comparison, question)


def _mark_unconverged(pair: Pair, beats: Mapping[Row, bool | None]) -> Pair:
    """Name the rows that have not converged, except in a comparison with the baseline itself."""
    if pair.a.method.name == BASELINE:
        return pair
    return replace(pair, unconverged=tuple(row.method.name for row in (pair.a, pair.b) if beats.get(row) is False))


def _adjusted(pairs: Sequence[Pair]) -> list[Pair]:
    comparisons = adjusted([pair.comparison for pair in pairs])
    return [replace(pair, comparison=own) for pair, own in zip(pairs, comparisons, strict=True)]
