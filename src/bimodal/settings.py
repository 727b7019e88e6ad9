"""Settings: dataclass fields with a help text and a range, their checks, and safe reading of YAML files."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import field, fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import yaml

from bimodal.errors import InputError


def option(
    default: Any,
    text: str | Callable[[], str],
    low: float | None = None,
    high: float | None = None,
    choices: Collection[str] = (),
) -> Any:
    """Return a dataclass field with a default, a help text for the command line, and a range or choices.

    `check_fields` checks the range of a number, both ends included, and the choices of a text. The help text is a function if it
    may change, like `choices`, after the class is defined.
    """
    return field(default=default, metadata={"help": text, "low": low, "high": high, "choices": choices})


def check_fields(settings: Any, prefix: str = "") -> None:
    """Check each field of a settings object against its type, range and choices; call it in `__post_init__`.

    The fields are annotated with types, not with strings; mappings and nested settings are not checked. `prefix` comes before
    the field's name in its command-line option, such as `removal_`.

    Raises:
        InputError: the message names the option, the expected values and the value given.

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
        name = f"{prefix}{each.name}"
        if isinstance(kind, UnionType):  # `str | None`
            kinds = get_args(kind)
            if value is None and type(None) in kinds:
                continue
            kind = next(one for one in kinds if one is not type(None))
        low, high = each.metadata.get("low"), each.metadata.get("high")
        choices = get_args(kind) if get_origin(kind) is Literal else each.metadata.get("choices")
        if choices:
            check_choice(name, value, choices)
        elif kind in (int, float) and low is not None:
            check_range(name, value, low, float("inf") if high is None else high, whole=kind is int)
        elif kind is bool and not isinstance(value, bool):
            raise InputError(f"{_flag(name)} must be true or false, got {value!r}")
        elif kind is str and not isinstance(value, str):
            raise InputError(f"{_flag(name)} must be text, got {value!r}")


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
        number = "a whole number" if whole else "a number"
        limits = f"of at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise InputError(f"{_flag(name)} must be {number} {limits}, got {value!r}")


def plain_yaml(text: str) -> Any:
    """Read plain values from YAML; references are a `yaml.YAMLError`, since a few lines of them can expand to gigabytes.

    >>> plain_yaml("{epochs: 3}")
    {'epochs': 3}
    """
    try:
        return yaml.load(text, _PlainLoader)
    except (ValueError, LookupError, AttributeError, RecursionError) as error:  # such as a date of month 13
        raise yaml.YAMLError(f"{error}") from error


class _PlainLoader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("references (*name) are not supported; write the value out")
        return super().compose_node(parent, index)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
