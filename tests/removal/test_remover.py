"""Ledger, schedule, rule and guards together, and what must never happen."""

from collections.abc import Callable

import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.removal import RemovalSettings, Remover, preset, spare, wang


def course(seed: int, size: int, epochs: int) -> list[np.ndarray]:
    """Losses that fall for all but a tenth of the examples."""
    rng = np.random.default_rng(seed)
    hard = rng.random(size) < 0.1
    return [np.where(hard, rng.normal(4, 0.5, size), rng.gamma(2, 1 / (e + 1), size)).clip(0) for e in range(epochs)]


def run(remover: Remover, losses: list[np.ndarray], each: Callable[[Remover], Remover] = lambda r: r) -> Remover:
    for epoch in losses:
        rows = np.flatnonzero(remover.kept)
        remover.update(rows, epoch[rows])
        remover.end_epoch()
        remover = each(remover)
    return remover


def test_one_step_as_the_rule_says_and_never_outside_training() -> None:
    labels = np.arange(300) % 7
    labels[200:] = -1  # validation and test
    losses = course(0, 300, 8)
    remover = run(Remover(labels), losses)
    (step,) = remover.steps
    expected = np.flatnonzero(wang(losses[5][:200].astype(np.float32)).remove)
    assert step.epoch == 6
    assert len(expected) > 0
    assert sorted(step.rows.tolist()) == expected.tolist()
    assert (np.diff(step.losses) <= 0).all(), "highest loss first"
    assert step.losses.min() > step.threshold > step.m2 > step.m1
    assert not remover.kept[200:].any()
    assert remover.kept.sum() == 200 - len(expected)
    assert remover.before is not None
    np.testing.assert_array_equal(remover.before[:200], losses[5][:200].astype(np.float32))
    assert np.isnan(remover.before[200:]).all()


def test_repetition_judges_those_who_are_left() -> None:
    losses = course(1, 400, 12)
    remover = run(Remover(np.zeros(400, dtype=int), RemovalSettings(epoch=2, every=4)), losses)
    assert [step.epoch for step in remover.steps] == [2, 6, 10]
    rows = np.concatenate([step.rows for step in remover.steps])
    assert len(set(rows.tolist())) == len(rows)


def test_state_goes_on_exactly() -> None:
    settings = RemovalSettings(epoch=2, every=2)
    labels = np.arange(200) % 7

    def reload(remover: Remover) -> Remover:
        fresh = Remover(labels, settings)
        fresh.load_state_dict(remover.state_dict())
        return fresh

    whole = run(Remover(labels, settings), course(2, 200, 9))
    resumed = run(Remover(labels, settings), course(2, 200, 9), each=reload)
    np.testing.assert_array_equal(whole.kept, resumed.kept)
    assert [s.rows.tolist() for s in whole.steps] == [s.rows.tolist() for s in resumed.steps]
    np.testing.assert_array_equal(whole.before, resumed.before)


def test_guards_hold_however_eager_the_rule() -> None:
    labels = np.r_[np.zeros(6), np.ones(94)].astype(int)
    losses = np.r_[np.full(6, 9.0), np.linspace(0, 5, 94)]
    settings = RemovalSettings(k=0, epoch=1, every=1, max_share=0.2, min_per_class=4)
    remover = run(Remover(labels, settings), [losses] * 20)
    assert remover.kept[labels == 0].sum() == 4
    assert remover.kept.sum() >= 80
    assert remover.steps[0].spared > 0


def test_a_class_with_one_face_keeps_it() -> None:
    labels = np.r_[0, np.ones(99)].astype(int)
    remover = run(Remover(labels, RemovalSettings(epoch=1, min_per_class=1)), [np.r_[9.0, np.full(98, 0.1), 5.0]])
    assert remover.kept[0]


def test_spared_are_those_with_the_lowest_losses_and_ties_go_by_row() -> None:
    losses = np.array([5.0, 7.0, 6.0, 6.0, 1.0])
    everyone = np.ones(5, dtype=bool)
    labels = np.zeros(5, dtype=int)
    gone = spare(losses > 2, losses, labels, everyone, max_removed=2, min_per_class=1)
    assert gone.nonzero()[0].tolist() == [1, 2]
    assert spare(losses > 2, losses, labels, losses != 7, max_removed=2, min_per_class=1).nonzero()[0].tolist() == [
        2,
        3,
    ]


def test_bad_settings_name_the_number() -> None:
    for numbers, message in [
        ({"k": -1}, "--removal-k must be a number from 0 to 100, got -1"),
        ({"alpha": 2}, "--removal-alpha"),
        ({"max_share": 1.5}, "--removal-max-share"),
        ({"min_per_class": 0}, "--removal-min-per-class"),
        ({"epoch": 0}, "--removal-epoch must be a whole number"),
        ({"start": "whenever"}, "--removal-start must be one of epoch, settled, variance"),
    ]:
        with pytest.raises(InputError, match=message):
            RemovalSettings(**numbers)
    with pytest.raises(InputError, match="--removal must be one of wang, slade-gedeon, two-modes, none, got 'wong'"):
        preset("wong")
