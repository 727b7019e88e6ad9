"""Command-line options made from the fields of a settings class, so that each is named and explained once."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, get_args

import typer

_PLAIN = (bool, int, float, str)


def options_of(settings: type, prefix: str = "", panel: str | None = None) -> list[inspect.Parameter]:
    """Return an option for each field that has a help text; its default is None, which means: not given.

    >>> from bimodal.removal import RemovalSettings
    >>> [parameter.name for parameter in options_of(RemovalSettings, "removal_")][:3]
    ['removal_rule', 'removal_k', 'removal_alpha']
    """
    return [_option(field, prefix, panel) for field in fields(settings) if field.metadata.get("help")]


def with_options(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> Callable[..., Any]:
    """Let Typer see `parameters` in place of the function's `**values`."""
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    function.__signature__ = signature.replace(parameters=[*own, *parameters])  # type: ignore[attr-defined]
    return function


def _option(field: Field[Any], prefix: str, panel: str | None) -> inspect.Parameter:
    kind = type(field.default) if isinstance(field.default, _PLAIN) else str
    flag = f"--{prefix}{field.name}".replace("_", "-")
    choices = get_args(field.type)
    shown = "" if field.default is MISSING or field.default is None else f" (default: {_show(field.default)})"
    names = [f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag]
    if field.name == "rule":
        names = [f"--{prefix.rstrip('_')}"]
    option = typer.Option(
        None,
        *names,
        help=field.metadata["help"] + shown,
        show_default=False,
        rich_help_panel=panel,
        metavar="|".join(choices) if choices and all(isinstance(c, str) for c in choices) else None,
    )
    return inspect.Parameter(
        prefix + field.name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind | None
    )


def _show(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
