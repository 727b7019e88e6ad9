"""Settings: fields with a help text and a range, checked in one place, and YAML that a stranger may have written."""

from collections.abc import Iterable
from dataclasses import field, fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import yaml

from bimodal.errors import InputError


def option(default: Any, text: str, low: float | None = None, high: float | None = None) -> Any:
    """Return a dataclass field with a default, the help text that the command line shows, and the range of a number.

    Args:
        default: the value where none is given.
        text: the help text.
        low, high: the range of a number, both ends included; `check_fields` holds it.
    """
    return field(default=default, metadata={"help": text, "low": low, "high": high})


def check_fields(settings: Any) -> None:
    """Check each field of a settings object against its type and range; call it in `__post_init__`.

    Fields of type `Literal` must have one of its values, numbers must lie in the range given to `option`, and `bool`
    and `str` fields must be of that type. Fields of other types (mappings, further settings) are not looked at.

    Raises:
        InputError: the message names the option, what was expected and what came.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Settings:
    ...     lr: float = option(1e-4, "learning rate", 1e-9, 10)
    ...     def __post_init__(self):
    ...         check_fields(self)
    >>> Settings(lr=20)
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: --lr must be a number from 1e-09 to 10, got 20
    """
    for each in fields(settings):
        value, kind = getattr(settings, each.name), each.type
        if isinstance(kind, UnionType):  # `str | None`
            kinds = get_args(kind)
            if value is None and type(None) in kinds:
                continue
            kind = next(one for one in kinds if one is not type(None))
        low, high = each.metadata.get("low"), each.metadata.get("high")
        if get_origin(kind) is Literal:
            check_choice(each.name, value, get_args(kind))
        elif kind in (int, float) and low is not None:
            check_range(each.name, value, low, float("inf") if high is None else high, whole=kind is int)
        elif kind is bool and not isinstance(value, bool):
            raise InputError(f"{_flag(each.name)} must be true or false, got {value!r}")
        elif kind is str and not isinstance(value, str):
            raise InputError(f"{_flag(each.name)} must be text, got {value!r}")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise an `InputError` that names the option unless `value` is one of `choices`."""
    choices = tuple(choices)
    if value not in choices:
        raise InputError(f"{_flag(name)} must be one of {', '.join(choices)}, got {value!r}")


def check_range(name: str, value: object, low: float, high: float, whole: bool = False) -> None:
    """Raise an `InputError` that names the option unless `value` is a number (whole, if asked) from `low` to `high`.

    >>> check_range("lr", 2.0, 0, 1)
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: --lr must be a number from 0 to 1, got 2.0
    """
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        what = "a whole number" if whole else "a number"
        limits = f"of at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise InputError(f"{_flag(name)} must be {what} {limits}, got {value!r}")


def plain_yaml(text: str) -> Any:
    """Read plain values; references are refused, since a few lines of them can stand for gigabytes.

    Raises:
        yaml.YAMLError: it is no YAML, or has references.

    >>> plain_yaml("{epochs: 3}")
    {'epochs': 3}
    """
    try:
        return yaml.load(text, _PlainLoader)
    except (ValueError, LookupError, AttributeError, RecursionError) as error:  # a date of month 13, a hundred brackets
        raise yaml.YAMLError(f"{error}") from error


class _PlainLoader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("references (*name) are not supported; write the value out")
        return super().compose_node(parent, index)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
