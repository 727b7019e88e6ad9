"""Removal settings: the defaults of each rule, and errors that name the option."""

from typing import Any

import pytest

from bimodal.errors import InputError
from bimodal.removal import RULES, RemovalSettings


@pytest.mark.parametrize("rule", list(RULES))
def test_a_preset_has_the_defaults_of_its_rule(rule: str) -> None:
    settings = RemovalSettings.preset(rule)
    assert settings.rule == rule
    for name, value in RULES[rule].defaults.items():
        assert getattr(settings, name) == value


def test_a_preset_takes_changes() -> None:
    settings = RemovalSettings.preset("slade-gedeon", k=0.25, every=3)
    assert (settings.k, settings.every, settings.start, settings.stop_variance) == (0.25, 3, "variance", 0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": -1}, "--removal-k must be a number from 0 to 100, got -1"),
        ({"k": True}, "--removal-k must be a number from 0 to 100, got True"),
        ({"alpha": 0}, "--removal-alpha must be a number from 1e-06 to 0.5, got 0"),
        ({"alpha": 0.6}, "--removal-alpha"),
        ({"rare_share": 1.5}, "--removal-rare-share must be a number from 0 to 1, got 1.5"),
        ({"rare_share": -0.1}, "--removal-rare-share"),
        ({"settle_change": 2}, "--removal-settle-change"),
        ({"settle_epochs": 0}, "--removal-settle-epochs"),
        ({"start_variance": 0.3}, "--removal-start-variance must be a number from 0 to 0.25"),
        ({"every": -1}, "--removal-every must be a whole number of at least 0, got -1"),
        ({"stop_std2": -1}, "--removal-stop-std2"),
        ({"stop_variance": 0.3}, "--removal-stop-variance"),
        ({"max_share": 1.5}, "--removal-max-share must be a number from 0 to 0.9, got 1.5"),
        ({"min_per_class": 0}, "--removal-min-per-class must be a whole number of at least 1, got 0"),
        ({"epoch": 0}, "--removal-epoch must be a whole number of at least 1, got 0"),
        ({"start": "whenever"}, "--removal-start must be one of epoch, settled, variance, got 'whenever'"),
        ({"epochs": 3}, "unknown removal setting epochs; known: rule, k"),
    ],
)
def test_an_error_names_the_option(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        RemovalSettings.preset("wang", **changes)
    assert "\n" not in str(caught.value)


def test_a_rule_may_have_a_narrower_range() -> None:
    assert RemovalSettings.preset("wang", k=2).k == 2
    with pytest.raises(InputError, match="--removal-k must be a number from 0 to 1, got 2"):
        RemovalSettings.preset("slade-gedeon", k=2)


@pytest.mark.parametrize("rule", ["wong", None, ["wang"]])
def test_an_unknown_rule_is_an_error(rule: Any) -> None:
    message = "--removal must be one of wang, slade-gedeon, two-modes, none, got"
    with pytest.raises(InputError, match=message):
        RemovalSettings.preset(rule)
    with pytest.raises(InputError, match=message):
        RemovalSettings(rule=rule)
