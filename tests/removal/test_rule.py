"""The registry of rules: the description of each rule, and a new rule by one registration."""

from collections.abc import Iterator

import numpy as np
import pytest

from bimodal.cli.options import options_of
from bimodal.errors import InputError
from bimodal.removal import RULES, Cut, RemovalSettings, Remover, Rule, RuleInput, register
from bimodal.training.settings import TrainSettings


def worst_of_each_class(given: RuleInput, settings: RemovalSettings) -> Cut:
    """Remove the example with the highest loss of each class."""
    remove = np.zeros(len(given.losses), dtype=bool)
    for label in np.unique(given.labels):
        remove[np.where(given.labels == label, given.losses, -1).argmax()] = True
    return Cut(remove, given.losses, threshold=float(given.losses[remove].min()))


@pytest.fixture
def toy_rule() -> Iterator[Rule]:
    rule = Rule(
        "worst", "remove the highest loss of each class", worst_of_each_class, defaults={"epoch": 2, "min_per_class": 1, "max_share": 0.5},
        includes_threshold=True,
    )  # fmt: skip
    register(rule)
    yield rule
    del RULES[rule.name]


def test_a_new_rule_needs_one_registration(toy_rule: Rule) -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    remover = Remover(labels, RemovalSettings.preset("worst"))
    for _ in range(2):
        remover.update(np.arange(6), [0.1, 0.9, 0.2, 3.0, 2.0, 1.0])
        step = remover.end_epoch()
    assert step is not None
    assert (step.epoch, step.rule, step.rows.tolist()) == (2, "worst", [3, 1])
    assert np.isnan([step.m1, step.m2, step.std2]).all()
    assert np.isnan(step.probabilities).all()
    assert remover.kept.tolist() == [True, False, True, False, True, True]


def test_settings_and_command_line_accept_a_new_rule(toy_rule: Rule) -> None:
    assert TrainSettings.preset("paper", {"removal": "worst"}).removal.epoch == 2
    option = options_of(RemovalSettings, "removal_")[0].default
    assert option.metavar == "wang|slade-gedeon|two-modes|none|worst"
    assert "worst: remove the highest loss of each class" in option.help


def test_without_registration_a_rule_is_unknown() -> None:
    with pytest.raises(InputError, match="--removal must be one of wang, slade-gedeon, two-modes, none, got 'worst'"):
        RemovalSettings.preset("worst")


def test_a_name_is_registered_once(toy_rule: Rule) -> None:
    with pytest.raises(InputError, match="'worst' is registered already"):
        register(toy_rule)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("wang", "a loss above 2.310"),
        ("slade-gedeon", "a loss of at least 2.310"),
        ("two-modes", "odds of at least 10.07 to 1 against the label"),
    ],
)
def test_a_rule_describes_its_threshold(rule: str, words: str) -> None:
    assert RULES[rule].describe_threshold(2.31) == words


def test_help_describes_each_rule() -> None:
    text = options_of(RemovalSettings, "removal_")[0].default.help
    for rule in RULES.values():
        assert f"{rule.name}: {rule.summary}" in text


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule.decide is not None], ids=lambda rule: rule.name
)
def test_threshold_and_scores_give_the_removed_examples(rule: Rule) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600)
    wrong = np.arange(600) < 120
    true = np.where(wrong, (labels + 1) % 3, labels)
    probs = np.exp(4 * np.eye(3)[true] + random.normal(size=(600, 3)))
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
    losses = -np.log(probs[np.arange(600), labels])
    assert rule.decide is not None
    cut = rule.decide(RuleInput(losses, labels, probs), RemovalSettings.preset(rule.name))
    expected = cut.scores >= cut.threshold if rule.includes_threshold else cut.scores > cut.threshold
    assert cut.remove.any()
    np.testing.assert_array_equal(cut.remove, expected)
