"""The rule two-modes against literal implementations of its parts, on simulated predicted probabilities."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from scipy.stats import binom, chi2

from bimodal.errors import InputError
from bimodal.removal import RULES, Cut, RemovalSettings, RuleInput, TwoModes, two_modes
from bimodal.removal.log_odds import is_only_rare
from bimodal.removal.two_modes import ALPHA_SHARES, MAX_CONTRADICTED_IF_RIGHT, RARE
from bimodal.removal.unrelated_labels import MAX_SHARE, MAX_UNRELATED_IF_CLEAN, unrelated_labels

Simulated = tuple[np.ndarray, np.ndarray, np.ndarray]
UNEVEN = np.r_[np.full(6, 0.163), 0.022]
"""Class frequencies with a rare last class."""


def simulate(size: int, wrong: float, seed: int, classes: int = 7, frequency: np.ndarray | None = None) -> Simulated:
    """Return pred_probs, labels, and which of them are wrong.

    Three in ten examples are hard to classify, and the network has partly memorised every label.
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


def calibrated(size: int, unrelated: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated pred_probs, and labels of which a share is unrelated to them."""
    rng = np.random.default_rng(seed)
    pred_probs = softmax(8 * rng.normal(size=(size, 7)), axis=1)
    labels = (rng.random((size, 1)) > pred_probs.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return pred_probs, np.where(rng.random(size) < unrelated, (labels + rng.integers(1, 7, size)) % 7, labels)


def critical_alpha(result: TwoModes) -> float:
    """Return the alpha below which no test finds wrong labels."""
    assert np.isinf(result.antimode)
    return min(result.p_contradicted / ALPHA_SHARES[0], result.p_unrelated / ALPHA_SHARES[1])


def max_alarms(alpha: float, tries: int) -> int:
    """Return the 99.9 % quantile of the number of false alarms."""
    return int(binom.ppf(0.999, tries, alpha))


def check_shape(result: TwoModes, labels: np.ndarray) -> None:
    """Check what holds for any pred_probs."""
    assert result.probability.shape == result.score.shape == result.remove.shape == labels.shape
    assert (result.remove.dtype, result.suggested.dtype) == (np.bool_, np.int64)
    assert np.isfinite(result.score).all()
    assert (result.probability >= 0).all()
    assert (result.probability <= 1).all()
    assert (np.diff(result.probability[np.argsort(result.score)]) >= 0).all(), (
        "a higher score means a higher probability"
    )
    assert (result.suggested != labels).all()
    assert not result.remove[result.score < result.threshold].any()
    assert result.has_label_issues == (result.noise_rate > 0) == np.isfinite(result.threshold)
    assert result.noise_rate >= min(result.unrelated, MAX_SHARE) or not result.has_label_issues
    assert not (result.remove & ~result.is_label_issue).any()


@pytest.mark.parametrize("seed", range(5))
def test_clean_labels_have_no_issues(seed: int) -> None:
    pred_probs, labels, _ = simulate(900, 0, seed)
    result = two_modes(pred_probs, labels)
    check_shape(result, labels)
    assert not result.has_label_issues
    assert not result.remove.any()
    assert (result.noise_rate, result.threshold) == (0, np.inf)
    assert 0 < result.probability.max() <= 0.05, "at most alpha"


@pytest.mark.parametrize(
    ("size", "wrong", "f1"), [(5000, 0.05, 0.45), (900, 0.2, 0.65), (900, 0.4, 0.8)], ids=["5 %", "20 %", "40 %"]
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_labels_are_found_and_their_share_is_estimated(size: int, wrong: float, f1: float, seed: int) -> None:
    pred_probs, labels, is_wrong = simulate(size, wrong, seed)
    result = two_modes(pred_probs, labels)
    check_shape(result, labels)
    assert result.has_label_issues
    assert result.noise_rate == pytest.approx(wrong, rel=0.35)
    assert result.probability.sum() == pytest.approx(result.noise_rate * size, rel=1e-6)
    hits = (result.is_label_issue & is_wrong).sum()
    assert 2 * hits / (result.is_label_issue.sum() + is_wrong.sum()) > f1
    assert result.probability[is_wrong].mean() > 2 * result.probability[~is_wrong].mean()


@pytest.mark.parametrize("seed", [0, 1, 9])
def test_modes_that_agree_with_the_labels_do_not_raise_the_noise_rate(seed: int) -> None:
    result = two_modes(*simulate(900, 0.4, seed)[:2])
    assert result.noise_rate == pytest.approx(0.4, rel=0.3)


def clusters(*kinds: tuple[list[float], int]) -> np.ndarray:
    """Return pred_probs of several kinds of examples, each repeated, with a little noise."""
    pred_probs = np.concatenate([np.tile(probs, (count, 1)) for probs, count in kinds])
    return pred_probs * np.exp(np.random.default_rng(0).normal(0, 0.2, pred_probs.shape))


def test_visible_modes_are_sufficient() -> None:
    result = two_modes(clusters(([0.7, 0.15, 0.15], 850), ([0.3, 0.6, 0.1], 150)), np.zeros(1000, dtype=int))
    assert min(result.p_contradicted, result.p_unrelated) > 0.9
    assert result.has_label_issues
    assert result.noise_rate == pytest.approx(0.15, abs=0.01)
    assert result.is_label_issue.nonzero()[0].tolist() == list(range(850, 1000))


def test_the_antimode_separates_visible_modes() -> None:
    result = two_modes(clusters(([0.9, 0.05, 0.05], 280), ([0.02, 0.96, 0.02], 20)), np.zeros(300, dtype=int))
    check_shape(result, np.zeros(300, dtype=int))
    assert -2 < result.antimode < 4
    assert result.is_label_issue.nonzero()[0].tolist() == list(range(280, 300))


def test_two_modes_that_both_agree_with_the_labels_are_no_issues() -> None:
    result = two_modes(clusters(([0.6, 0.2, 0.2], 150), ([0.98, 0.01, 0.01], 150)), np.zeros(300, dtype=int))
    assert (result.has_label_issues, result.antimode) == (False, np.inf)


def test_an_upper_mode_of_nearly_all_is_not_that_of_wrong_labels() -> None:
    result = two_modes(clusters(([0.8, 0.1, 0.1], 75), ([0.1, 0.8, 0.1], 225)), np.zeros(300, dtype=int))
    assert result.antimode == np.inf


def test_the_noise_rate_has_an_upper_bound() -> None:
    true = np.arange(140) % 7
    assert two_modes(np.eye(7)[true], (true + 1) % 7).noise_rate == MAX_SHARE


def test_scores_and_suggestions_equal_a_literal_implementation() -> None:
    pred_probs, labels, _ = simulate(300, 0.2, 0)
    result = two_modes(pred_probs, labels)
    for i, (row, label) in enumerate(zip(pred_probs.tolist(), labels.tolist(), strict=True)):
        others = {c: p for c, p in enumerate(row) if c != label}
        best = max(others, key=others.__getitem__)
        assert result.suggested[i] == best
        assert result.confidence[i] == pytest.approx(row[best])
        assert result.score[i] == pytest.approx(np.log(row[best] / row[label]))


def test_suggestions_for_wrong_labels_are_mostly_true() -> None:
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
    f1 = [2 * hits[k] / (k + 1 + result.noise_rate * 600) for k in range(600)]
    assert result.threshold == result.score[order[int(np.argmax(f1))]]


def test_issues_are_the_scores_from_the_threshold_without_rare_classes() -> None:
    pred_probs, labels, _ = simulate(1500, 0.3, 0, frequency=UNEVEN)
    result = two_modes(pred_probs, labels)
    beyond = result.score >= result.threshold
    only_rare = (pred_probs / pred_probs.mean(axis=0)).argmax(axis=1) == labels
    assert (beyond & only_rare).any()
    np.testing.assert_array_equal(result.is_label_issue, beyond & ~only_rare)


def test_removed_are_the_probably_wrong_labels_outside_rare_classes() -> None:
    pred_probs, labels, is_wrong = simulate(1500, 0.3, 0, frequency=UNEVEN)
    result = two_modes(pred_probs, labels)
    probably_wrong = result.is_label_issue & (result.probability >= 0.5)
    assert probably_wrong[labels == 6].any()
    np.testing.assert_array_equal(result.remove, probably_wrong & (labels != 6))
    assert is_wrong[result.remove].mean() > is_wrong[result.is_label_issue].mean()


def test_examples_contradicted_only_because_of_rarity_are_not_removed() -> None:
    pred_probs, labels, _ = simulate(1500, 0.3, 6, frequency=UNEVEN)
    result = two_modes(pred_probs, labels, rare_share=1)
    assert ((result.probability >= 0.5) & ~result.is_label_issue).any()
    np.testing.assert_array_equal(result.remove, result.is_label_issue & (result.probability >= 0.5))


@pytest.mark.parametrize("rare_share", [0.0, 0.1, 0.5, 1.0])
def test_a_rare_class_loses_no_more_than_its_share(rare_share: float) -> None:
    pred_probs, labels, _ = simulate(1500, 0.3, 1, frequency=UNEVEN)
    result, free = two_modes(pred_probs, labels, rare_share=rare_share), two_modes(pred_probs, labels, rare_share=1)
    rare = labels == 6
    assert result.remove[rare].sum() == min(int(rare_share * rare.sum()), free.remove[rare].sum())
    kept = free.remove & rare & ~result.remove
    assert result.score[kept].max(initial=-np.inf) <= result.score[result.remove & rare].min(initial=np.inf)
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


def test_only_rare_examples_agree_with_their_labels_at_equal_class_frequencies() -> None:
    pred_probs = np.array([[0.9, 0.1]] * 18 + [[0.6, 0.4], [0.99, 0.01]])
    labels = np.array([0] * 18 + [1, 1])
    assert is_only_rare(np.log(pred_probs), labels)[18:].tolist() == [True, False]


def test_the_test_of_contradicted_labels_is_binomial() -> None:
    pred_probs, labels, _ = simulate(900, 0.05, 0)
    for count in (100, 165, 180, 190):
        contradicted = np.where(np.arange(900) < count, 1.0, -1.0)
        result = two_modes(np.c_[np.ones(900), np.exp(contradicted)], np.zeros(900, dtype=int))
        assert result.contradicted == count / 900
        assert result.p_contradicted == pytest.approx(binom.sf(count - 1, 900, MAX_CONTRADICTED_IF_RIGHT), rel=0.3)
    assert two_modes(pred_probs, labels).contradicted == (two_modes(pred_probs, labels).score > 0.5).mean()


@pytest.mark.parametrize("unrelated", [0.0, 0.03, 0.1])
def test_the_test_of_unrelated_labels_is_a_likelihood_ratio(unrelated: float) -> None:
    pred_probs, labels = calibrated(500, unrelated, 5)
    pred_probs = softmax(0.4 * np.log(pred_probs), axis=1)  # underconfident, as networks in training
    shares = np.r_[0.0, MAX_UNRELATED_IF_CLEAN, np.arange(0.0, 0.6, 0.002)][:, None]
    loss = np.full(len(shares), np.inf)
    for temperature in np.geomspace(0.1, 3, 100):
        q = np.exp(log_softmax(np.log(pred_probs) / temperature, axis=1)[np.arange(500), labels])
        loss = np.minimum(loss, -np.log((1 - shares) * q + shares * (1 - q) / 6).sum(axis=1))
    result = two_modes(pred_probs, labels)
    assert result.unrelated == pytest.approx(shares[loss.argmin(), 0], abs=0.003)
    assert result.unrelated == pytest.approx(unrelated, abs=0.02)
    expected = 0.5 * chi2.sf(2 * (loss[1] - loss.min()), df=1) if result.unrelated > MAX_UNRELATED_IF_CLEAN else 1.0
    assert result.p_unrelated == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("wrong", "seed", "decides"), [(0.1, 8, 0), (0.1, 1, 1), (0.05, 3, 1)])
def test_the_tests_share_alpha(wrong: float, seed: int, decides: int) -> None:
    pred_probs, labels, _ = simulate(900, wrong, seed)
    usual = two_modes(pred_probs, labels)
    p, others = np.roll([usual.p_contradicted, usual.p_unrelated], -decides)
    assert p < others / 2
    assert sum(ALPHA_SHARES) == pytest.approx(1)
    assert two_modes(pred_probs, labels, alpha=1.01 * p / ALPHA_SHARES[decides]).has_label_issues
    stricter = two_modes(pred_probs, labels, alpha=0.99 * p / ALPHA_SHARES[decides])
    assert not stricter.has_label_issues
    assert not stricter.remove.any()


def alarms_of_right_labels(size: int, counts: range) -> float:
    """Return the probability of a false alarm at the largest share of contradicted right labels.

    `counts` must contain the smallest number of contradicted labels that raises an alarm.
    """
    for count in counts:
        pred_probs = np.where(np.arange(size)[:, None] < count, [0.35, 0.65], [0.8, 0.2])
        if two_modes(pred_probs, np.zeros(size, dtype=int)).p_contradicted < 0.025:
            return float(binom.sf(count - 1, size, MAX_CONTRADICTED_IF_RIGHT))
    return 0.0


def test_false_alarms_are_at_most_alpha_at_the_largest_share_of_contradicted_right_labels() -> None:
    assert 0.015 < alarms_of_right_labels(400, range(75, 100)) <= 0.025


def test_false_alarms_on_clean_labels_are_at_most_alpha() -> None:
    found = [two_modes(*simulate(600, 0, seed)[:2]).has_label_issues for seed in range(40)]
    assert sum(found) <= max_alarms(0.05, 40)


def test_false_alarms_are_at_most_alpha_at_the_largest_share_of_unrelated_labels() -> None:
    alarms = 0
    for seed in range(100):
        pred_probs, labels = calibrated(900, MAX_UNRELATED_IF_CLEAN, seed)
        alarms += unrelated_labels(np.log(pred_probs), labels)[1] < 0.025
    assert 0 < alarms <= max_alarms(0.025, 100)


def test_the_order_of_the_examples_does_not_matter() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 3, frequency=UNEVEN)
    order = np.random.default_rng(0).permutation(900)
    result, shuffled = two_modes(pred_probs, labels), two_modes(pred_probs[order], labels[order])
    np.testing.assert_array_equal(result.remove[order], shuffled.remove)
    np.testing.assert_array_equal(result.suggested[order], shuffled.suggested)
    np.testing.assert_allclose(result.probability[order], shuffled.probability, rtol=1e-6)
    assert (result.noise_rate, result.p_unrelated) == pytest.approx(
        (shuffled.noise_rate, shuffled.p_unrelated), rel=1e-6
    )


def test_the_names_of_the_classes_do_not_matter() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 4, frequency=UNEVEN)
    code = np.random.default_rng(1).permutation(7)  # class c becomes code[c]
    result, renamed = two_modes(pred_probs, labels), two_modes(pred_probs[:, np.argsort(code)], code[labels])
    np.testing.assert_array_equal(result.remove, renamed.remove)
    np.testing.assert_array_equal(code[result.suggested], renamed.suggested)
    np.testing.assert_allclose(result.probability, renamed.probability, rtol=1e-6)


def test_pred_probs_may_be_unnormalised_and_are_left_unchanged() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 0)
    scaled = pred_probs * np.random.default_rng(0).uniform(0.1, 10, (900, 1))
    before = scaled.copy()
    result, other = two_modes(pred_probs, labels), two_modes(scaled, labels)
    np.testing.assert_array_equal(result.remove, other.remove)
    np.testing.assert_allclose(result.confidence, other.confidence)
    np.testing.assert_allclose(result.probability, other.probability, rtol=1e-6)
    np.testing.assert_array_equal(scaled, before)


def test_single_precision_and_lists_give_the_same_result() -> None:
    pred_probs, labels, _ = simulate(300, 0.2, 0)
    double, single = two_modes(pred_probs.tolist(), labels.tolist()), two_modes(pred_probs.astype(np.float32), labels)
    np.testing.assert_array_equal(double.remove, single.remove)
    np.testing.assert_allclose(double.probability, single.probability, atol=1e-4)


def test_two_classes() -> None:
    pred_probs, labels, is_wrong = simulate(900, 0.3, 0, classes=2)
    result = two_modes(pred_probs, labels)
    check_shape(result, labels)
    assert result.has_label_issues
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
def test_false_alarms_on_few_examples_are_at_most_alpha(size: int) -> None:
    assert alarms_of_right_labels(size, range(size + 1)) <= 0.025


def test_labels_of_one_class() -> None:
    pred_probs, labels, is_wrong = simulate(2000, 0.3, 0)
    angry = labels == 0
    result = two_modes(pred_probs[angry], labels[angry])
    check_shape(result, labels[angry])
    assert result.has_label_issues
    assert is_wrong[angry][result.remove].mean() > 0.7


def test_a_class_without_labels_is_never_suggested() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 0)
    keep = np.flatnonzero(~np.isin(labels, [0, 4]))
    others = np.array([1, 2, 3, 5, 6])
    result = two_modes(pred_probs[keep], labels[keep])
    check_shape(result, labels[keep])
    assert np.unique(result.suggested).tolist() == others.tolist()
    without = two_modes(pred_probs[keep][:, others], np.searchsorted(others, labels[keep]))
    np.testing.assert_array_equal(result.is_label_issue, without.is_label_issue)
    np.testing.assert_allclose(result.score, without.score, rtol=1e-9)
    np.testing.assert_array_equal(result.suggested, others[without.suggested])
    certain = np.array([[0.0, 0.0, 1.0], [0.9, 0.1, 0.0]])
    assert two_modes(certain, [0, 1]).score[0] == 0, "all its probability is in a class that does not occur"


def test_certain_predictions() -> None:
    true = np.arange(140) % 7
    labels = np.where(np.arange(140) < 42, (true + 1) % 7, true)
    result = two_modes(np.eye(7)[true], labels)
    check_shape(result, labels)
    assert result.remove.nonzero()[0].tolist() == list(range(42))
    assert result.suggested[:42].tolist() == true[:42].tolist()


def test_certain_predictions_of_clean_labels() -> None:
    true = np.arange(140) % 7
    assert not two_modes(np.eye(7)[true], true).has_label_issues


def test_uniform_predictions_find_no_issues() -> None:
    labels = np.arange(140) % 7
    result = two_modes(np.ones((140, 7)), labels)
    check_shape(result, labels)
    assert not result.has_label_issues


def decide(pred_probs: np.ndarray, labels: np.ndarray, settings: RemovalSettings) -> Cut:
    rule = RULES["two-modes"]
    assert rule.decide is not None
    return rule.decide(RuleInput(np.zeros(len(labels), dtype=np.float32), labels, pred_probs), settings)


def test_the_rule_decides_as_two_modes() -> None:
    pred_probs, labels, _ = simulate(900, 0.3, 0, frequency=UNEVEN)
    result = two_modes(pred_probs, labels, 0.01, 0.2)
    cut = decide(pred_probs, labels, RemovalSettings.preset("two-modes", alpha=0.01, rare_share=0.2))
    probably_wrong = result.is_label_issue & (result.probability >= 0.5)
    assert cut.threshold == result.score[probably_wrong].min()
    assert np.isnan([cut.m1, cut.m2, cut.std2]).all()
    np.testing.assert_array_equal(cut.remove, result.remove)
    np.testing.assert_array_equal(cut.scores, result.score)
    np.testing.assert_array_equal(cut.probabilities, result.probability)
    clean = decide(*simulate(300, 0, 0)[:2], RemovalSettings.preset("two-modes"))
    assert clean.threshold == np.inf
    assert not clean.remove.any()


@pytest.mark.parametrize(
    ("pred_probs", "labels", "message"),
    [
        ([0.5, 0.5], [0], "expected labels of shape .N,. and predicted probabilities"),
        ([[0.5, 0.5]], [0, 1], "expected labels of shape .N,. and predicted probabilities"),
        ([[0.5, 0.5]], [[0]], "expected labels of shape .N,. and predicted probabilities"),
        ([[1.0], [1.0]], [0, 0], "at least two classes"),
        (np.empty((0, 7)), [], "expected labels of shape .N,. and predicted probabilities"),
        ([[0.5, 0.5]], [2], "whole numbers from 0 to 1"),
        ([[0.5, 0.5]], [-1], "whole numbers from 0 to 1"),
        ([[0.5, 0.5]], [0.0], "whole numbers from 0 to 1"),
        ([[0.5, 0.5]], ["angry"], "whole numbers from 0 to 1"),
        ([[0.5, float("nan")]], [0], "predicted probabilities must be finite"),
        ([[0.5, float("inf")]], [0], "predicted probabilities must be finite"),
        ([[1.5, -0.5]], [0], "none below 0"),
        ([[0.5, 0.5], [0.0, 0.0]], [0, 0], "not all 0"),
    ],
)
def test_invalid_arguments_are_an_error(pred_probs: list, labels: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        two_modes(pred_probs, labels)


def test_alpha_and_rare_share_out_of_range_are_errors() -> None:
    for alpha in (-0.1, 0, 1, float("nan")):
        with pytest.raises(InputError, match="alpha must lie between 0 and 1"):
            two_modes([[0.5, 0.5]], [0], alpha=alpha)
    for rare_share in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="rare_share must be from 0 to 1"):
            two_modes([[0.5, 0.5]], [0], rare_share=rare_share)


@pytest.mark.parametrize("wrong", [0.0, 0.2])
def test_fifty_thousand_examples(wrong: float) -> None:
    pred_probs, labels, _ = simulate(50_000, wrong, 0)
    assert two_modes(pred_probs, labels).has_label_issues == (wrong > 0)


@pytest.mark.parametrize("present", [2, 3, 5])
def test_classes_without_labels_change_nothing(present: int) -> None:
    pred_probs, labels, _ = simulate(1500, 0.1, 0)
    keep = labels < present
    known = pred_probs[keep][:, :present]
    padded = np.c_[known, np.full((keep.sum(), 7 - present), 1e-4)]
    one, other = two_modes(known, labels[keep]), two_modes(padded, labels[keep])
    assert one.has_label_issues == other.has_label_issues
    assert one.noise_rate == pytest.approx(other.noise_rate)
    np.testing.assert_array_equal(one.is_label_issue, other.is_label_issue)
    assert set(other.suggested.tolist()) <= set(range(present))
