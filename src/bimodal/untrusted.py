"""Small text and JSON files that bimodal wrote, and that somebody may have changed."""

import json
from pathlib import Path
from typing import Any

from bimodal.errors import InputError

_MAX_BYTES = 2**20


def read_small_text(file: Path, most_bytes: int = _MAX_BYTES) -> str:
    """Read a text file in UTF-8 of at most `most_bytes`.

    Raises:
        InputError: it is larger, or it is not UTF-8.
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise InputError(f"{file} must be a file of at most {most_bytes / 2**20:g} MiB, but is larger")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text: {error}") from error


def plain_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or has a number of too many digits.

    >>> plain_json('{"epochs": 3}')
    {'epochs': 3}
    >>> plain_json("[" * 100_000)
    Traceback (most recent call last):
    ...
    ValueError: it is nested too deeply
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_small_json(file: Path) -> dict[str, Any]:
    """Read the object of a JSON file of at most 1 MiB.

    Raises:
        ValueError: the file is larger or not UTF-8, see `plain_json`, or it holds no object.
        OSError: it cannot be read.
    """
    content = plain_json(read_small_text(file))
    if not isinstance(content, dict):
        raise ValueError(f"expected an object, got {type(content).__name__}")
    return content
