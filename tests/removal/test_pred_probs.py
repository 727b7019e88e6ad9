"""Predicted probabilities: how the ledger averages them, and how the remover uses them."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import softmax

from bimodal.errors import InputError
from bimodal.removal import LossLedger, RemovalSettings, Remover, two_modes
from tests.removal.test_two_modes import UNEVEN, critical_alpha, simulate


def some_logits(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


def course(pred_probs: np.ndarray, epochs: int, seed: int = 0) -> list[np.ndarray]:
    """Return logits of a network that predicts better in each epoch."""
    rng = np.random.default_rng(seed)
    return [np.log(pred_probs) * (e + 1) / epochs + rng.normal(0, 0.3, pred_probs.shape) for e in range(epochs)]


def hidden(logits: list[np.ndarray], labels: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """Return the same logits, but for two epochs the labels of some rows are predicted."""
    agreeing = 6 * np.eye(7)[labels]
    return [np.where(rows[:, None], agreeing, epoch) if e < 2 else epoch for e, epoch in enumerate(logits)]


def run(
    remover: Remover, logits: list[np.ndarray], each: Callable[[Remover], Remover] = lambda remover: remover
) -> Remover:
    for epoch in logits:
        rows = np.flatnonzero(remover.kept)
        losses = -np.log(softmax(epoch, axis=1)[rows, remover.labels[rows]])
        remover.update(rows, losses, epoch[rows])
        remover.end_epoch()
        remover = each(remover)
    return remover


def same(left: Remover, right: Remover) -> None:
    assert [step.rows.tolist() for step in left.steps] == [step.rows.tolist() for step in right.steps]
    for one, other in zip(left.steps, right.steps, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.threshold == other.threshold
    np.testing.assert_array_equal(left.kept, right.kept)
    np.testing.assert_array_equal(left.before, right.before)
    np.testing.assert_array_equal(left.ledger.pred_probs, right.ledger.pred_probs)
    assert left.checked_epochs == right.checked_epochs


def test_pred_probs_are_the_mean_over_epochs_weighted_by_their_number() -> None:
    rng = np.random.default_rng(0)
    logits = some_logits(5, 40, 7)
    seen = rng.random((5, 40)) < 0.7
    seen[0] |= ~seen.any(axis=0)
    seen[:, 0], seen[:, 1] = False, [False, True, False, False, False]
    ledger = LossLedger(40)
    for epoch in range(5):
        for batch in np.array_split(rng.permutation(np.flatnonzero(seen[epoch])), 3):
            ledger.update(batch, np.ones(len(batch)), logits[epoch, batch])
        ledger.end_epoch()
    weights = (seen * np.arange(1, 6)[:, None])[:, 1:, None]
    expected = (weights * softmax(logits[:, 1:].astype(np.float64), axis=2)).sum(axis=0) / weights.sum(axis=0)
    assert ledger.pred_probs is not None
    assert ledger.pred_probs.dtype == np.float32
    assert np.isnan(ledger.pred_probs[0]).all(), "never in training"
    np.testing.assert_allclose(ledger.pred_probs[1:], expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(ledger.pred_probs[1], softmax(logits[1, 1]), rtol=1e-5)


def test_there_are_no_pred_probs_before_the_first_logits() -> None:
    ledger = LossLedger(3)
    ledger.update([0, 1], [1.0, 2.0])
    assert ledger.pred_probs is None
    ledger.update([], [], [])
    assert ledger.pred_probs is None


def test_the_first_logits_of_an_epoch_count() -> None:
    ledger = LossLedger(2)
    ledger.update([0, 1], [1.0, 1.0], [[0.0, 9.0], [9.0, 0.0]])
    ledger.update([1, 0], [1.0, 1.0], [[0.0, 9.0], [9.0, 0.0]])
    assert ledger.pred_probs is not None
    assert ledger.pred_probs.argmax(axis=1).tolist() == [1, 0]
    np.testing.assert_allclose(ledger.pred_probs.max(axis=1), softmax([9.0, 0.0])[0], rtol=1e-6)


def test_a_repeat_in_a_batch_counts_once() -> None:
    once, twice = LossLedger(2), LossLedger(2)
    for logits in ([[0.0, 1.0], [2.0, 0.0]], [[3.0, 0.0], [0.0, 1.0]]):
        once.update([0, 1], [1.0, 1.0], logits)
        twice.update([0, 1, 0], [1.0, 1.0, 1.0], [*logits, logits[0]])
        once.end_epoch()
        twice.end_epoch()
    np.testing.assert_array_equal(once.pred_probs, twice.pred_probs)


def test_the_first_of_several_repeats_in_a_batch_counts() -> None:
    ledger = LossLedger(1)
    ledger.update([0, 0], [1.0, 5.0], [[9.0, 0.0], [0.0, 9.0]])
    assert ledger.pred_probs is not None
    assert ledger.pred_probs[0].argmax() == 0
    assert ledger.last.tolist() == [1.0]


def test_logits_do_not_change_the_losses() -> None:
    losses = np.random.default_rng(0).random((3, 20))
    with_logits, without = LossLedger(20), LossLedger(20)
    for epoch, row in enumerate(losses):
        with_logits.update(np.arange(20), row, some_logits(20, 3, seed=epoch))
        without.update(np.arange(20), row)
        assert with_logits.end_epoch() == without.end_epoch()
    for name in ("last", "mean", "count"):
        np.testing.assert_array_equal(getattr(with_logits, name), getattr(without, name))


def test_large_logits_do_not_overflow() -> None:
    ledger = LossLedger(2)
    ledger.update([0, 1], [1.0, 1.0], [[1e4, -1e4], [-1e30, -1e30]])
    assert ledger.pred_probs is not None
    assert ledger.pred_probs.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_one_large_update_equals_many_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, order = some_logits(100, 7), np.random.default_rng(1).permutation(100)
    small, large = LossLedger(100), LossLedger(100)
    for batch in np.array_split(order, 9):
        small.update(batch, np.ones(len(batch)), logits[batch])
    monkeypatch.setattr("bimodal.removal.ledger._CHUNK", 8)
    large.update(order, np.ones(100), logits[order])
    np.testing.assert_array_equal(small.pred_probs, large.pred_probs)


def test_a_saved_ledger_continues_exactly() -> None:
    logits = some_logits(4, 10, 3)
    whole, first, second = LossLedger(10), LossLedger(10), LossLedger(10)
    for epoch in logits[:2]:
        for ledger in (whole, first):
            ledger.update(np.arange(9), np.ones(9), epoch[:9])
            ledger.end_epoch()
    state = first.state_dict()
    first.update(np.arange(10), np.ones(10), -logits[2])  # later updates do not change a saved state
    second.load_state_dict(state)
    for epoch in logits[2:]:
        for ledger in (whole, second):
            ledger.update(np.arange(10), np.ones(10), epoch)
            ledger.end_epoch()
    np.testing.assert_array_equal(whole.pred_probs, second.pred_probs)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ([1.0, 2.0], "expected logits of 2 examples for 3 classes, got \\(2,\\)"),
        ([[1.0, 2.0, 3.0]], "expected logits of 2 examples for 3 classes, got \\(1, 3\\)"),
        ([[1.0, 2.0], [1.0, 2.0]], "expected logits of 2 examples for 3 classes, got \\(2, 2\\)"),
        ([[1.0, 2.0, 3.0], [1.0, float("nan"), 3.0]], "logits must be finite"),
        ([[1.0, 2.0, 3.0], [1.0, float("inf"), 3.0]], "logits must be finite"),
    ],
)
def test_invalid_logits_are_an_error_and_change_nothing(logits: list, message: str) -> None:
    ledger = LossLedger(3)
    ledger.update([0], [1.0], [[1.0, 2.0, 3.0]])
    before = ledger.state_dict()
    with pytest.raises(InputError, match=message) as caught:
        ledger.update([1, 2], [1.0, 1.0], logits)
    assert "\n" not in str(caught.value)
    for name in ("last", "mean", "count", "pred_probs", "weights"):
        np.testing.assert_array_equal(ledger.state_dict()[name], before[name])
    ledger.update([1, 2], [1.0, 1.0], [[1.0, 2.0, 3.0]] * 2)
    assert ledger.end_epoch().examples == 3


def test_logits_have_at_least_two_classes() -> None:
    ledger = LossLedger(2)
    with pytest.raises(InputError, match="for at least 2 classes, got \\(2, 1\\)"):
        ledger.update([0, 1], [1.0, 1.0], [[1.0], [1.0]])
    assert ledger.pred_probs is None
    assert np.isnan(ledger.last).all()


def test_all_batches_have_logits_or_none() -> None:
    ledger = LossLedger(4)
    ledger.update([0, 1], [1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(InputError, match="logits"):
        ledger.update([2, 3], [1.0, 1.0])


def test_the_remover_removes_the_same_examples_as_two_modes() -> None:
    pred_probs, labels, is_wrong = simulate(900, 0.2, 0)
    labels[700:] = -1  # validation and test
    remover = run(Remover(labels, RemovalSettings.preset("two-modes", epoch=3)), course(pred_probs, 3))
    (step,) = remover.steps
    assert remover.ledger.pred_probs is not None
    result = two_modes(remover.ledger.pred_probs[:700], labels[:700])
    assert sorted(step.rows.tolist()) == result.remove.nonzero()[0].tolist()
    assert (step.rule, step.epoch, step.kept_by_limits) == ("two-modes", 3, 0)
    assert step.threshold == result.score[result.is_label_issue & (result.probability >= 0.5)].min()
    assert (np.diff(result.score[step.rows]) <= 0).all(), "highest score first"
    np.testing.assert_allclose(step.probabilities, result.probability[step.rows], rtol=1e-6)
    np.testing.assert_array_equal(step.losses, remover.ledger.last[step.rows])
    assert remover.before is not None
    np.testing.assert_allclose(remover.before[:700], result.score, rtol=1e-6)
    assert np.isnan(remover.before[700:]).all()
    assert remover.kept.sum() == 700 - len(step.rows)
    assert is_wrong[step.rows].mean() > 0.6


def test_nothing_is_removed_from_clean_labels_and_the_checks_are_recorded() -> None:
    pred_probs, labels, _ = simulate(900, 0, 0)
    remover = run(Remover(labels, RemovalSettings.preset("two-modes", epoch=2, every=2)), course(pred_probs, 6))
    assert remover.steps == []
    assert remover.checked_epochs == [2, 4, 6]
    assert remover.before is None
    assert remover.kept.all()


def test_a_repeated_removal_applies_to_the_examples_still_in_training() -> None:
    pred_probs, labels, is_wrong = simulate(900, 0.5, 1)
    logits = hidden(course(pred_probs, 6), labels, is_wrong & (np.arange(900) % 2 == 0))
    remover = run(Remover(labels, RemovalSettings.preset("two-modes", epoch=2, every=2)), logits)
    assert remover.checked_epochs == [2, 4, 6]
    assert len(remover.steps) > 1
    rows = np.concatenate([step.rows for step in remover.steps])
    assert len(set(rows.tolist())) == len(rows) == 900 - remover.kept.sum()
    assert remover.before is not None
    assert np.isfinite(remover.before).all(), "the scores of the first removal"


def test_the_limits_keep_the_lowest_scores() -> None:
    pred_probs, labels, _ = simulate(900, 0.4, 0)
    logits = course(pred_probs, 1)
    (free,) = run(Remover(labels, RemovalSettings.preset("two-modes", epoch=1)), logits).steps
    (capped,) = run(Remover(labels, RemovalSettings.preset("two-modes", epoch=1, max_share=0.05)), logits).steps
    assert capped.rows.tolist() == free.rows[:45].tolist()
    assert capped.kept_by_limits == len(free.rows) - 45
    settings = RemovalSettings.preset("two-modes", epoch=1, min_per_class=100)
    assert np.bincount(labels[run(Remover(labels, settings), logits).kept]).min() == 100


def test_settings_reach_the_rule() -> None:
    pred_probs, labels, _ = simulate(1500, 0.3, 0, frequency=UNEVEN)
    logits = course(pred_probs, 1)
    (usual,) = run(Remover(labels, RemovalSettings.preset("two-modes", epoch=1)), logits).steps
    (with_rare,) = run(Remover(labels, RemovalSettings.preset("two-modes", epoch=1, rare_share=0.5)), logits).steps
    assert (labels[with_rare.rows] == 6).sum() > 0
    assert usual.rows.tolist() == with_rare.rows[labels[with_rare.rows] != 6].tolist()
    pred_probs, labels, _ = simulate(900, 0.05, 3)
    logits = course(pred_probs, 1)
    ledger = run(Remover(labels, RemovalSettings.preset("none")), logits).ledger
    assert ledger.pred_probs is not None
    p = critical_alpha(two_modes(ledger.pred_probs, labels))
    assert 1e-5 < p < 0.4
    for alpha, steps in ((1.01 * p, 1), (0.99 * p, 0)):
        assert (
            len(run(Remover(labels, RemovalSettings.preset("two-modes", epoch=1, alpha=alpha)), logits).steps) == steps
        )


def test_a_saved_remover_continues_exactly() -> None:
    pred_probs, labels, is_wrong = simulate(600, 0.5, 2)
    logits = hidden(course(pred_probs, 7), labels, is_wrong & (np.arange(600) % 2 == 0))
    settings = RemovalSettings.preset("two-modes", epoch=2, every=2)

    def reload(remover: Remover) -> Remover:
        fresh = Remover(labels, settings)
        fresh.load_state_dict(remover.state_dict())
        return fresh

    whole = run(Remover(labels, settings), logits)
    assert len(whole.steps) > 1
    same(whole, run(Remover(labels, settings), logits, each=reload))


def test_rules_on_losses_need_no_logits_and_give_no_probabilities() -> None:
    remover = Remover(np.zeros(100, dtype=int), RemovalSettings(epoch=1))
    remover.update(np.arange(100), np.r_[np.full(90, 0.1), np.full(9, 2.0), 9.0])
    step = remover.end_epoch()
    assert step is not None
    assert np.isnan(step.probabilities).tolist() == [True]


def test_missing_logits_are_an_error_in_the_first_batch() -> None:
    remover = Remover(np.zeros(10, dtype=int), RemovalSettings.preset("two-modes", epoch=5))
    with pytest.raises(InputError, match="the rule two-modes needs logits"):
        remover.update(np.arange(10), np.ones(10))
