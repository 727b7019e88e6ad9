"""Wrong labels from a training that is over, and that cleanlab's users find what they know."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bimodal.errors import InputError
from bimodal.removal import LossLedger, find_label_issues, get_label_quality_scores, two_modes
from tests.removal.test_two_modes import at_most, simulate, tipping_error


def trained(pred_probs: np.ndarray, labels: np.ndarray, unseen: int = 0) -> LossLedger:
    """Return the ledger of one epoch that saw all but the last `unseen` examples."""
    ledger = LossLedger(len(labels))
    seen = np.arange(len(labels) - unseen)
    ledger.update(seen, -np.log(pred_probs[seen, labels[seen]]), np.log(pred_probs[seen]))
    ledger.end_epoch()
    return ledger


def two_kinds(size: int, wrong: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return losses of which those of the wrong labels lie apart, and which these are."""
    rng = np.random.default_rng(seed)
    is_wrong = rng.permutation(size) < round(wrong * size)
    return np.where(is_wrong, rng.normal(3, 0.5, size).clip(1), rng.gamma(2, 0.1, size)), is_wrong


def test_beliefs_decide_where_there_are_some() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 0)
    ledger = trained(pred_probs, labels, unseen=100)
    labels[800:] = -1  # not for training
    assert ledger.pred_probs is not None
    result = two_modes(ledger.pred_probs[:800], labels[:800])
    mask = find_label_issues(ledger, labels)
    assert (mask.dtype, mask.shape) == (np.bool_, (900,))
    assert mask[:800].tolist() == result.called.tolist()
    assert not mask[800:].any(), "never seen"
    ranked = find_label_issues(ledger, labels, return_indices_ranked_by="probability")
    assert ranked.dtype == np.int64
    assert sorted(ranked.tolist()) == mask.nonzero()[0].tolist()
    assert (np.diff(result.score[ranked]) <= 0).all(), "most probably wrong first"


def test_unseen_examples_may_lie_anywhere() -> None:
    pred_probs, labels, _ = simulate(600, 0.4, 1)
    order = np.random.default_rng(0).permutation(600)
    ledger, places = LossLedger(900), np.sort(np.random.default_rng(1).permutation(900)[:600])
    ledger.update(places[order], np.ones(600), np.log(pred_probs)[order])
    spread = np.zeros(900, dtype=int)
    spread[places] = labels
    plain = find_label_issues(trained(pred_probs, labels), labels)
    assert find_label_issues(ledger, spread).nonzero()[0].tolist() == places[plain].tolist()
    quality = get_label_quality_scores(ledger, spread)
    np.testing.assert_allclose(
        quality[places], get_label_quality_scores(trained(pred_probs, labels), labels), rtol=1e-5
    )
    assert np.isnan(np.delete(quality, places)).all()


def test_error_is_the_rules() -> None:
    pred_probs, labels, _ = simulate(900, 0.05, 3)
    ledger = trained(pred_probs, labels)
    assert ledger.pred_probs is not None
    p = tipping_error(two_modes(ledger.pred_probs, labels))
    assert find_label_issues(ledger, labels, return_indices_ranked_by="probability", error=1.01 * p).size > 0
    assert find_label_issues(ledger, labels, return_indices_ranked_by="probability", error=0.99 * p).size == 0


@pytest.mark.parametrize("wrong", [0.1, 0.4])
def test_losses_alone_are_cut_between_their_modes(wrong: float) -> None:
    losses, is_wrong = two_kinds(600, wrong, 0)
    mask = find_label_issues(losses, np.zeros(600, dtype=int))
    assert mask.dtype == np.bool_
    assert (mask == is_wrong).mean() > 0.99
    ranked = find_label_issues(losses, np.zeros(600, dtype=int), return_indices_ranked_by="probability")
    assert ranked.dtype == np.int64
    assert ranked.tolist() == np.flatnonzero(mask)[np.argsort(-losses[mask])].tolist()
    np.testing.assert_array_equal(find_label_issues(5 * losses, np.zeros(600, dtype=int)), mask)


def test_losses_are_compared_by_their_ratio() -> None:
    rng = np.random.default_rng(0)
    is_wrong = np.arange(600) < 150
    losses = np.exp(np.where(is_wrong, rng.normal(1, 1, 600), rng.normal(-5, 1, 600)))
    assert (find_label_issues(losses, np.zeros(600, dtype=int)) == is_wrong).mean() > 0.98


