"""The ledger against a table of all losses."""

import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.removal import LossLedger


def test_ledger_agrees_with_a_table_of_all_losses() -> None:
    rng = np.random.default_rng(0)
    table = rng.gamma(1.0, 1.0, (5, 40)).astype(np.float32)
    table[1, 7] = table[4, 30] = np.nan  # two examples are missing from an epoch
    ledger = LossLedger(40, trace=True)
    for losses in table:
        seen = np.flatnonzero(~np.isnan(losses))
        for batch in np.array_split(rng.permutation(seen), 3):
            ledger.update(batch, losses[batch])
        summary = ledger.end_epoch()
        assert summary.examples == len(seen)
        assert summary.mean == pytest.approx(np.nanmean(losses, dtype=np.float64))
        assert summary.variance == pytest.approx(np.nanvar(losses, dtype=np.float64))
        assert summary.normalised_variance == pytest.approx(np.nanvar(losses / np.nanmax(losses)), rel=1e-5)
    np.testing.assert_allclose(ledger.mean, np.nanmean(table, axis=0), rtol=1e-5)
    assert ledger.count.tolist() == (~np.isnan(table)).sum(axis=0).tolist()
    assert ledger.last[7] == table[4, 7]
    assert ledger.last[30] == table[3, 30]
    np.testing.assert_array_equal(np.stack(ledger.trace or []), table)


def test_an_example_counts_once_in_an_epoch() -> None:
    ledger = LossLedger(3)
    ledger.update([0, 1, 0], [1.0, 2.0, 1.0])  # samplers of several processes repeat examples
    ledger.update([1], [9.0])
    summary = ledger.end_epoch()
    assert (summary.examples, summary.mean) == (2, 1.5)
    assert ledger.count.tolist() == [1, 1, 0]


def test_one_large_update_equals_many_small_ones() -> None:
    size = (1 << 20) + 5
    losses = np.random.default_rng(1).random(size, dtype=np.float32)
    large, small = LossLedger(size), LossLedger(size)
    large.update(np.arange(size), losses)
    for batch in np.array_split(np.arange(size), 7):
        small.update(batch, losses[batch])
    assert large.end_epoch() == small.end_epoch()
    np.testing.assert_array_equal(large.mean, small.mean)


def test_a_saved_ledger_continues_exactly() -> None:
    rng = np.random.default_rng(2)
    whole, first = LossLedger(10), LossLedger(10)
    losses = rng.random((4, 10))
    for epoch in losses[:2]:
        for ledger in (whole, first):
            ledger.update(np.arange(10), epoch)
            ledger.end_epoch()
    second = LossLedger(10)
    second.load_state_dict(first.state_dict())
    for epoch in losses[2:]:
        for ledger in (whole, second):
            ledger.update(np.arange(10), epoch)
            ledger.end_epoch()
    np.testing.assert_array_equal(whole.mean, second.mean)
    assert whole.epochs == second.epochs


@pytest.mark.parametrize(
    ("index", "losses", "message"),
    [
        ([0, 1], [1.0], "a loss for each example"),
        ([3], [1.0], "integers from 0 to 2"),
        ([-1], [1.0], "integers from 0 to 2"),
        ([0.5], [1.0], "integers from 0 to 2"),
        ([0, 1], [1.0, float("nan")], "but that of example 1 is not"),
    ],
)
def test_an_invalid_batch_is_an_error_and_changes_nothing(index: list, losses: list, message: str) -> None:
    ledger = LossLedger(3)
    with pytest.raises(InputError, match=message):
        ledger.update(index, losses)
    assert np.isnan(ledger.last).all()
    with pytest.raises(InputError, match="before any loss"):
        ledger.end_epoch()


def test_states_and_sizes_that_do_not_fit_are_errors() -> None:
    with pytest.raises(InputError, match="at least one example"):
        LossLedger(0)
    with pytest.raises(InputError, match="has 4 examples, this one 3"):
        LossLedger(3).load_state_dict(LossLedger(4).state_dict())
