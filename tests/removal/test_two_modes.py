"""The rule that adapts, against literal readings of what it promises, on pred_probs as one training leaves them."""

import time

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from scipy.stats import binom, chi2

from bimodal.errors import InputError
from bimodal.removal import TwoModes, log_odds, two_modes
from bimodal.removal.two_modes import (
    MOST,
    RARE,
    RIGHT_AT_MOST,
    SHARES_OF_ERROR,
    STRAY_AT_MOST,
    _only_rare,
    _stray,
    cut_between_modes,
)

Beliefs = tuple[np.ndarray, np.ndarray, np.ndarray]
UNEVEN = np.r_[np.full(6, 0.163), 0.022]
"""How often each emotion comes where the last one is rare."""


def simulate(size: int, wrong: float, seed: int, classes: int = 7, frequency: np.ndarray | None = None) -> Beliefs:
    """Return pred_probs, labels, and which of them are wrong.

    Three in ten are hard to tell, and the network has learnt a little of every label by heart.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(size)
    true = rng.choice(classes, size, p=frequency)
    is_wrong = rng.permutation(size) < round(wrong * size)
    labels = np.where(is_wrong, (true + rng.integers(1, classes, size)) % classes, true)
    logits = rng.normal(size=(size, classes))
    logits[rows, true] += np.where(rng.random(size) < 0.3, rng.normal(0.4, 0.7, size), rng.normal(4, 1, size))
    logits[rows, labels] += 0.5
    return softmax(logits, axis=1), labels, is_wrong


def calibrated(size: int, stray: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pred_probs that are as often right as they say, and labels of which a share has nothing to do with them."""
    rng = np.random.default_rng(seed)
    pred_probs = softmax(8 * rng.normal(size=(size, 7)), axis=1)
    labels = (rng.random((size, 1)) > pred_probs.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return pred_probs, np.where(rng.random(size) < stray, (labels + rng.integers(1, 7, size)) % 7, labels)


def tipping_error(result: TwoModes) -> float:
    """Return the error at which no test finds anything any more."""
    assert np.isinf(result.antimode)
    return min(result.p_contradicted / SHARES_OF_ERROR[0], result.p_stray / SHARES_OF_ERROR[1])


def at_most(error: float, tries: int) -> int:
    """Return how many false alarms are no surprise."""
    return int(binom.ppf(0.999, tries, error))


def check_shape(result: TwoModes, labels: np.ndarray) -> None:
    """What holds for any pred_probs."""
    assert result.probability.shape == result.score.shape == result.remove.shape == labels.shape
    assert (result.remove.dtype, result.suggested.dtype) == (np.bool_, np.int64)
    assert np.isfinite(result.score).all()
    assert (result.probability >= 0).all()
    assert (result.probability <= 1).all()
    assert (np.diff(result.probability[np.argsort(result.score)]) >= 0).all(), "the score ranks"
    assert (result.suggested != labels).all()
    assert not result.remove[result.score < result.threshold].any()
    assert result.found == (result.share > 0) == np.isfinite(result.threshold)
    assert result.share >= min(result.stray, MOST) or not result.found
    assert not (result.remove & ~result.called).any()


@pytest.mark.parametrize("seed", range(5))
def test_clean_labels_are_left_alone(seed: int) -> None:
    pred_probs, labels, _ = simulate(900, 0, seed)
    result = two_modes(pred_probs, labels)
    check_shape(result, labels)
    assert not result.found
    assert not result.remove.any()
    assert (result.share, result.threshold) == (0, np.inf)
    assert 0 < result.probability.max() <= 0.05, "no more than the chance that the tests have overlooked something"


@pytest.mark.parametrize(
    ("size", "wrong", "f1"), [(5000, 0.05, 0.45), (900, 0.2, 0.65), (900, 0.4, 0.8)], ids=["5 %", "20 %", "40 %"]
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_labels_are_found_counted_and_named(size: int, wrong: float, f1: float, seed: int) -> None:
    pred_probs, labels, is_wrong = simulate(size, wrong, seed)
    result = two_modes(pred_probs, labels)
    check_shape(result, labels)
    assert result.found
    assert result.share == pytest.approx(wrong, rel=0.35)
    assert result.probability.sum() == pytest.approx(result.share * size, rel=1e-6)
    hits = (result.called & is_wrong).sum()
    assert 2 * hits / (result.called.sum() + is_wrong.sum()) > f1
    assert result.probability[is_wrong].mean() > 2 * result.probability[~is_wrong].mean()


@pytest.mark.parametrize("seed", [0, 1, 9])
def test_what_lies_where_the_network_agrees_does_not_count_as_wrong(seed: int) -> None:
    result = two_modes(*simulate(900, 0.4, seed)[:2])
    assert result.share == pytest.approx(0.4, rel=0.3)


def clusters(*kinds: tuple[list[float], int]) -> np.ndarray:
    """Return pred_probs of several kinds of examples, each so many times, with a little noise."""
    pred_probs = np.concatenate([np.tile(belief, (count, 1)) for belief, count in kinds])
    return pred_probs * np.exp(np.random.default_rng(0).normal(0, 0.2, pred_probs.shape))


def test_modes_that_can_be_seen_are_enough() -> None:
    result = two_modes(clusters(([0.7, 0.15, 0.15], 850), ([0.3, 0.6, 0.1], 150)), np.zeros(1000, dtype=int))
    assert min(result.p_contradicted, result.p_stray) > 0.9
    assert result.found
    assert result.share == pytest.approx(0.15, abs=0.01)
    assert result.called.nonzero()[0].tolist() == list(range(850, 1000))


def test_two_modes_that_can_be_seen_are_cut_between() -> None:
    result = two_modes(clusters(([0.9, 0.05, 0.05], 280), ([0.02, 0.96, 0.02], 20)), np.zeros(300, dtype=int))
    check_shape(result, np.zeros(300, dtype=int))
    assert -2 < result.antimode < 4
    assert result.called.nonzero()[0].tolist() == list(range(280, 300))


def test_two_modes_that_are_both_for_the_labels_are_no_finding() -> None:
    result = two_modes(clusters(([0.6, 0.2, 0.2], 150), ([0.98, 0.01, 0.01], 150)), np.zeros(300, dtype=int))
    assert (result.found, result.antimode) == (False, np.inf)


def test_a_mode_of_nearly_all_is_not_that_of_the_wrong() -> None:
    result = two_modes(clusters(([0.8, 0.1, 0.1], 75), ([0.1, 0.8, 0.1], 225)), np.zeros(300, dtype=int))
    assert result.antimode == np.inf


def test_no_estimate_claims_more_than_it_can_know() -> None:
    true = np.arange(140) % 7
    assert two_modes(np.eye(7)[true], (true + 1) % 7).share == MOST


def test_scores_and_suggestions_say_what_they_promise() -> None:
    pred_probs, labels, _ = simulate(300, 0.2, 0)
    result = two_modes(pred_probs, labels)
    for i, (row, label) in enumerate(zip(pred_probs.tolist(), labels.tolist(), strict=True)):
        others = {c: p for c, p in enumerate(row) if c != label}
        best = max(others, key=others.__getitem__)
        assert result.suggested[i] == best
        assert result.confidence[i] == pytest.approx(row[best])
        assert result.score[i] == pytest.approx(np.log(row[best] / row[label]))
    np.testing.assert_array_equal(log_odds(pred_probs, labels), result.score)


def test_suggestions_for_wrong_labels_are_mostly_the_truth() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 7, 900)
    labels = np.where(rng.random(900) < 0.2, (true + 1) % 7, true)
    result = two_modes(softmax(rng.normal(size=(900, 7)) + 3 * np.eye(7)[true], axis=1), labels)
    assert (result.suggested[result.remove] == true[result.remove]).mean() > 0.8


def test_the_threshold_is_where_the_expected_f1_is_highest() -> None:
    pred_probs, labels, _ = simulate(600, 0.2, 1)
    result = two_modes(pred_probs, labels)
    order = np.argsort(-result.score)
    hits = np.cumsum(result.probability[order])
    f1 = [2 * hits[k] / (k + 1 + result.share * 600) for k in range(600)]
    assert result.threshold == result.score[order[int(np.argmax(f1))]]


def test_called_is_all_beyond_the_threshold_but_who_is_only_rare() -> None:
    pred_probs, labels, _ = simulate(1500, 0.3, 0, frequency=UNEVEN)
    result = two_modes(pred_probs, labels)
    beyond = result.score >= result.threshold
    only_rare = (pred_probs / pred_probs.mean(axis=0)).argmax(axis=1) == labels
    assert (beyond & only_rare).any()
    np.testing.assert_array_equal(result.called, beyond & ~only_rare)


def test_removed_is_what_is_wrong_rather_than_right_and_not_rare() -> None:
    pred_probs, labels, is_wrong = simulate(1500, 0.3, 0, frequency=UNEVEN)
    result = two_modes(pred_probs, labels)
    rather = result.called & (result.probability >= 0.5)
    assert rather[labels == 6].any()
    np.testing.assert_array_equal(result.remove, rather & (labels != 6))
    assert is_wrong[result.remove].mean() > is_wrong[result.called].mean()


def test_who_is_only_rare_is_not_removed_either() -> None:
    pred_probs, labels, _ = simulate(1500, 0.3, 6, frequency=UNEVEN)
    result = two_modes(pred_probs, labels, rare_share=1)
    assert ((result.probability >= 0.5) & ~result.called).any()
    np.testing.assert_array_equal(result.remove, result.called & (result.probability >= 0.5))


@pytest.mark.parametrize("rare_share", [0.0, 0.1, 0.5, 1.0])
def test_a_rare_class_loses_no_more_than_its_share(rare_share: float) -> None:
    pred_probs, labels, _ = simulate(1500, 0.3, 1, frequency=UNEVEN)
    result, free = two_modes(pred_probs, labels, rare_share=rare_share), two_modes(pred_probs, labels, rare_share=1)
    rare = labels == 6
    assert result.remove[rare].sum() == min(int(rare_share * rare.sum()), free.remove[rare].sum())
    spared = free.remove & rare & ~result.remove
    assert result.score[spared].max(initial=-np.inf) <= result.score[result.remove & rare].min(initial=np.inf)
    np.testing.assert_array_equal(result.remove[~rare], free.remove[~rare])
    assert result.probability.tolist() == free.probability.tolist()


def test_a_class_is_rare_below_half_the_mean_size() -> None:
    pred_probs, labels, _ = simulate(2000, 0.4, 0)
    for size, is_rare in [(140, True), (170, False)]:  # the others have 280 or so: the mean is near 260, half of it 130
        keep = np.flatnonzero((labels != 6) | ((labels == 6).cumsum() <= size))
        sizes = np.bincount(labels[keep])
        sizes_below = sizes < RARE * sizes.mean()
        assert not sizes_below[:6].any()
        result = two_modes(pred_probs[keep], labels[keep], rare_share=0)
        assert (result.remove[labels[keep] == 6].sum() == 0) == sizes_below[6], (size, is_rare)


def test_who_is_doubted_only_because_the_class_is_rare() -> None:
    pred_probs = np.array([[0.9, 0.1]] * 18 + [[0.6, 0.4], [0.99, 0.01]])
    labels = np.array([0] * 18 + [1, 1])
    assert _only_rare(np.log(pred_probs), labels)[18:].tolist() == [True, False]


def test_the_test_of_contradicted_labels_is_binomial() -> None:
    pred_probs, labels, _ = simulate(900, 0.05, 0)
    for count in (100, 165, 180, 190):
        contradicted = np.where(np.arange(900) < count, 1.0, -1.0)
        result = two_modes(np.c_[np.ones(900), np.exp(contradicted)], np.zeros(900, dtype=int))
        assert result.contradicted == count / 900
        assert result.p_contradicted == pytest.approx(binom.sf(count - 1, 900, RIGHT_AT_MOST), rel=0.3)
    assert two_modes(pred_probs, labels).contradicted == (log_odds(pred_probs, labels) > 0.5).mean()


@pytest.mark.parametrize("stray", [0.0, 0.03, 0.1])
def test_the_test_of_stray_labels_is_a_likelihood_ratio(stray: float) -> None:
    pred_probs, labels = calibrated(500, stray, 5)
    pred_probs = softmax(0.4 * np.log(pred_probs), axis=1)  # a network says less than it knows
    shares = np.r_[0.0, STRAY_AT_MOST, np.arange(0.0, 0.6, 0.002)][:, None]
    loss = np.full(len(shares), np.inf)
    for temperature in np.geomspace(0.1, 3, 100):
        q = np.exp(log_softmax(np.log(pred_probs) / temperature, axis=1)[np.arange(500), labels])
        loss = np.minimum(loss, -np.log((1 - shares) * q + shares * (1 - q) / 6).sum(axis=1))
    result = two_modes(pred_probs, labels)
    assert result.stray == pytest.approx(shares[loss.argmin(), 0], abs=0.003)
    assert result.stray == pytest.approx(stray, abs=0.02)
    expected = 0.5 * chi2.sf(2 * (loss[1] - loss.min()), df=1) if result.stray > STRAY_AT_MOST else 1.0
    assert result.p_stray == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("wrong", "seed", "decides"), [(0.1, 8, 0), (0.1, 1, 1), (0.05, 3, 1)])