def test_losses_of_one_mode_seldom_accuse_anybody() -> None:
    labels, nobody, alarms = np.zeros(300, dtype=int), 0, 0
    for seed in range(20):
        losses, _ = two_kinds(300, 0, seed)
        ranked = find_label_issues(losses, labels, return_indices_ranked_by="probability")
        alarms, nobody = alarms + (ranked.size > 0), nobody + (ranked.shape == (0,))
    assert alarms <= at_most(0.05, 20)
    assert alarms + nobody == 20


def test_of_losses_by_epoch_the_mean_counts() -> None:
    losses, is_wrong = two_kinds(400, 0.2, 2)
    labels = np.zeros(400, dtype=int)
    epochs = losses * 3 * np.random.default_rng(0).dirichlet([1, 1, 1], 400).T
    epochs[0, :50], epochs[1, :50], epochs[2, :50] = np.nan, 0.5 * losses[:50], 1.5 * losses[:50]
    expected = find_label_issues(losses, labels)
    assert (expected == is_wrong).mean() > 0.98
    np.testing.assert_array_equal(find_label_issues(epochs, labels), expected)
    ranked = [find_label_issues(x, labels, return_indices_ranked_by="probability").tolist() for x in (epochs, losses)]
    assert ranked[0] == ranked[1]
    ledger = LossLedger(400)
    for row in epochs:
        seen = np.flatnonzero(np.isfinite(row))
        ledger.update(seen, row[seen])
        ledger.end_epoch()
    np.testing.assert_array_equal(find_label_issues(ledger, labels), expected)


def test_unseen_losses_are_left_out() -> None:
    losses, _ = two_kinds(500, 0.2, 3)
    plain = find_label_issues(losses, np.zeros(500, dtype=int))
    gaps = np.insert(losses, [0, 250, 500], np.nan)
    kept = np.flatnonzero(np.isfinite(gaps))
    mask = find_label_issues(gaps, np.zeros(503, dtype=int))
    assert mask.nonzero()[0].tolist() == kept[plain].tolist()
    ranked = find_label_issues(gaps, np.zeros(503, dtype=int), return_indices_ranked_by="probability")
    assert (np.diff(gaps[ranked]) <= 0).all()
    epochs = np.stack([gaps, gaps])
    np.testing.assert_array_equal(find_label_issues(epochs, np.zeros(503, dtype=int)), mask)


def test_labels_that_are_all_learnt_accuse_nobody() -> None:
    losses = np.random.default_rng(0).random(500) * 1e-5
    assert not find_label_issues(losses, np.zeros(500, dtype=int)).any()


@pytest.mark.parametrize(
    "losses",
    [
        two_kinds(400, 0, 15)[0],  # the valley is in the thin lower tail
        np.exp(
            np.random.default_rng(4).normal(-6, 3, 900)
        ),  # losses raised to the smallest that counts look like a mode
    ],
    ids=["lower tail", "well learnt"],
)
def test_the_wrong_are_never_nearly_all(losses: np.ndarray) -> None:
    assert find_label_issues(losses, np.zeros(len(losses), dtype=int)).mean() < 0.7


def test_quality_is_the_chance_to_be_right() -> None:
    pred_probs, labels, is_wrong = simulate(900, 0.2, 0)
    ledger = trained(pred_probs, labels)
    quality = get_label_quality_scores(ledger, labels)
    assert ledger.pred_probs is not None
    np.testing.assert_allclose(quality, 1 - two_modes(ledger.pred_probs, labels).probability)
    assert quality[is_wrong].mean() < 0.5 < 0.8 < quality[~is_wrong].mean()
    assert roc_auc_score(is_wrong, -quality) > 0.85


def test_quality_of_clean_labels_is_high_and_ranks_all_the_same() -> None:
    pred_probs, labels, _ = simulate(900, 0, 0)
    quality = get_label_quality_scores(trained(pred_probs, labels), labels)
    assert quality.min() >= 0.95
    own = pred_probs[np.arange(900), labels]
    assert quality[own < 0.2].max() < quality[own > 0.6].min()


