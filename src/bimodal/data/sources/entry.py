"""What every reader of a source returns: the pictures that it names, and what it saw on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture as its source describes it, nothing translated or checked yet.

    Attributes:
        name: what the source calls it: a path relative to the source, with `/`.
        label: the source's own word for the emotion.
        split: `train`, `val` or `test`, or `""` where the source does not say.
        group: film or person, or `""`.
        original_label: another label that it bore before, or `""`.
        true_label: what it is known to show, an emotion or `no face`, or `""` where nobody knows.
        second_opinion: what somebody else says of it (FERPlus), or `""`.
        votes: how many said what, as `neutral:6 sadness:4`, or `""`.
        content: the file, or the pixels, uint8 (H, W), where the source is one large table.
    """

    name: str
    label: str
    split: str
    content: Path | NDArray[np.uint8]
    group: str = ""
    original_label: str = ""
    true_label: str = ""
    second_opinion: str = ""
    votes: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line of `problems.csv`: what was found on a picture, and what was done about it."""

    image: str
    split: str
    problem: str
    detail: str
    action: str


@dataclass(frozen=True)
class Source:
    """All pictures of a source, and how it wants to be treated unless the user says otherwise.

    Attributes:
        kind: `sfew`, `folders`, `table` or `fer2013`.
        entries: the pictures, in a stable order.
        problems: what was seen on reading, such as files that were ignored.
        labels: the source's own names, `{"contempt": "drop"}`; the user's win over them.
        groups_bind: whether a split that we make must keep groups together.
        val_share: the share of training pictures for validation, where it has to be made.
        drop_duplicates: whether later copies of the same pixels are left out.
    """

    kind: str
    entries: list[Entry]
    problems: list[Problem] = field(default_factory=list)
    labels: Mapping[str, str] = field(default_factory=dict)
    groups_bind: bool = True
    val_share: float = 0.15
    drop_duplicates: bool = False
