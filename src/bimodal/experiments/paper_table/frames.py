"""The results of a study as data frames, with the title and the notes of its tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bimodal.evaluation.statistics import Estimate
from bimodal.experiments.paper_table.comparisons import BASELINE, Comparisons, Pair
from bimodal.experiments.paper_table.results import Row, Study
from bimodal.experiments.paper_table.speed import Speed, speeds
from bimodal.rendering.numbers import NO_INTERVAL
from bimodal.rendering.table import one_line

UNCONVERGED, MARK = "unconverged", "*"
QUICK = "Quick sizes: small networks on small pictures, not those of the paper."
_PAPER = (
    "Column paper: the accuracy that the paper prints, for one run on its own data and protocol, not on these faces."
)
_PAIR = ("question", "b", "a", "wrong_labels", "seeds")


@dataclass(frozen=True)
class Results:
    """The data of all tables of a study.

    Attributes:
        title: data, protocol, faces and sizes.
        methods: a row for each method and share of wrong labels; shares are 0 to 1.
        claims: a row for each pair of rows that answers a question: the difference in accuracy.
        speeds: a row for each such pair: ratio of the steps and of the seconds to the same validation loss.
        notes: sentences on how to read the tables, on what failed and on the data.
    """

    title: str
    methods: pd.DataFrame
    claims: pd.DataFrame
    speeds: pd.DataFrame
    notes: tuple[str, ...]


def tabulate(study: Study, comparisons: Comparisons) -> Results:
    """Return the results of a study as data frames; learning curves are read from its run folders."""
    methods = pd.DataFrame([_method_line(study, comparisons, row) for row in study.rows])
    claims, faster = pair_frame(comparisons.claims), _speed_frame(speeds(comparisons))
    return Results(_title(study), methods, claims, faster, _notes(study, comparisons))


def pair_frame(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return a row for each pair: the accuracy of B minus that of A, p-values, and the detectable difference."""
    lines = []
    for pair in pairs:
        own = pair.comparison
        numbers = own.n, *_cells(own.difference), own.p, own.p_holm, own.detectable
        lines.append((*_names(pair, pair.question, own.seeds), *numbers, pair.conclusion))
    columns = [*_PAIR, "faces", *ends("difference"), "p", "p_holm", "detectable", "conclusion"]
    return pd.DataFrame(lines, columns=columns)


def ends(name: str) -> tuple[str, str, str]:
    """Return the three columns of an estimate: its value, and the ends of its interval."""
    return name, f"{name}_low", f"{name}_high"


def _speed_frame(faster: Sequence[Speed]) -> pd.DataFrame:
    lines = [
        (*_names(own.pair, own.question, own.seeds), *_cells(own.steps), *_cells(own.seconds), own.conclusion)
        for own in faster
    ]
    return pd.DataFrame(lines, columns=[*_PAIR, *ends("steps"), *ends("seconds"), "conclusion"])


def _title(study: Study) -> str:
    folds = [f"{train:,} training, {val:,} validation, {test:,} test faces" for train, val, test in study.counts]
    faces = folds[0] if len(folds) == 1 else "; ".join(f"fold {n}: {own}" for n, own in enumerate(folds, start=1))
    sizes = QUICK if study.quick else "Full sizes."
    return (
        f"Accuracy on the test faces of {one_line(study.data)}, protocol {study.protocol} ({faces}). {sizes} {_PAPER}"
    )


def _notes(study: Study, comparisons: Comparisons) -> tuple[str, ...]:
    pairs = comparisons.claims or comparisons.others
    sizes = [100 * pair.comparison.detectable for pair in pairs if pair.comparison.detectable is not None]
    low, high = (f"{end(sizes, default=0):.1f}" for end in (min, max))
    span = low if low == high else f"{low} to {high}, depending on the pair"
    faces = pairs[0].comparison.n if pairs else 0
    notes = {
        "In brackets: 95 % intervals. That of an accuracy is over the seeds, or over the faces if there is one seed; that of"
        " a difference is a bootstrap over faces and seeds.": True,
        NO_INTERVAL: any(row.accuracy is not None and not row.accuracy.bounded for row in study.rows),
        "p-values are adjusted (Holm) over the comparisons that answer a question, separately for each share of wrong"
        " labels.": bool(comparisons.claims),
        f"The smallest true difference that one pair of runs on {faces:,} faces finds in 80 of 100 cases, in points: {span};"
        " without adjustment.": bool(sizes),
        f"{UNCONVERGED} ({MARK}): not shown to beat {BASELINE}: the 95 % interval of the difference is not above 0, so the"
        " row does not show what the method can do.": any(map(comparisons.unconverged, study.rows)),
        f"There are no runs of {BASELINE} to compare with, so it is unknown which rows have converged.": (
            None in comparisons.beats_baseline.values()
        ),
    }
    impossible = [text for _, text in comparisons.notes]
    failed = [f"Failed: {why}" for row in study.rows for why in row.failures]
    return tuple(map(one_line, [*(text for text, holds in notes.items() if holds), *impossible, *study.notes, *failed]))


def _method_line(study: Study, comparisons: Comparisons, row: Row) -> dict[str, Any]:
    pair = comparisons.without_removal(row)
    means = {str(name): value for name, value in row.numbers.mean(skipna=False).items()}
    if not row.method.without:
        means |= {"removed": None, "removed_known_wrong": None}
    return {
        "data": study.data,
        "protocol": study.protocol,
        "quick": study.quick,
        "method": row.method.name,
        "wrong_labels": row.noise,
        "network": row.network,
        "seeds": len(row.seeds),
        "failed_runs": len(row.failures),
        "test_faces": len(row.labels) if row.seeds else None,
        **dict(zip(ends("accuracy"), _cells(row.accuracy), strict=True)),
        "accuracy_without_blank": None if study.blank is None else row.accuracy_without(study.blank),
        **means,
        "paper_accuracy": row.method.paper,
        **dict(zip(ends("gain"), _cells(pair.comparison.difference if pair else None), strict=True)),
        "gain_p_holm": pair.comparison.p_holm if pair else None,
        "remark": "; ".join(_remarks(comparisons, row)),
    }


def _remarks(comparisons: Comparisons, row: Row) -> list[str]:
    remarks = [UNCONVERGED] if comparisons.unconverged(row) else []
    if row.failures:
        start = f"{len(row.failures)} failed" if row.seeds else "failed"
        remarks.append(f"{start}: {one_line(row.failures[0])}")
    elif not row.seeds:
        remarks.append("no run")
    return remarks


def _names(pair: Pair, question: str, seeds: Sequence[Any]) -> tuple[Any, ...]:
    return question, pair.b.method.name, pair.a.method.name, pair.a.noise, len(seeds)


def _cells(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    """Return the three cells of an estimate; None for what is unknown."""
    if estimate is None:
        return None, None, None
    return (estimate.value, estimate.low, estimate.high) if estimate.bounded else (estimate.value, None, None)