def test_error_is_shared_by_the_tests(wrong: float, seed: int, decides: int) -> None:
    pred_probs, labels, _ = simulate(900, wrong, seed)
    usual = two_modes(pred_probs, labels)
    p, others = np.roll([usual.p_contradicted, usual.p_stray], -decides)
    assert p < others / 2
    assert sum(SHARES_OF_ERROR) == pytest.approx(1)
    assert two_modes(pred_probs, labels, error=1.01 * p / SHARES_OF_ERROR[decides]).found
    stricter = two_modes(pred_probs, labels, error=0.99 * p / SHARES_OF_ERROR[decides])
    assert not stricter.found
    assert not stricter.remove.any()


def alarms_of_right_labels(size: int, counts: range) -> float:
    """Return the chance of an alarm where as many right labels are contradicted as ever; it begins within the counts."""
    for count in counts:
        pred_probs = np.where(np.arange(size)[:, None] < count, [0.35, 0.65], [0.8, 0.2])
        if two_modes(pred_probs, np.zeros(size, dtype=int)).p_contradicted < 0.025:
            return float(binom.sf(count - 1, size, RIGHT_AT_MOST))
    return 0.0


def test_false_alarms_are_no_more_than_stated_where_as_many_right_labels_are_contradicted_as_ever() -> None:
    assert 0.015 < alarms_of_right_labels(400, range(75, 100)) <= 0.025


