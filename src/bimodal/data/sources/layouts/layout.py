"""What the layout of a data set is, and what their readers share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Problem, Source
from bimodal.data.sources.folders import split_of
from bimodal.data.sources.layouts.tree import Tree


@dataclass(frozen=True)
class Layout:
    """The layout of a data set.

    Attributes:
        name: the data set, as its authors write it.
        recognise: whether a folder has this layout.
        read: the reader; it takes `align` of the options.
        note: what is read, and what its labels mean; the terminal shows it.
        knows_codes: whether its labels are words, or numbers whose meaning is known, so that `--codes` is a mistake.
    """

    name: str
    recognise: Callable[[Tree], bool]
    read: Callable[[Tree, PrepareOptions], Source]
    note: str
    knows_codes: bool = True


def split_of_path(name: str) -> str:
    """Return the split that a folder of a picture's path is named after, the outermost first; `""` if there is none.

    >>> split_of_path("archive/val/P001/1.png"), split_of_path("train.png")
    ('val', '')
    """
    return next((split for part in name.split("/")[:-1] if (split := split_of(part))), "")


def splits_of_paths(names: list[str]) -> list[str]:
    """Return the split of each picture by its folders; none at all if some picture lies beside the splits."""
    splits = [split_of_path(name) for name in names]
    return splits if all(splits) else [""] * len(names)


def codes_in_words(meanings: Mapping[str, str]) -> str:
    """Return the meanings of codes as text.

    >>> codes_in_words({"1": "surprise", "2": "fear"})
    '1 surprise, 2 fear'
    """
    return ", ".join(f"{code} {label}" for code, label in meanings.items())


def left_out(names: Iterable[str], why: str) -> list[Problem]:
    """Return the problem `ignored` for each picture that a layout's lists do not label."""
    return [Problem(name, split_of_path(name), "ignored", why, "left out") for name in names]


def groups_in_words(groups: Iterable[str], what: str) -> str:
    """Return how many groups there are, for the terminal; `""` if there are fewer than three.

    >>> groups_in_words(["S1", "S2", "S3", "S1"], "persons in the folders")
    "3 persons in the folders, such as 'S1'"
    """
    found = {group for group in groups if group}
    return f"{len(found):,} {what}, such as {min(found)!r}" if len(found) > 2 else ""
