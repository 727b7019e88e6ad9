"""The scores of the undecided labels as histograms with two modes, and where each rule draws its line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from bimodal.removal import Cut, slade_gedeon, wang
from bimodal.removal.antimode import antimode
from bimodal.review.board import Board

_POINTS = 200
_MOST_TESTED = 5_000
"""Scores among which the antimode is looked for; more of them change it little and take seconds."""


@dataclass(frozen=True)
class Mark:
    """A line that a rule draws: labels with a score from `value` on would be removed (`removed` of them)."""

    rule: str
    words: str
    value: float
    removed: int


@dataclass(frozen=True, eq=False)
class Measure:
    """A score of the undecided training labels.

    Attributes:
        name: `log-odds` or `loss`.
        words: what it is.
        rows: (n,), rows of the manifest, the highest score first.
        values: (n,), their scores.
        marks: the lines of the rules that use this score.
        modes: where the density has its two highest peaks; one, if the test finds one mode only.
        density: (2, 200), places and heights of the density, the highest 1.
    """

    name: str
    words: str
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    marks: tuple[Mark, ...]
    modes: tuple[float, ...]
    density: NDArray[np.float64]


def measures_of(board: Board) -> tuple[Measure, ...]:
    """Return the log-odds against each undecided label, and its loss."""
    ranking = board.ranking
    is_open = board.is_open[ranking.rows]
    rows = ranking.rows[is_open]
    given = ranking.pred_probs[np.arange(len(ranking.rows)), board.faces.labels[ranking.rows]]
    losses = -np.log(np.maximum(given, 1e-12))[is_open]
    suspects = np.isin(rows, board.scores.suspects)
    score = ranking.score[is_open]
    ours = [Mark("suspects", "suspects", float(score[suspects].min()), int(suspects.sum()))] if suspects.any() else []
    cuts = [("wang", "the paper", wang), ("slade-gedeon", "1993", slade_gedeon)] if len(losses) else []
    lines = [_mark(rule, words, decide(losses)) for rule, words, decide in cuts]
    return (
        _measure("log-odds", "log-odds that the label is wrong", rows, score, tuple(ours)),
        _measure("loss", "cross-entropy of the label", rows, losses, tuple(line for line in lines if line is not None)),
    )


def _mark(rule: str, words: str, cut: Cut) -> Mark | None:
    return Mark(rule, words, float(cut.threshold), int(cut.remove.sum())) if np.isfinite(cut.threshold) else None


def _measure(
    name: str, words: str, rows: NDArray[np.int64], values: NDArray[np.float64], marks: tuple[Mark, ...]
) -> Measure:
    order = np.argsort(-values, kind="stable")
    if not len(values) or values.max() - values.min() < 1e-9:
        return Measure(name, words, rows[order], values[order], marks, (), np.zeros((2, 0)))
    places, heights = _density(values)
    sample = values if len(values) <= _MOST_TESTED else np.sort(values)[:: len(values) // _MOST_TESTED + 1]
    between = antimode(sample)
    sides = [places <= between, places > between] if np.isfinite(between) else [places <= np.inf]
    modes = tuple(float(places[side][heights[side].argmax()]) for side in sides if side.any())
    return Measure(name, words, rows[order], values[order], marks, modes, np.array([places, heights]))


def _density(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a kernel density estimate at `_POINTS` places, with the bandwidth of Silverman's rule of thumb."""
    low, high = np.quantile(values, [0.25, 0.75])
    spread = min(float(values.std()), float(high - low) / 1.34) or float(values.std())
    width = 0.9 * spread * len(values) ** -0.2
    counts, edges = np.histogram(values, _POINTS, (values.min() - 3 * width, values.max() + 3 * width))
    heights = gaussian_filter1d(counts.astype(np.float64), max(width / (edges[1] - edges[0]), 0.5), mode="constant")
    return (edges[1:] + edges[:-1]) / 2, heights / heights.max()
