"""When a removal is due."""

import numpy as np
import pytest

from bimodal.removal import EpochSummary, RemovalSettings, Remover
from bimodal.removal.schedule import has_settled, is_due, should_stop_training


def epochs(*variances: float, normalised: float = 0.05) -> list[EpochSummary]:
    return [EpochSummary(100, 1.0, variance, normalised) for variance in variances]


def due_epochs(settings: RemovalSettings, course: list[EpochSummary], std2: float = 1.0) -> list[int]:
    """Return the epochs after which a removal is due, if each has this std2."""
    checks: list[tuple[int, float]] = []
    for epoch in range(1, len(course) + 1):
        if is_due(settings, course[:epoch], checks):
            checks.append((epoch, std2))
    return [epoch for epoch, _ in checks]


def test_the_paper_removes_once_after_epoch_6() -> None:
    assert due_epochs(RemovalSettings(), epochs(*np.ones(31))) == [6]


def test_none_never_removes() -> None:
    remover = Remover(np.zeros(9, dtype=int), RemovalSettings.preset("none", epoch=1, every=1))
    for _ in range(3):
        remover.update(np.arange(9), [0.1] * 8 + [9.0])
        assert remover.end_epoch() is None
    assert remover.checked_epochs == []


def test_removal_repeats_every_few_epochs_until_std2_is_small() -> None:
    settings = RemovalSettings(epoch=2, every=3, stop_std2=0.01)
    assert due_epochs(settings, epochs(*np.ones(10))) == [2, 5, 8]
    assert due_epochs(settings, epochs(*np.ones(10)), std2=0.009) == [2]


@pytest.mark.parametrize(
    ("variances", "settled"),
    [
        ([1.0], False),
        ([1.0, 1.0], False),
        ([1.0, 1.0, 1.0], True),
        ([1.0, 1.04, 1.0], True),
        ([1.0, 1.06, 1.06], False),
        ([5.0, 1.0, 1.0, 1.0], True),
        ([1.0, 1.0, 1.0, 0.9], False),
        ([0.0, 0.0, 0.0], False),  # without variance there is nothing to remove
    ],
)
def test_the_variance_has_settled_when_it_changes_by_less_than_5_percent_twice(
    variances: list[float], settled: bool
) -> None:
    assert has_settled(variances) is settled


def test_settled_start_waits_for_the_variance() -> None:
    course = epochs(0.1, 0.5, 1.0, 1.5, 1.52, 1.53, 1.54)
    assert due_epochs(RemovalSettings(start="settled", epoch=1), course) == [6]


def test_slade_gedeon_starts_below_its_variance_repeats_every_50_epochs_and_halts() -> None:
    settings = RemovalSettings.preset("slade-gedeon")
    wide, narrow = epochs(*np.ones(9), normalised=0.2), epochs(*np.ones(120), normalised=0.05)
    assert due_epochs(settings, wide + narrow) == [10, 60, 110]
    done = epochs(1.0, normalised=0.01)
    assert should_stop_training(settings, done, started=True)
    assert not should_stop_training(settings, done, started=False)
    assert not should_stop_training(RemovalSettings(), done, started=True)
