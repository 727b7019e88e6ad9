"""Ledger, schedule, rule and limits together, with the paper's rule."""

from collections.abc import Callable

import numpy as np

from bimodal.removal import RemovalSettings, Remover, wang


def course(seed: int, size: int, epochs: int) -> list[np.ndarray]:
    """Return losses by epoch that fall for all but a tenth of the examples."""
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


def test_one_removal_by_the_rule_and_only_from_training() -> None:
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


def test_a_repeated_removal_applies_to_the_examples_still_in_training() -> None:
    losses = course(1, 400, 12)
    remover = run(Remover(np.zeros(400, dtype=int), RemovalSettings(epoch=2, every=4)), losses)
    assert [step.epoch for step in remover.steps] == [2, 6, 10]
    rows = np.concatenate([step.rows for step in remover.steps])
    assert len(set(rows.tolist())) == len(rows)


def test_a_saved_remover_continues_exactly() -> None:
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


def test_limits_hold_for_any_rule() -> None:
    labels = np.r_[np.zeros(6), np.ones(94)].astype(int)
    losses = np.r_[np.full(6, 9.0), np.linspace(0, 5, 94)]
    settings = RemovalSettings(k=0, epoch=1, every=1, max_share=0.2, min_per_class=4)
    remover = run(Remover(labels, settings), [losses] * 20)
    assert remover.kept[labels == 0].sum() == 4
    assert remover.kept.sum() >= 80
    assert remover.steps[0].kept_by_limits > 0


def test_a_class_with_one_example_keeps_it() -> None:
    labels = np.r_[0, np.ones(99)].astype(int)
    remover = run(Remover(labels, RemovalSettings(epoch=1, min_per_class=1)), [np.r_[9.0, np.full(98, 0.1), 5.0]])
    assert remover.kept[0]
