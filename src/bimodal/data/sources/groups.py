"""The group of a picture (its film or person), read from its file name."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from bimodal.data.sources.entry import Entry, Source
from bimodal.data.sources.file_names import form_of, stem_of
from bimodal.emotions import code_of
from bimodal.errors import InputError

NAME_BEFORE_NUMBER = r"^(.*?)[\W_]*\d+$"  # Ann_Lee_0002 -> Ann_Lee
_AUTOMATIC = {
    "subjects before two numbers": r"^(.+?)_\d+_\d+$",  # CK+: S010_004_00000017 -> S010
    "names before a number": NAME_BEFORE_NUMBER,
}
_GENERIC = frozenset(
    (
        "img", "im", "image", "images", "face", "faces", "photo", "photos", "picture", "pictures", "pic", "pics",
        "frame", "frames", "dsc", "test", "train", "training", "val", "valid", "validation", "public", "private",
        "crop", "cropped", "aligned", "sample"
    )
)  # fmt: skip
_MIN_SHARE, _MIN_GROUPS, _MAX_SHARE = 0.3, 10, 0.25
_MIN_PERSONS = 3  # of a known form of names; with fewer, three splits cannot keep them apart


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
    return search_rule(NAME_BEFORE_NUMBER if rule == "name-before-number" else rule, "--group")


def search_rule(rule: str, option: str) -> Callable[[str], str]:
    """Return the function from a picture's name to what a regular expression finds in it; `""` if it finds nothing.

    Args:
        rule: is searched for in the file name without its ending; the first bracket counts, or the whole match if there
            is no bracket.
        option: the option that the rule was given to, for the error.

    Raises:
        InputError: the rule is no regular expression.
    """
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise InputError(f"{option} {rule!r} is no regular expression: {error}") from error

    def find(name: str) -> str:
        match = pattern.search(stem_of(name))
        return (match[1 if pattern.groups else 0] or "") if match else ""

    return find


def propose_groups(source: Source) -> Source:
    """Return the source with the groups that its file names show, or unchanged if no rule gives plausible groups.

    File names of a known data set, such as KDEF, show the person. For others there are general rules.
    Groups are plausible if at least 30 % of the names share their group with another name, if there are at least 10
    groups, and if none has more than 25 % of the pictures. A generic word (`img`, `happy`) and a number are no groups.
    """
    form = form_of(entry.name for entry in source.entries)
    if form is not None:
        entries = [replace(entry, group=form.person_of(entry.name)) for entry in source.entries]
        persons = sorted({entry.group for entry in entries} - {""})
        if len(persons) >= _MIN_PERSONS:
            said = f"{len(persons):,} persons in the file names, which have the form of {form.name}, such as {persons[0]!r}"
            return replace(source, entries=entries, name_groups=said)
    for kind, rule in _AUTOMATIC.items():
        group_of = group_rule(rule)
        groups = [group if _is_specific(group := group_of(entry.name)) else "" for entry in source.entries]
        sizes = Counter(group for group in groups if group)
        shared = sum(size for size in sizes.values() if size > 1)
        total = len(groups)
        if len(sizes) >= _MIN_GROUPS and shared >= _MIN_SHARE * total and max(sizes.values()) <= _MAX_SHARE * total:
            entries = [replace(entry, group=group) for entry, group in zip(source.entries, groups, strict=True)]
            example = sizes.most_common(1)[0][0]
            return replace(source, entries=entries, name_groups=f"{len(sizes):,} {kind}, such as {example!r}")
    return source


def _is_specific(group: str) -> bool:
    """Return whether a group has a word that is neither generic nor an emotion.

    >>> _is_specific("Ann_Lee"), _is_specific("S010"), _is_specific("IMG"), _is_specific("happy_face"), _is_specific("12")
    (True, True, False, False, False)
    """
    words = re.findall(r"[^\W\d_]+", group)
    return any(word.casefold() not in _GENERIC and not _is_emotion(word) for word in words)


def _is_emotion(word: str) -> bool:
    try:
        code_of(word)
    except InputError:
        return False
    return True


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