@pytest.mark.parametrize(
    ("losses", "labels", "message"),
    [
        ([1.0, 2.0], [0], "a label for each of 2 examples, got labels of shape \\(1,\\)"),
        ([1.0, 2.0], [[0, 0]], "a label for each of 2 examples"),
        (np.ones((3, 2)), [0, 0, 0], "a label for each of 2 examples"),
        (np.ones((2, 2, 2)), [0, 0], "losses must be one number for each example"),
        (1.0, [0], "losses must be one number for each example"),
        ([], [], "losses must be one number for each example"),
        ([1.0, -0.1], [0, 0], "losses must be finite and not below 0"),
        ([1.0, float("inf")], [0, 0], "losses must be finite and not below 0"),
        ([float("nan")] * 2, [0, 0], "there are no losses"),
        (LossLedger(2), [0, 0], "there are no losses"),
        (LossLedger(2), [0], "a label for each of 2 examples"),
    ],
)
def test_what_does_not_fit_is_refused(losses: list, labels: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_label_issues(losses, labels)


def test_labels_that_do_not_exist_are_refused() -> None:
    pred_probs, labels, _ = simulate(20, 0, 0)
    for wrong in (labels + 7, labels - 7, labels.astype(float)):
        for function in (find_label_issues, get_label_quality_scores):
            with pytest.raises(InputError, match="labels must be whole numbers from 0 to 6"):
                function(trained(pred_probs, labels), wrong)


def test_what_quality_needs_is_said() -> None:
    ledger = LossLedger(2)
    ledger.update([0, 1], [1.0, 2.0])
    with pytest.raises(InputError, match="needs a ledger that was given logits"):
        get_label_quality_scores(ledger, [0, 1])
    with pytest.raises(InputError, match="a label for each of 20 examples"):
        get_label_quality_scores(trained(*simulate(20, 0, 0)[:2]), [0])


def test_other_rankings_are_refused() -> None:
    with pytest.raises(InputError, match="must be None or 'probability', got 'self_confidence'"):
        find_label_issues([1.0, 2.0], [0, 0], return_indices_ranked_by="self_confidence")  # type: ignore[call-overload]


@pytest.mark.parametrize("error", [-1.0, 0.0, 2.0, float("nan")])
def test_errors_out_of_range_are_refused_with_losses_alone(error: float) -> None:
    losses, _ = two_kinds(50, 0, 0)
    with pytest.raises(InputError, match="error must lie between 0 and 1"):
        find_label_issues(losses, np.zeros(50, dtype=int), return_indices_ranked_by="probability", error=error)


@pytest.fixture(scope="module")
def issues() -> tuple[LossLedger, np.ndarray, np.ndarray]:
    pred_probs, labels, is_wrong = simulate(900, 0.2, 5)
    return trained(pred_probs, labels), labels, is_wrong


def test_masks_and_indices_have_cleanlabs_form(issues: tuple) -> None:
    theirs = pytest.importorskip("cleanlab.filter").find_label_issues
    ledger, labels, _ = issues
    mask = find_label_issues(ledger, labels)
    ranked = find_label_issues(ledger, labels, return_indices_ranked_by="probability")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        their_mask = theirs(labels, ledger.pred_probs, n_jobs=1)
        their_ranked = theirs(labels, ledger.pred_probs, n_jobs=1, return_indices_ranked_by="self_confidence")
    assert (type(mask), mask.dtype, mask.shape) == (type(their_mask), their_mask.dtype, their_mask.shape)
    assert (type(ranked), ranked.dtype, ranked.ndim) == (type(their_ranked), their_ranked.dtype, their_ranked.ndim)
    assert (mask & their_mask).sum() > 0.5 * their_mask.sum(), "they agree on most"


def test_quality_is_such_a_score_as_cleanlabs_and_as_good(issues: tuple) -> None:
    theirs = pytest.importorskip("cleanlab.rank").get_label_quality_scores
    ledger, labels, is_wrong = issues
    quality, scores = get_label_quality_scores(ledger, labels), theirs(labels, ledger.pred_probs)
    assert (quality.shape, quality.dtype.kind) == (scores.shape, scores.dtype.kind)
    lowest = np.argsort(quality)[: is_wrong.sum()]
    assert is_wrong[lowest].mean() > 0.6, "the wrong ones lie lowest"
    assert roc_auc_score(is_wrong, -quality) >= roc_auc_score(is_wrong, -scores) - 0.02
