"""Command-line options made from the fields of a settings class, so that each is named and explained once."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

_PLAIN = (bool, int, float, str, Path)
LoggerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--logger",
        help="Where the learning curves, settings and removals of each training go, beside its CSV files: tensorboard, wandb (Weights & "
        "Biases), mlflow, or none; several with commas, or repeat the option. wandb and mlflow are set by their environment "
        "variables, such as WANDB_MODE=offline and MLFLOW_TRACKING_URI; they get no pictures. (default: tensorboard)",
        metavar="NAME,...",
    ),
]
"""The option `--logger` of all commands that train."""
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Share the work in shards on Ray: local (the cores of this machine), or the address of a cluster, auto or HOST:PORT, whose "
        "machines all see the files under the same paths. Finished shards stay after an interruption. (default: this process)",
        metavar="local|auto|HOST:PORT",
    ),
]
"""The option `--address` of the commands that compute on many pictures."""


def options_of(settings: type, prefix: str = "", panel: str | None = None) -> list[inspect.Parameter]:
    """Return a keyword parameter for each field of a settings class that was made with `bimodal.settings.option`.

    Its default is None, which means that the user did not give the option; the help text shows the field's default.

    Args:
        prefix: comes before each name, such as `removal_`.
        panel: heading of these options in `--help`.

    >>> from bimodal.removal import RemovalSettings
    >>> [parameter.name for parameter in options_of(RemovalSettings, "removal_")][:2]
    ['removal_rule', 'removal_k']
    """
    return [_option(field, prefix, panel) for field in fields(settings) if field.metadata.get("help")]


def with_options(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> Callable[..., Any]:
    """Replace `**values` in the signature of a function by `parameters`, so that Typer offers them as options."""
    signature = inspect.signature(function)
    named = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    function.__signature__ = signature.replace(parameters=[*named, *parameters])  # type: ignore[attr-defined]
    return function


def _option(field: Field[Any], prefix: str, panel: str | None) -> inspect.Parameter:
    types = get_args(field.type) or (field.type,)  # of `float | None`: float
    kind = next((each for each in types if each in _PLAIN), str)
    flag = f"--{prefix}{field.name}".replace("_", "-")
    text, choices = field.metadata["help"], tuple(field.metadata.get("choices", ()))
    if get_origin(field.type) is Literal:
        choices = get_args(field.type)
    has_default = field.default is not MISSING and field.default is not None
    if field.name == "rule":
        flag = f"--{prefix.rstrip('_')}"
    elif kind is bool:
        flag = f"{flag}/--no-{flag[2:]}"
    sentence = _sentence(text() if callable(text) else text)
    sentence += f" (default: {_text(field.default)})" if has_default else ""
    option = typer.Option(None, flag, help=sentence, rich_help_panel=panel, metavar="|".join(choices) or None)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(prefix + field.name, keyword, default=option, annotation=kind | None)


def _sentence(text: str) -> str:
    """Return a help text with a capital letter and a full stop.

    >>> _sentence("learning rate of Adam")
    'Learning rate of Adam.'
    """
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _text(value: Any) -> str:
    """Return a default as the user would type it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
