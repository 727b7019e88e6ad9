"""Reading FER2013, a CSV with `emotion,pixels,Usage`, and the votes of FERPlus for the same rows.

Goodfellow et al., Challenges in representation learning, 2013; Barsoum et al., Training deep networks for
facial expression recognition with crowd-sourced label distribution, 2016.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.label_codes import CODE_TABLES, number_of
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.pixel_rows import SIDE, has_usage, read_pixel_rows
from bimodal.data.tables import read_table
from bimodal.errors import InputError
from bimodal.progress import track
from bimodal.text import plural

CODES = tuple(CODE_TABLES["fer2013"].values())
"""The labels in FER2013's order, which is not that of `emotions.NAMES`."""
VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
"""The columns of votes in FERPlus."""
_SPLITS = {
    "training": "train",
    "train": "train",
    "validation": "val",
    "val": "val",
    "publictest": "test",
    "privatetest": "test",
    "testing": "test",
    "test": "test",
}


def read_fer2013(
    path: Path,
    votes: Path | None = None,
    ferplus: bool = False,
    labels: Mapping[str, str] | None = None,
    codes: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Source:
    """Read FER2013, or a table like it: Training becomes train, PublicTest and PrivateTest become test.

    Later copies of a picture are dropped. The numbers 0 to 6 have FER2013's meaning, unless the table has others that the
    user does not explain; then all numbers are left to `words_of_numbers`. Without a column Usage there are no splits.

    Args:
        path: `fer2013.csv` or `fer2013.csv.gz`.
        votes: FERPlus's `fer2013new.csv`, with the same rows in the same order; its majority is the second opinion.
        ferplus: use the majority of the votes as the label, and FER2013's label as the original label.
        labels: the labels that the user explains; their meaning is not changed here.
        codes: the table of numbers that the user chose, a name of `CODE_TABLES`.
        columns: the columns that the user chose, see `name_columns`.

    Raises:
        InputError: the file is not FER2013, or the votes belong to other rows.
    """
    if ferplus and votes is None:
        raise InputError("--label-from ferplus needs the votes: give --votes fer2013new.csv")
    annotations = _read_annotations(votes) if votes else None
    entries: list[Entry] = []
    problems: list[Problem] = []
    with_usage = has_usage(path)
    row = -1
    for row, each in enumerate(track(read_pixel_rows(path, columns), "reading pictures")):
        name = f"fer{row:07d}.png"  # as FERPlus names it
        split = _SPLITS.get(each.usage.casefold()) if with_usage else ""
        if split is None:
            raise InputError(f"{path}, row {row + 1}: unknown Usage {each.usage!r}; expected {', '.join(_SPLITS)}")
        second, counts = "", ""
        if annotations is not None:
            if row >= len(annotations) or (with_usage and annotations[row][0] != each.usage.casefold()):
                raise InputError(f"expected the votes of {path} in {votes}, but they differ at row {row + 1}")
            _, second, counts = annotations[row]
        if each.picture is None:
            detail = f"row {row + 1}: expected {SIDE * SIDE} numbers from 0 to 255"
            problems.append(Problem(name, split, "unreadable", detail, "left out"))
            continue
        label, original = (second, each.label) if ferplus else (each.label, "")
        entries.append(
            Entry(name, label, split, each.picture, original_label=original, second_opinion=second, votes=counts)
        )
    if annotations is not None and len(annotations) != row + 1:
        numbers = f"{plural(len(annotations), 'row')} for {plural(row + 1, 'picture')}"
        raise InputError(f"expected the votes of {path} in {votes}, but it has {numbers}")
    if row < 0:
        raise InputError(f"expected pictures in {path}, found none")
    drop = dict.fromkeys(("contempt", "unknown", "NF", "undecided"), "drop") if ferplus else {}
    return Source(
        "fer2013",
        _with_names(entries, labels or {}, codes, ferplus),
        problems,
        drop,
        keep_groups_together=not with_usage,
        has_groups=True,
        val_share=0.1,
        drop_duplicates=True,
    )


def _with_names(entries: list[Entry], labels: Mapping[str, str], codes: str | None, ferplus: bool) -> list[Entry]:
    """Give FER2013's numbers their names, if all numbers that the user does not explain are FER2013's."""
    table = CODE_TABLES["fer2013"]
    explained = {number_of(label) for label in labels}
    attribute = "original_label" if ferplus else "label"
    given = {getattr(entry, attribute) for entry in entries}
    open_labels = {label: number for label in given if (number := number_of(label)) and number not in explained}
    if (codes and not ferplus) or not set(open_labels.values()) <= table.keys():
        return entries
    names = {label: table[number] for label, number in open_labels.items()}
    return [
        replace(entry, **{attribute: names.get(getattr(entry, attribute), getattr(entry, attribute))})
        for entry in entries
    ]


def majority(votes: NDArray[np.int64]) -> list[str]:
    """Return the label with most votes in each row (N, 10): a name of `VOTES`, or `undecided` if two have as many.

    >>> majority(np.array([[6, 0, 1, 1, 0, 0, 0, 0, 2, 0], [4, 0, 0, 4, 1, 0, 0, 0, 1, 0]]))
    ['neutral', 'undecided']
    """
    most = votes.max(axis=1, keepdims=True)
    alone = ((votes == most).sum(axis=1) == 1) & (most[:, 0] > 0)
    return [VOTES[k] if clear else "undecided" for k, clear in zip(votes.argmax(axis=1), alone, strict=True)]


def votes_in_words(votes: NDArray[np.int64]) -> list[str]:
    """Return the votes of each row (N, 10) as text, the most frequent label first; `read_votes` is the inverse.

    >>> votes_in_words(np.array([[4, 0, 0, 6, 0, 0, 0, 0, 0, 0]]))
    ['sadness:6 neutral:4']
    """
    orders = np.argsort(-votes, axis=1, kind="stable")
    return [" ".join(f"{VOTES[k]}:{row[k]}" for k in order if row[k]) for row, order in zip(votes, orders, strict=True)]


def read_votes(text: str) -> dict[str, int]:
    """Return the number of votes by label, from a text of `votes_in_words`.

    Raises:
        InputError: the text has another form.

    >>> read_votes("sadness:6 neutral:4")
    {'sadness': 6, 'neutral': 4}
    """
    votes = {}
    for part in text.split():
        name, _, count = part.partition(":")
        if name not in VOTES or not count.isdecimal():
            raise InputError(f"expected votes such as 'sadness:6 neutral:4', got {text!r}")
        votes[name] = int(count)
    return votes


def _read_annotations(path: Path) -> list[tuple[str, str, str]]:
    """Return the Usage, the majority and the votes of each row."""
    frame = read_table(path, ("Usage", *VOTES))
    try:
        votes = frame[list(VOTES)].astype("int64").to_numpy()
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: expected whole numbers of votes: {error}") from error
    usage = frame["Usage"].str.strip().str.casefold()
    return list(zip(usage, majority(votes), votes_in_words(votes), strict=True))
