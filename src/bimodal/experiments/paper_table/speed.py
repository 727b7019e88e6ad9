"""Training speed: how many steps and seconds two rows take to reach the same validation loss."""

import math
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.evaluation.statistics import Estimate, over_seeds
from bimodal.experiments.paper_table.comparisons import ALIGNMENT, PRETRAINING, REMOVAL, Comparisons, Pair
from bimodal.rendering.numbers import ratio
from bimodal.runs.run import Run

SPEED_QUESTIONS = {
    REMOVAL: "Does removal speed up training?",
    PRETRAINING: "Does pretraining speed up training?",
    ALIGNMENT: "Does alignment speed up training?",
}


@dataclass(frozen=True, eq=False)
class Speed:
    """The steps and seconds of A to the same validation loss as B, divided by those of B; above 1, B is faster.

    Attributes:
        pair: A and B.
        seeds: those whose runs have learning curves.
        steps, seconds: geometric means over the seeds, with the t interval of their logarithms.
    """

    pair: Pair
    seeds: tuple[int, ...]
    steps: Estimate
    seconds: Estimate

    @property
    def question(self) -> str:
        """The question that the pair answers."""
        return SPEED_QUESTIONS[self.pair.question]

    @property
    def conclusion(self) -> str:
        """What may be concluded."""
        a, b = self.pair.a.method.name, self.pair.b.method.name
        count = {1: "one seed", 2: "two seeds"}.get(len(self.seeds), f"{len(self.seeds)} seeds")
        brackets = f"95 % intervals over {count} in brackets" if self.steps.bounded else count
        numbers = (
            f"to the same validation loss, {a} takes {ratio(self.steps)} times the steps of {b} and {ratio(self.seconds)}"
            f" times the seconds ({brackets})"
        )
        if self.pair.unconverged:
            names = " and ".join(self.pair.unconverged)
            verdict = f"Nothing can be concluded about the methods, because {names} may not have converged"
        elif not self.steps.bounded:
            verdict = f"Nothing can be concluded from {count}"
        elif self.steps.low > 1:
            verdict = f"{b} needs fewer steps"
        elif self.steps.high < 1:
            verdict = f"{b} needs more steps"
        else:
            verdict = "No difference in steps can be concluded"
        return f"{self.pair.condition}{verdict}: {numbers}."


def speeds(comparisons: Comparisons) -> tuple[Speed, ...]:
    """Compare the learning curves of every pair that answers a question and has them."""
    return tuple(filter(None, (speed(pair) for pair in comparisons.claims if pair.question in SPEED_QUESTIONS)))


def speed(pair: Pair) -> Speed | None:
    """Compare the learning curves of two rows; None if their runs have none.

    For each seed and fold, the level to reach is the larger of the two runs' lowest validation losses, which both reach.
    The folds of a seed are averaged first, because they are not independent.
    """
    seeds, logarithms = [], []
    for seed, _ in pair.comparison.seeds:
        folders = zip(pair.a.runs[pair.a.seeds.index(seed)], pair.b.runs[pair.b.seeds.index(seed)], strict=True)
        ratios = [_ratios(*both) for both in folders]
        if None not in ratios:
            seeds.append(seed)
            logarithms.append(np.mean(np.log(np.array(ratios, dtype=np.float64)), axis=0))
    if not seeds:
        return None
    steps, seconds = (_geometric(values) for values in np.transpose(logarithms))
    return Speed(pair, tuple(seeds), steps, seconds)


def effort(metrics: pd.DataFrame, seconds: pd.DataFrame, level: float) -> tuple[float, float] | None:
    """Return the steps and seconds until the validation loss first reaches a level; None if it never does.

    Args:
        metrics: `epoch,step,val_loss`, a row for each epoch.
        seconds: `epoch,seconds`.
        level: validation loss to reach.

    >>> metrics = pd.DataFrame({"epoch": [1, 2, 3], "step": [14, 28, 42], "val_loss": [1.9, 1.6, 1.7]})
    >>> effort(metrics, pd.DataFrame({"epoch": [1, 2, 3], "seconds": [5.0, 4.0, 4.0]}), 1.7)
    (28.0, 9.0)
    """
    reached = metrics[metrics["val_loss"] <= level]
    if reached.empty:
        return None
    first = reached.iloc[0]
    return float(first["step"]), float(seconds.loc[seconds["epoch"] <= first["epoch"], "seconds"].sum())


def _ratios(a: Path, b: Path) -> tuple[float, float] | None:
    """Return the steps and seconds of A divided by those of B; None if one of them has no learning curve."""
    try:
        curves = [(run.metrics, run.seconds) for run in map(Run.open, (a, b))]
    except (InputError, OSError):
        return None
    level = max(float(metrics["val_loss"].min()) for metrics, _ in curves)
    efforts = [effort(metrics, seconds, level) for metrics, seconds in curves]
    known = [own for own in efforts if own is not None and min(own) > 0]
    return (known[0][0] / known[1][0], known[0][1] / known[1][1]) if len(known) == 2 else None


def _geometric(logarithms: NDArray[np.float64]) -> Estimate:
    estimate = over_seeds(logarithms)
    if not estimate.bounded:
        return Estimate(math.exp(estimate.value), 0.0, math.inf)
    return Estimate(*(math.exp(min(value, 700.0)) for value in astuple(estimate)))