def test_false_alarms_on_clean_labels_are_no_more_than_stated() -> None:
    found = [two_modes(*simulate(600, 0, seed)[:2]).found for seed in range(40)]
    assert sum(found) <= at_most(0.05, 40)


def test_false_alarms_are_no_more_than_stated_where_as_many_labels_are_stray_as_in_clean_sets() -> None:
    alarms = 0
    for seed in range(100):
        pred_probs, labels = calibrated(900, STRAY_AT_MOST, seed)
        alarms += _stray(np.log(pred_probs), labels)[1] < 0.025
    assert 0 < alarms <= at_most(0.025, 100)


def test_the_order_of_the_examples_does_not_matter() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 3, frequency=UNEVEN)
    order = np.random.default_rng(0).permutation(900)
    result, shuffled = two_modes(pred_probs, labels), two_modes(pred_probs[order], labels[order])
    np.testing.assert_array_equal(result.remove[order], shuffled.remove)
    np.testing.assert_array_equal(result.suggested[order], shuffled.suggested)
    np.testing.assert_allclose(result.probability[order], shuffled.probability, rtol=1e-6)
    assert (result.share, result.p_stray) == pytest.approx((shuffled.share, shuffled.p_stray), rel=1e-6)


def test_the_names_of_the_classes_do_not_matter() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 4, frequency=UNEVEN)
    code = np.random.default_rng(1).permutation(7)  # class c is called code[c]
    result, renamed = two_modes(pred_probs, labels), two_modes(pred_probs[:, np.argsort(code)], code[labels])
    np.testing.assert_array_equal(result.remove, renamed.remove)
    np.testing.assert_array_equal(code[result.suggested], renamed.suggested)
    np.testing.assert_allclose(result.probability, renamed.probability, rtol=1e-6)


