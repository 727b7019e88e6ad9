"""The result of reading a source: its pictures with their labels, and the problems that the reader met."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bimodal.vision.packed import PictureFile


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture as its source describes it, before labels are translated and pictures checked.

    Attributes:
        name: the source's name of the picture: a path relative to the source, with `/`.
        label: the source's label.
        split: `train`, `val` or `test`, or `""` if the source has no splits.
        content: the file, a part of one, or the pixels, uint8 (H, W), if the source is one large table.
        group: the film or person, or `""`.
        original_label: an earlier label, or `""`.
        true_label: the true emotion, or `no face`, or `""` if it is unknown.
        second_opinion: the label of a second annotation (FERPlus), or `""`.
        votes: the number of votes for each label, as `neutral:6 sadness:4`, or `""`.
        box: the labelled face: left, top, width and height in pixels of the upright picture; None if the source names none.
    """

    name: str
    label: str
    split: str
    content: PictureFile | NDArray[np.uint8]
    group: str = ""
    original_label: str = ""
    true_label: str = ""
    second_opinion: str = ""
    votes: str = ""
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of `problems.csv`: a picture, what is wrong with it, and what `prepare` did."""

    image: str
    split: str
    problem: str
    detail: str
    action: str


@dataclass(frozen=True)
class Source:
    """All pictures of a source, and the defaults for its kind, which the user's options override.

    Attributes:
        kind: `sfew`, `folders`, `nested folders`, `names`, `table`, `fer2013`, or the name of another data set.
        entries: the pictures, in a stable order.
        problems: problems that the reader met, such as files that it ignored.
        labels: the meaning of the source's labels, such as `{"contempt": "drop"}`.
        keep_groups_together: whether a split that `prepare` makes must keep groups and near-duplicates together.
        has_groups: whether the source says which groups its pictures belong to, so that names need not show them.
        name_groups: the groups that the file names show, in words; `""` if these are not plausible or not used.
        val_share: the share of the training pictures for a validation split, if the source has none.
        drop_duplicates: whether later copies of the same pixels are left out.
        origin: the address of the source with its version, if it is not a path; or `""`.
    """

    kind: str
    entries: list[Entry]
    problems: list[Problem] = field(default_factory=list)
    labels: Mapping[str, str] = field(default_factory=dict)
    keep_groups_together: bool = True
    has_groups: bool = False
    name_groups: str = ""
    val_share: float = 0.15
    drop_duplicates: bool = False
    origin: str = ""
