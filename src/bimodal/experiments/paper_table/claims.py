"""Whether it trains faster: steps and seconds until two runs of a pair reach the same validation loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bimodal.errors import InputError
from bimodal.evaluation.statistics import Estimate, over_seeds
from bimodal.experiments.paper_table.comparisons import ALIGNMENT, PRETRAINING, REMOVAL, Comparisons, Pair
from bimodal.runs.run import Run

FASTER = {
    REMOVAL: "Does removal speed up training?",
    PRETRAINING: "Does pretraining speed up training?",
    ALIGNMENT: "Does alignment speed up training?",
}


@dataclass(frozen=True, eq=False)
class Speed:
    """How many times the steps and seconds of B its baseline A takes to equal validation loss; above 1, B is faster.

    Attributes:
        pair: A and B.
        seeds: those whose runs have a course of training.
        steps, seconds: geometric means over the seeds, with the t interval of their logarithms.
    """

    pair: Pair
    seeds: tuple[int, ...]
    steps: Estimate
    seconds: Estimate

    @property
    def question(self) -> str:
        """What it answers."""
        return FASTER[self.pair.question]

    @property
    def conclusion(self) -> str:
        """What may be concluded, in plain words."""
        a, b = self.pair.a.method.name, self.pair.b.method.name
        where = f"With {100 * self.pair.a.noise:g} % wrong labels: " if self.pair.a.noise else ""
        numbers = (
            f"to equal validation loss, {a} takes {times(self.steps)} times the steps of {b} and {times(self.seconds)}"
            f" times the seconds ({_spread(self.seeds)})"
        )
        if self.pair.unconverged:
            names = " and ".join(self.pair.unconverged)
            return f"{where}Nothing follows about the methods, since {names} may not have converged: {numbers}."
        if not self.steps.bounded:
            return f"{where}Nothing can be concluded from one seed: {numbers}."
        if self.steps.low > 1:
            verdict = f"{b} needs fewer steps"
        elif self.steps.high < 1:
            verdict = f"{b} needs more steps"
        else:
            verdict = "No difference in steps can be concluded"
        return f"{where}{verdict}: {numbers}."


def speeds(comparisons: Comparisons) -> tuple[Speed, ...]:
    """Compare the courses of training of every pair that answers a question and has them."""
    found = (speed(pair) for pair in comparisons.claims if pair.question in FASTER)
    return tuple(own for own in found if own is not None)


def speed(pair: Pair) -> Speed | None:
    """Compare the courses of training of two rows, or return None where their runs have none.

    The level is, for each seed and fold, the larger of the two runs' smallest validation losses, so that both reach
    it. Folds of one seed are averaged first: they are no observations of their own.
    """
    seeds, steps, seconds = [], [], []
    for seed in pair.seeds:
        folders = zip(pair.a.runs[pair.a.seeds.index(seed)], pair.b.runs[pair.b.seeds.index(seed)], strict=True)
        ratios = [_ratios(*both) for both in folders]
        known = [ratio for ratio in ratios if ratio is not None]
        if known and len(known) == len(ratios):
            seeds.append(seed)
            steps.append(float(np.mean([math.log(ratio[0]) for ratio in known])))
            seconds.append(float(np.mean([math.log(ratio[1]) for ratio in known])))
    if not seeds:
        return None
    return Speed(pair, tuple(seeds), _geometric(steps), _geometric(seconds))


def effort(metrics: pd.DataFrame, seconds: pd.DataFrame, level: float) -> tuple[float, float] | None:
    """Return the steps and seconds until the validation loss first comes down to a level, or None.

    Args:
        metrics: `epoch,step,val_loss`, a row an epoch.
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


def times(estimate: Estimate) -> str:
    """Say a ratio with its interval.

    >>> times(Estimate(1.25, 0.9, 1.6)), times(Estimate(1.25, 0, math.inf))
    ('1.25 (0.90 to 1.60)', '1.25')
    """
    return f"{estimate.value:.2f}" + (f" ({estimate.low:.2f} to {estimate.high:.2f})" if estimate.bounded else "")


def _ratios(a: Path, b: Path) -> tuple[float, float] | None:
    courses = [_course(folder) for folder in (a, b)]
    known = [course for course in courses if course is not None]
    if len(known) < 2:
        return None
    level = max(float(metrics["val_loss"].min()) for metrics, _ in known)
    efforts = [effort(metrics, seconds, level) for metrics, seconds in known]
    both = [own for own in efforts if own is not None and min(own) > 0]
    return (both[0][0] / both[1][0], both[0][1] / both[1][1]) if len(both) == 2 else None


def _course(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Read the course of a run of `bimodal train`; other methods have none."""
    try:
        metrics = Run.open(folder).metrics[["epoch", "step", "val_loss"]].astype(float)
        return metrics, pd.read_csv(folder / "seconds.csv")[["epoch", "seconds"]].astype(float)
    except (InputError, OSError, ValueError, KeyError):
        return None


def _geometric(logarithms: Sequence[float]) -> Estimate:
    estimate = over_seeds(logarithms)
    if not estimate.bounded:
        return Estimate(math.exp(estimate.value), 0.0, math.inf)
    return Estimate(*(math.exp(min(value, 700.0)) for value in (estimate.value, estimate.low, estimate.high)))


def _spread(seeds: Sequence[int]) -> str:
    return "one seed" if len(seeds) == 1 else f"in brackets 95 % intervals over {len(seeds)} seeds"