def test_beliefs_need_not_add_up_to_one_and_are_not_touched() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 0)
    scaled = pred_probs * np.random.default_rng(0).uniform(0.1, 10, (900, 1))
    before = scaled.copy()
    result, other = two_modes(pred_probs, labels), two_modes(scaled, labels)
    np.testing.assert_array_equal(result.remove, other.remove)
    np.testing.assert_allclose(result.confidence, other.confidence)
    np.testing.assert_allclose(result.probability, other.probability, rtol=1e-6)
    np.testing.assert_array_equal(scaled, before)


def test_single_precision_and_lists_say_the_same() -> None:
    pred_probs, labels, _ = simulate(300, 0.2, 0)
    double, single = two_modes(pred_probs.tolist(), labels.tolist()), two_modes(pred_probs.astype(np.float32), labels)
    np.testing.assert_array_equal(double.remove, single.remove)
    np.testing.assert_allclose(double.probability, single.probability, atol=1e-4)


def test_two_classes() -> None:
    pred_probs, labels, is_wrong = simulate(900, 0.3, 0, classes=2)
    result = two_modes(pred_probs, labels)
    check_shape(result, labels)
    assert result.found
    assert result.suggested.tolist() == (1 - labels).tolist()
    assert is_wrong[result.remove].mean() > 0.7


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("label", [0, 1])
def test_a_handful_of_examples(size: int, label: int) -> None:
    pred_probs, labels = np.tile([0.1, 0.7, 0.2], (size, 1)), np.full(size, label)
    result = two_modes(pred_probs, labels)
    check_shape(result, labels)
    assert result.suggested.tolist() == [2 if label == 1 else 1] * size


