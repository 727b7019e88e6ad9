"""Steps and seconds to the same validation loss, from learning curves written by hand."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.evaluation.statistics import over_seeds
from bimodal.experiments.paper_table.comparisons import Comparisons, Pair, compare_rows
from bimodal.experiments.paper_table.speed import Speed, effort, speed, speeds
from tests.experiments.paper_table.fakes import row, study, write_course

FALLING = [1.9, 1.7, 1.5, 1.4, 1.3, 1.2]
QUICKER = [1.7, 1.4, 1.2, 1.25, 1.3, 1.3]


def _pair(
    tmp_path: Path,
    a: Sequence[Sequence[Sequence[float]]],
    b: Sequence[Sequence[Sequence[float]]],
    accuracies: tuple[float, float] = (0.4, 0.45),
    noise: float = 0.0,
    seconds: tuple[float, float] = (10.0, 10.0),
) -> Comparisons:
    """Compare two rows, whose runs have these validation losses by seed, fold and epoch."""
    rows = [row("majority", None, len(a), noise)]
    for name, courses, accuracy, each in zip(("resnet50", "resnet50-bdr"), (a, b), accuracies, seconds, strict=True):
        runs = [
            [
                write_course(tmp_path / name / f"{seed}-{fold}", losses, seconds=each)
                for fold, losses in enumerate(folds)
            ]
            for seed, folds in enumerate(courses)
        ]
        rows.append(row(name, accuracy, len(courses), noise, runs=runs))
    return compare_rows(study(rows))


def _speed(comparisons: Comparisons) -> Speed:
    (found,) = speeds(comparisons)
    return found


def test_a_known_speed_up_is_found(tmp_path: Path) -> None:
    # Both reach 1.2: the one after six epochs, the other after three.
    own = _speed(_pair(tmp_path, [[FALLING]] * 3, [[QUICKER]] * 3, seconds=(10.0, 12.0)))
    assert own.steps.value == pytest.approx(2)
    assert own.seconds.value == pytest.approx(60 / 36)
    assert own.question == "Does removal speed up training?"
    text = (
        "resnet50 takes 2.00 (2.00 to 2.00) times the steps of resnet50-bdr and 1.67 (1.67 to 1.67) times the seconds"
    )
    assert own.conclusion.startswith("resnet50-bdr needs fewer steps: ")
    assert text in own.conclusion


def test_the_level_is_one_that_both_reach(tmp_path: Path) -> None:
    worse = [1.8, 1.6, 1.55, 1.5, 1.52, 1.6]
    own = _speed(_pair(tmp_path, [[FALLING]] * 3, [[worse]] * 3))
    assert own.steps.value == pytest.approx(3 / 4)  # at 1.5: after three epochs, and after four
    assert own.conclusion.startswith("resnet50-bdr needs more steps")


def test_equal_courses_are_equally_fast(tmp_path: Path) -> None:
    own = _speed(_pair(tmp_path, [[FALLING]] * 3, [[FALLING]] * 3))
    assert (own.steps.value, own.steps.low, own.steps.high) == (1, 1, 1)
    assert own.conclusion.startswith("No difference in steps can be concluded")


def test_the_mean_is_geometric_over_seeds_whose_folds_are_averaged_first(tmp_path: Path) -> None:
    a = [[FALLING, FALLING]] * 3
    b = [[QUICKER, QUICKER], [QUICKER, FALLING], [FALLING, FALLING]]
    own = _speed(_pair(tmp_path, a, b))
    expected = over_seeds([math.log(2), math.log(2) / 2, 0.0])
    assert own.steps.value == pytest.approx(math.exp(expected.value))
    assert own.steps.high == pytest.approx(math.exp(expected.high))
    assert own.seeds == (0, 1, 2)


def test_swapping_the_two_inverts_the_ratio(tmp_path: Path) -> None:
    comparisons = _pair(tmp_path, [[FALLING]] * 3, [[QUICKER], [[*QUICKER[:2], 1.3, 1.2]], [FALLING]])
    (pair,) = comparisons.claims
    forth, back = speed(pair), speed(Pair(pair.b, pair.a, pair.comparison, pair.question))
    assert forth is not None
    assert back is not None
    assert forth.steps.value * back.steps.value == pytest.approx(1)
    assert forth.steps.low * back.steps.high == pytest.approx(1)


@pytest.mark.parametrize(("seeds", "words"), [(1, "one seed"), (2, "two seeds")])
def test_one_or_two_seeds_allow_no_conclusion(tmp_path: Path, seeds: int, words: str) -> None:
    own = _speed(_pair(tmp_path, [[FALLING]] * seeds, [[QUICKER]] * seeds, noise=0.2))
    assert own.conclusion == (
        f"With 20 % wrong labels: Nothing can be concluded from {words}: to the same validation loss, resnet50 takes 2.00"
        f" times the steps of resnet50-bdr and 2.00 times the seconds ({words})."
    )


def test_nothing_is_concluded_from_rows_that_have_not_converged(tmp_path: Path) -> None:
    own = _speed(_pair(tmp_path, [[FALLING]] * 3, [[QUICKER]] * 3, accuracies=(0.15, 0.5)))
    assert own.conclusion.startswith(
        "Nothing can be concluded about the methods, because resnet50 may not have converged: "
    )


def test_runs_without_learning_curves_have_no_speed(tmp_path: Path) -> None:
    assert speeds(compare_rows(study([row("resnet50"), row("resnet50-bdr")]))) == ()
    comparisons = _pair(tmp_path, [[FALLING]] * 3, [[QUICKER]] * 3)
    (tmp_path / "resnet50/1-0/seconds.csv").unlink()
    (tmp_path / "resnet50-bdr/2-0/metrics.csv").write_text("not a table")
    assert _speed(comparisons).seeds == (0,)


def test_a_loss_of_nan_is_ignored(tmp_path: Path) -> None:
    broken = [math.nan, *QUICKER]
    own = _speed(_pair(tmp_path, [[FALLING], [FALLING]], [[broken], [broken]]))
    assert own.steps.value == pytest.approx(6 / 4)
    never = [math.nan] * 6
    assert speeds(_pair(tmp_path / "never", [[FALLING]], [[never]])) == ()


def test_effort_against_a_slow_count() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        losses, each = rng.uniform(1, 2, 8).round(1), rng.uniform(1, 5, 8)
        level = float(rng.choice([1.0, 1.2, 1.5, 2.0]))
        expected, steps, spent = None, 0, 0.0
        for loss, took in zip(losses, each, strict=True):
            steps, spent = steps + 14, spent + took
            if loss <= level:
                expected = (steps, spent)
                break
        epochs = range(1, 9)
        metrics = pd.DataFrame({"epoch": epochs, "step": [14 * epoch for epoch in epochs], "val_loss": losses})
        found = effort(metrics, pd.DataFrame({"epoch": epochs, "seconds": each}), level)
        assert found == (None if expected is None else pytest.approx(expected))
