"""The group of a picture (its film or person), read from its file name."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from bimodal.data.sources.entry import Entry
from bimodal.errors import InputError

NAME_BEFORE_NUMBER = r"^(.*?)[\W_]*\d+$"  # Ann_Lee_0002 -> Ann_Lee


def film_of(name: str) -> str:
    """Return the film of an SFEW picture: its name up to the last two numbers; `""` if the name has none.

    >>> film_of("Val/Sad/About_A_Boy_000310240_00000007.png"), film_of("happy/me_2.png")
    ('About_A_Boy', '')
    """
    match = re.fullmatch(r"(.+)_\d+_\d+", PurePosixPath(name).stem)
    return match[1] if match else ""


def group_rule(rule: str) -> Callable[[str], str]:
    """Return the function from a picture's name to its group.

    Args:
        rule: `name-before-number`, or a regular expression to search for in the file name without its ending; the group
            is the expression's first bracket, or the whole match if it has no bracket.

    Raises:
        InputError: the rule is no regular expression.

    >>> group_rule("name-before-number")("sad/Ann_Lee_0002.jpg"), group_rule(r"^s(\\d+)")("s07-happy.png")
    ('Ann_Lee', '07')
    """
    try:
        pattern = re.compile(NAME_BEFORE_NUMBER if rule == "name-before-number" else rule)
    except re.error as error:
        raise InputError(f"--group {rule!r} is no regular expression: {error}") from error

    def group_of(name: str) -> str:
        match = pattern.search(PurePosixPath(name).stem)
        return (match[1 if pattern.groups else 0] or "") if match else ""

    return group_of


def group_by_name(entries: list[Entry], rule: str) -> list[Entry]:
    """Return the entries with the group that the rule reads from their names.

    Raises:
        InputError: the rule matches no name.
    """
    group_of = group_rule(rule)
    grouped = [replace(entry, group=group_of(entry.name)) for entry in entries]
    if not any(entry.group for entry in grouped):
        raise InputError(
            f"--group {rule!r} is no column and matches no file name, such as {entries[0].name!r}; "
            "expected a CSV column, name-before-number or a regular expression"
        )
    return grouped