@pytest.mark.parametrize("size", [1, 5, 20])
def test_false_alarms_on_few_examples_are_no_more_than_stated(size: int) -> None:
    assert alarms_of_right_labels(size, range(size + 1)) <= 0.025


def test_labels_of_one_class() -> None:
    pred_probs, labels, is_wrong = simulate(2000, 0.3, 0)
    angry = labels == 0
    result = two_modes(pred_probs[angry], labels[angry])
    check_shape(result, labels[angry])
    assert result.found
    assert is_wrong[angry][result.remove].mean() > 0.7


def test_a_class_that_no_label_says_is_no_alternative() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 0)
    keep = np.flatnonzero(~np.isin(labels, [0, 4]))
    others = np.array([1, 2, 3, 5, 6])
    result = two_modes(pred_probs[keep], labels[keep])
    check_shape(result, labels[keep])
    assert np.unique(result.suggested).tolist() == others.tolist()
    without = two_modes(pred_probs[keep][:, others], np.searchsorted(others, labels[keep]))
    np.testing.assert_array_equal(result.called, without.called)
    np.testing.assert_allclose(result.score, without.score, rtol=1e-9)
    np.testing.assert_array_equal(result.suggested, others[without.suggested])
    sure_of_none = np.array([[0.0, 0.0, 1.0], [0.9, 0.1, 0.0]])
    assert two_modes(sure_of_none, [0, 1]).score[0] == 0, "all its belief is in a class that does not occur"


def test_certain_beliefs() -> None:
    true = np.arange(140) % 7
    labels = np.where(np.arange(140) < 42, (true + 1) % 7, true)
    result = two_modes(np.eye(7)[true], labels)
    check_shape(result, labels)
    assert result.remove.nonzero()[0].tolist() == list(range(42))
    assert result.suggested[:42].tolist() == true[:42].tolist()


