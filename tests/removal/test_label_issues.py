"""Label issues from predicted probabilities and from losses, and agreement with cleanlab's interface."""

import warnings
from typing import Any, get_args

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bimodal.errors import InputError
from bimodal.removal import LossLedger, find_label_issues, get_label_quality_scores, two_modes
from bimodal.removal.issues import LabelIssues
from bimodal.removal.label_quality import Method
from bimodal.removal.noise_model import label_noise
from tests.removal.test_noise_model import simulate_held_out
from tests.removal.test_two_modes import critical_alpha, max_alarms, simulate


def trained(pred_probs: np.ndarray, labels: np.ndarray, unseen: int = 0) -> LossLedger:
    """Return the ledger of one epoch with all but the last `unseen` examples."""
    ledger = LossLedger(len(labels))
    rows = np.arange(len(labels) - unseen)
    ledger.update(rows, -np.log(pred_probs[rows, labels[rows]]), np.log(pred_probs[rows]))
    ledger.end_epoch()
    return ledger


def bimodal_losses(size: int, wrong: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return losses with a separate mode for wrong labels, and which labels are wrong."""
    rng = np.random.default_rng(seed)
    is_wrong = rng.permutation(size) < round(wrong * size)
    return np.where(is_wrong, rng.normal(3, 0.5, size).clip(1), rng.gamma(2, 0.1, size)), is_wrong


def issues_of(losses: Any) -> np.ndarray:
    """Return the mask of issues from losses alone."""
    labels = np.zeros(np.asarray(losses).shape[-1], dtype=int)
    return find_label_issues(labels, losses=losses)["is_label_issue"].to_numpy()


def ranking_of(losses: Any, alpha: float = 0.05) -> np.ndarray:
    """Return the ranked issues from losses alone."""
    labels = np.zeros(np.asarray(losses).shape[-1], dtype=int)
    return find_label_issues(labels, losses=losses, alpha=alpha, return_indices_ranked_by="probability")


@pytest.mark.parametrize("is_out_of_sample", [True, False])
def test_out_of_sample_probabilities_are_judged_by_label_noise_and_a_ledger_by_two_modes(
    is_out_of_sample: bool,
) -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 0)
    result: LabelIssues
    if is_out_of_sample:
        arguments: dict[str, Any] = {"pred_probs": pred_probs}
        result = label_noise(labels, pred_probs)
    else:
        ledger = trained(pred_probs, labels)
        assert ledger.pred_probs is not None
        arguments, pred_probs = {"losses": ledger}, ledger.pred_probs
        result = two_modes(pred_probs, labels)
    issues = find_label_issues(labels, **arguments)
    assert result.has_label_issues
    assert issues["is_label_issue"].tolist() == result.is_label_issue.tolist()
    assert issues["label_quality"].tolist() == (1 - result.probability).tolist()
    assert issues["given_label"].tolist() == labels.tolist()
    assert issues["predicted_label"].tolist() == pred_probs.argmax(axis=1).tolist()
    assert issues["suggested_label"].tolist() == result.suggested.tolist()
    assert issues.index.tolist() == list(range(900))
    ranked = find_label_issues(labels, **arguments, return_indices_ranked_by="probability")
    assert ranked.dtype == np.int64
    assert sorted(ranked.tolist()) == result.is_label_issue.nonzero()[0].tolist()
    assert (np.diff(result.score[ranked]) <= 0).all(), "most probably wrong first"


def test_a_ledger_with_logits_stands_for_its_predicted_probabilities() -> None:
    pred_probs, labels, _ = simulate(900, 0.2, 0)
    ledger = trained(pred_probs, labels, unseen=100)
    labels[800:] = -1  # outside training
    assert ledger.pred_probs is not None
    expected = find_label_issues(labels[:800], losses=trained(pred_probs[:800], labels[:800]))
    issues = find_label_issues(labels, losses=ledger)
    assert issues[:800].equals(expected)
    assert not issues["is_label_issue"][800:].any()
    assert issues["label_quality"][800:].isna().all()
    assert (issues[["predicted_label", "suggested_label"]][800:] == -1).all(axis=None)


def test_examples_without_predictions_may_be_anywhere() -> None:
    pred_probs, labels, _ = simulate(600, 0.4, 1)
    order = np.random.default_rng(0).permutation(600)
    ledger, places = LossLedger(900), np.sort(np.random.default_rng(1).permutation(900)[:600])
    ledger.update(places[order], np.ones(600), np.log(pred_probs)[order])
    spread = np.zeros(900, dtype=int)
    spread[places] = labels
    plain = find_label_issues(labels, losses=trained(pred_probs, labels))["is_label_issue"].to_numpy()
    mask = find_label_issues(spread, losses=ledger)["is_label_issue"].to_numpy()
    assert mask.nonzero()[0].tolist() == places[plain].tolist()
    quality = get_label_quality_scores(spread, losses=ledger)
    expected = get_label_quality_scores(labels, losses=trained(pred_probs, labels))
    np.testing.assert_allclose(quality[places], expected, rtol=1e-5)
    assert np.isnan(np.delete(quality, places)).all()


def test_alpha_is_that_of_the_rule() -> None:
    pred_probs, labels, _ = simulate(900, 0.05, 3)
    ledger = trained(pred_probs, labels)
    assert ledger.pred_probs is not None
    p = critical_alpha(two_modes(ledger.pred_probs, labels))
    for alpha, finds_issues in ((1.01 * p, True), (0.99 * p, False)):
        ranked = find_label_issues(labels, losses=ledger, alpha=alpha, return_indices_ranked_by="probability")
        assert (ranked.size > 0) == finds_issues


def test_alpha_is_that_of_the_test_of_out_of_sample_probabilities() -> None:
    labels, pred_probs, _ = simulate_held_out(6, 200, 4, 1.2, 0.01)
    for alpha, finds_issues in ((0.05, False), (0.5, True)):
        assert find_label_issues(labels, pred_probs, alpha=alpha)["is_label_issue"].any() == finds_issues


@pytest.mark.parametrize("wrong", [0.1, 0.4])
def test_losses_alone_are_separated_at_their_antimode(wrong: float) -> None:
    losses, is_wrong = bimodal_losses(600, wrong, 0)
    issues = find_label_issues(np.zeros(600, dtype=int), losses=losses)
    assert list(issues.columns) == ["is_label_issue", "label_quality", "given_label"]
    mask = issues["is_label_issue"].to_numpy()
    assert mask.dtype == np.bool_
    assert (mask == is_wrong).mean() > 0.99
    np.testing.assert_allclose(issues["label_quality"], np.exp(-losses))
    ranked = ranking_of(losses)
    assert ranked.dtype == np.int64
    assert ranked.tolist() == np.flatnonzero(mask)[np.argsort(-losses[mask])].tolist()
    np.testing.assert_array_equal(issues_of(5 * losses), mask)


def test_losses_are_compared_on_a_logarithmic_scale() -> None:
    rng = np.random.default_rng(0)
    is_wrong = np.arange(600) < 150
    losses = np.exp(np.where(is_wrong, rng.normal(1, 1, 600), rng.normal(-5, 1, 600)))
    assert (issues_of(losses) == is_wrong).mean() > 0.98


def test_false_alarms_on_losses_with_one_mode_are_at_most_alpha() -> None:
    alarms = [ranking_of(bimodal_losses(300, 0, seed)[0]).size > 0 for seed in range(20)]
    assert sum(alarms) <= max_alarms(0.05, 20)


def test_the_mean_of_losses_by_epoch_counts() -> None:
    losses, is_wrong = bimodal_losses(400, 0.2, 2)
    epochs = losses * 3 * np.random.default_rng(0).dirichlet([1, 1, 1], 400).T
    epochs[0, :50], epochs[1, :50], epochs[2, :50] = np.nan, 0.5 * losses[:50], 1.5 * losses[:50]
    expected = issues_of(losses)
    assert (expected == is_wrong).mean() > 0.98
    np.testing.assert_array_equal(issues_of(epochs), expected)
    assert ranking_of(epochs).tolist() == ranking_of(losses).tolist()
    ledger = LossLedger(400)
    for row in epochs:
        rows = np.flatnonzero(np.isfinite(row))
        ledger.update(rows, row[rows])
        ledger.end_epoch()
    issues = find_label_issues(np.zeros(400, dtype=int), losses=ledger)
    np.testing.assert_array_equal(issues["is_label_issue"], expected)


def test_missing_losses_are_ignored() -> None:
    losses, _ = bimodal_losses(500, 0.2, 3)
    plain = issues_of(losses)
    gaps = np.insert(losses, [0, 250, 500], np.nan)
    rows = np.flatnonzero(np.isfinite(gaps))
    mask = issues_of(gaps)
    assert mask.nonzero()[0].tolist() == rows[plain].tolist()
    assert (np.diff(gaps[ranking_of(gaps)]) <= 0).all()
    np.testing.assert_array_equal(issues_of(np.stack([gaps, gaps])), mask)


def test_very_small_losses_are_no_issues() -> None:
    assert not issues_of(np.random.default_rng(0).random(500) * 1e-5).any()


@pytest.mark.parametrize(
    "losses",
    [
        bimodal_losses(400, 0, 15)[0],  # the antimode is in the thin lower tail
        np.exp(np.random.default_rng(4).normal(-6, 3, 900)),  # losses below the smallest distinguished one form a mode
    ],
    ids=["lower tail", "memorised"],
)
def test_issues_are_never_nearly_all_examples(losses: np.ndarray) -> None:
    assert issues_of(losses).mean() < 0.7


def test_quality_is_the_probability_that_the_label_is_right() -> None:
    labels, pred_probs, is_wrong = simulate_held_out(0, rate=0.2)
    quality = get_label_quality_scores(labels, pred_probs)
    np.testing.assert_array_equal(quality, 1 - label_noise(labels, pred_probs).probability)
    np.testing.assert_array_equal(quality, find_label_issues(labels, pred_probs)["label_quality"])
    assert quality[is_wrong].mean() < 0.5 < 0.8 < quality[~is_wrong].mean()
    assert roc_auc_score(is_wrong, -quality) > 0.85
    losses, _ = bimodal_losses(100, 0.2, 0)
    np.testing.assert_allclose(get_label_quality_scores(np.zeros(100, dtype=int), losses=losses), np.exp(-losses))


def test_quality_of_clean_labels_is_high_and_still_ranks() -> None:
    pred_probs, labels, _ = simulate(900, 0, 0)
    quality = get_label_quality_scores(labels, losses=trained(pred_probs, labels))
    assert quality.min() >= 0.95
    confidence = pred_probs[np.arange(900), labels]
    assert quality[confidence < 0.2].max() < quality[confidence > 0.6].min()


@pytest.mark.parametrize(
    ("losses", "labels", "message"),
    [
        ([1.0, 2.0], [0], "a label for each of 2 examples, got labels of shape \\(1,\\)"),
        (np.ones((3, 2)), [0, 0, 0], "a label for each of 2 examples"),
        ([1.0, 2.0], [[0, 0]], "labels must be whole numbers of shape .N,."),
        (np.ones((2, 2, 2)), [0, 0], "losses must be of shape"),
        (1.0, [0], "losses must be of shape"),
        ([], np.array([], dtype=int), "losses must be of shape"),
        ([1.0, -0.1], [0, 0], "losses must be finite and at least 0"),
        ([1.0, float("inf")], [0, 0], "losses must be finite and at least 0"),
        ([float("nan")] * 2, [0, 0], "there are no losses"),
        (LossLedger(2), [0, 0], "there are no losses"),
        (LossLedger(2), [0], "a label for each of 2 examples"),
    ],
)
def test_invalid_losses_are_an_error(losses: Any, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_label_issues(labels, losses=losses)


def test_invalid_labels_are_an_error() -> None:
    pred_probs, labels, _ = simulate(20, 0, 0)
    for invalid in (labels + 7, labels - 7, labels.astype(float)):
        for function in (find_label_issues, get_label_quality_scores):
            with pytest.raises(InputError, match="labels must be whole numbers"):
                function(invalid, pred_probs)
    with pytest.raises(InputError, match="a label for each of 20 examples"):
        get_label_quality_scores([0], pred_probs)


@pytest.mark.parametrize("function", [find_label_issues, get_label_quality_scores])
def test_arguments_in_the_wrong_order_are_an_error(function: Any) -> None:
    pred_probs, labels, _ = simulate(20, 0, 0)
    losses = -np.log(pred_probs[np.arange(20), labels])
    ledger = trained(pred_probs, labels)
    for args, kwargs, message in [
        ((pred_probs, labels), {}, "labels come first, then pred_probs, or losses"),
        ((losses,), {"losses": labels}, "labels come first, then pred_probs, or losses"),
        ((labels, losses), {}, "pred_probs must be of shape .N, C., got .20,.; give losses as losses="),
        ((ledger, labels), {}, "expected labels first and a LossLedger as losses=ledger"),
        ((labels, ledger), {}, "expected labels first and a LossLedger as losses=ledger"),
        ((labels,), {}, "expected either pred_probs or losses, got neither"),
        ((labels, pred_probs), {"losses": losses}, "expected either pred_probs or losses, got both"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            function(*args, **kwargs)
        assert "\n" not in str(caught.value)


def test_scores_of_cleanlab_need_predicted_probabilities() -> None:
    losses, _ = bimodal_losses(300, 0.2, 0)
    labels = np.zeros(300, dtype=int)
    ranked = find_label_issues(labels, losses=losses, return_indices_ranked_by="self_confidence")
    assert ranked.tolist() == ranking_of(losses).tolist()
    with pytest.raises(InputError, match="the score normalized_margin needs predicted probabilities"):
        find_label_issues(labels, losses=losses, return_indices_ranked_by="normalized_margin")
    with pytest.raises(InputError, match=r"the score must be one of probability, self_confidence.*, got 'margin'"):
        get_label_quality_scores(labels, losses=losses, method="margin")  # type: ignore[arg-type]


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 2.0, float("nan")])
def test_alpha_out_of_range_is_an_error_with_losses_alone(alpha: float) -> None:
    with pytest.raises(InputError, match="alpha must lie between 0 and 1"):
        ranking_of(bimodal_losses(50, 0, 0)[0], alpha=alpha)


def test_issues_have_the_form_of_cleanlabs_and_agree_on_most() -> None:
    theirs = pytest.importorskip("cleanlab.filter").find_label_issues
    pred_probs, labels, _ = simulate(400, 0.2, 5)
    mask = find_label_issues(labels, pred_probs)["is_label_issue"].to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        their_mask = theirs(labels, pred_probs, n_jobs=1)
    assert (mask.dtype, mask.shape) == (their_mask.dtype, their_mask.shape)
    assert (mask & their_mask).sum() > 0.5 * their_mask.sum()
    for method in get_args(Method):
        ranked = find_label_issues(labels, pred_probs, return_indices_ranked_by=method)
        their_ranked = theirs(labels, pred_probs, n_jobs=1, return_indices_ranked_by=method)
        assert (type(ranked), ranked.dtype, ranked.ndim) == (type(their_ranked), their_ranked.dtype, their_ranked.ndim)
        common = set(ranked.tolist()) & set(their_ranked.tolist())
        assert [i for i in ranked.tolist() if i in common] == [i for i in their_ranked.tolist() if i in common]


def test_quality_has_the_form_of_cleanlabs_and_is_as_good() -> None:
    theirs = pytest.importorskip("cleanlab.rank").get_label_quality_scores
    pred_probs, labels, is_wrong = simulate(900, 0.2, 5)
    quality, scores = get_label_quality_scores(labels, pred_probs), theirs(labels, pred_probs)
    assert (quality.shape, quality.dtype.kind) == (scores.shape, scores.dtype.kind)
    lowest = np.argsort(quality)[: is_wrong.sum()]
    assert is_wrong[lowest].mean() > 0.6, "wrong labels have the lowest quality"
    assert roc_auc_score(is_wrong, -quality) >= roc_auc_score(is_wrong, -scores) - 0.02
    for method in get_args(Method):
        np.testing.assert_allclose(
            get_label_quality_scores(labels, pred_probs, method=method), theirs(labels, pred_probs, method=method)
        )
