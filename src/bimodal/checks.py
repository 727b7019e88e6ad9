"""Fields of settings classes: their help text, and the checks of what a user gave."""

from collections.abc import Iterable
from dataclasses import field
from typing import Any

from bimodal.errors import InputError


def option(default: Any, text: str) -> Any:
    """Return a dataclass field with a default and the help text that the command line shows."""
    return field(default=default, metadata={"help": text})


def check_choice(flag: str, value: object, choices: Iterable[str]) -> None:
    """Raise an `InputError` that names the flag unless `value` is one of `choices`."""
    choices = tuple(choices)
    if value not in choices:
        raise InputError(f"--{flag.replace('_', '-')} must be one of {', '.join(choices)}, got {value!r}")


def check_range(flag: str, value: object, low: float, high: float, whole: bool = False) -> None:
    """Raise an `InputError` that names the flag unless `value` is a number (whole, if asked) from `low` to `high`.

    >>> check_range("lr", 2.0, 0, 1)
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: --lr must be a number from 0 to 1, got 2.0
    """
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        what = "a whole number" if whole else "a number"
        raise InputError(f"--{flag.replace('_', '-')} must be {what} from {low:g} to {high:g}, got {value!r}")