def test_certain_beliefs_in_clean_labels() -> None:
    true = np.arange(140) % 7
    assert not two_modes(np.eye(7)[true], true).found


def test_a_network_that_knows_nothing_accuses_nobody() -> None:
    labels = np.arange(140) % 7
    result = two_modes(np.ones((140, 7)), labels)
    check_shape(result, labels)
    assert not result.found


def test_the_cut_says_the_same() -> None:
    pred_probs, labels, _ = simulate(900, 0.3, 0, frequency=UNEVEN)
    result, cut = two_modes(pred_probs, labels, 0.01, 0.2), cut_between_modes(pred_probs, labels, 0.01, 0.2)
    rather = result.called & (result.probability >= 0.5)
    assert (cut.rule, cut.threshold) == ("two-modes", result.score[rather].min())
    assert np.isnan([cut.m1, cut.m2, cut.std2]).all()
    np.testing.assert_array_equal(cut.remove, result.remove)
    np.testing.assert_array_equal(cut.values, result.score)
    np.testing.assert_array_equal(cut.probabilities, result.probability)
    clean = cut_between_modes(*simulate(300, 0, 0)[:2])
    assert clean.threshold == np.inf
    assert not clean.remove.any()


@pytest.mark.parametrize(
    ("pred_probs", "labels", "message"),
    [
        ([0.5, 0.5], [0], "a label for each example, got shapes"),
        ([[0.5, 0.5]], [0, 1], "a label for each example, got shapes"),
        ([[0.5, 0.5]], [[0]], "a label for each example, got shapes"),
        ([[1.0], [1.0]], [0, 0], "at least two classes"),
        (np.empty((0, 7)), [], "a label for each example, got shapes"),
        ([[0.5, 0.5]], [2], "whole numbers from 0 to 1"),
        ([[0.5, 0.5]], [-1], "whole numbers from 0 to 1"),
        ([[0.5, 0.5]], [0.0], "whole numbers from 0 to 1"),
        ([[0.5, 0.5]], ["angry"], "whole numbers from 0 to 1"),
        ([[0.5, float("nan")]], [0], "probabilities must be finite"),
        ([[0.5, float("inf")]], [0], "probabilities must be finite"),
        ([[1.5, -0.5]], [0], "none below 0"),
        ([[0.5, 0.5], [0.0, 0.0]], [0, 0], "not all 0"),
    ],
)
def test_what_does_not_fit_is_refused(pred_probs: list, labels: list, message: str) -> None:
    for function in (two_modes, log_odds):
        with pytest.raises(InputError, match=message):
            function(pred_probs, labels)


def test_shares_out_of_range_are_refused() -> None:
    for error in (-0.1, 0, 1, float("nan")):
        with pytest.raises(InputError, match="error must lie between 0 and 1"):
            two_modes([[0.5, 0.5]], [0], error=error)
    for rare_share in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="rare_share must be from 0 to 1"):
            two_modes([[0.5, 0.5]], [0], rare_share=rare_share)


@pytest.mark.parametrize("wrong", [0.0, 0.2])
def test_fifty_thousand_examples_take_seconds(wrong: float) -> None:
    pred_probs, labels, _ = simulate(50_000, wrong, 0)
    begin = time.process_time()
    assert two_modes(pred_probs, labels).found == (wrong > 0)
    assert time.process_time() - begin < 60


@pytest.mark.parametrize("present", [2, 3, 5])
def test_classes_that_no_label_names_change_nothing(present: int) -> None:
    pred_probs, labels, _ = simulate(1500, 0.1, 0)
    keep = labels < present
    known = pred_probs[keep][:, :present]
    padded = np.c_[known, np.full((keep.sum(), 7 - present), 1e-4)]
    one, other = two_modes(known, labels[keep]), two_modes(padded, labels[keep])
    assert one.found == other.found
    assert one.share == pytest.approx(other.share)
    np.testing.assert_array_equal(one.called, other.called)
    assert set(other.suggested.tolist()) <= set(range(present))
