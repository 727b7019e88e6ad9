"""Which film or person a picture shows, read from its file's name."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from bimodal.data.sources.entry import Entry
from bimodal.errors import InputError

NAME_BEFORE_NUMBER = r"^(.*?)[\W_]*\d+$"  # Ann_Lee_0002 -> Ann_Lee


def film_of(name: str) -> str:
    """Return the film of an SFEW picture: its name up to the last two numbers; `""` where it has none.

    >>> film_of("Val/Sad/About_A_Boy_000310240_00000007.png"), film_of("happy/me_2.png")
    ('About_A_Boy', '')
    """
    found = re.fullmatch(r"(.+)_\d+_\d+", PurePosixPath(name).stem)
    return found[1] if found else ""


def group_by(rule: str) -> Callable[[str], str]:
    """Return the function from a picture's name to its group.

    Args:
        rule: `name-before-number`, or a regular expression that is searched for in the file's name without
            its ending; the group is its first bracket, or all of it where it has none.

    >>> group_by("name-before-number")("sad/Ann_Lee_0002.jpg"), group_by(r"^s(\\d+)")("s07-happy.png")
    ('Ann_Lee', '07')
    """
    try:
        pattern = re.compile(NAME_BEFORE_NUMBER if rule == "name-before-number" else rule)
    except re.error as error:
        raise InputError(f"--group {rule!r} is no regular expression: {error}") from error

    def group_of(name: str) -> str:
        found = pattern.search(PurePosixPath(name).stem)
        return (found[1 if pattern.groups else 0] or "") if found else ""

    return group_of


def regroup(entries: list[Entry], rule: str) -> list[Entry]:
    """Return the entries with the group that the rule reads from their names.

    Raises:
        InputError: the rule fits no name at all.
    """
    group_of = group_by(rule)
    grouped = [replace(entry, group=group_of(entry.name)) for entry in entries]
    if not any(entry.group for entry in grouped):
        raise InputError(f"--group {rule!r} is neither a column nor fits any file name, such as {entries[0].name!r}")
    return grouped
