"""Reading FER2013, a CSV with `emotion,pixels,Usage`, and the votes of FERPlus for the same rows.

Goodfellow et al., Challenges in representation learning, 2013; Barsoum et al., Training deep networks for
facial expression recognition with crowd-sourced label distribution, 2016.
"""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.tables import read_table
from bimodal.errors import InputError
from bimodal.progress import track
from bimodal.text import plural

CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The labels in FER2013's order, which is not that of `emotions.NAMES`."""
VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
"""The columns of votes in FERPlus."""
SIDE = 48
MAX_ROWS = 1_000_000
_MAX_LINE = 65_536  # 48 x 48 numbers need at most 9,216 characters
_SPLITS = {"training": "train", "publictest": "test", "privatetest": "test"}


def is_fer2013(path: Path) -> bool:
    """Return whether a file begins like `fer2013.csv`, plain or compressed with gzip."""
    with _lines(path) as lines:
        try:
            header = next(lines, "")
        except (OSError, UnicodeError, EOFError):
            return False
    return {"emotion", "pixels"} <= {column.strip().casefold() for column in header.split(",")}


def read_fer2013(path: Path, votes: Path | None = None, ferplus: bool = False) -> Source:
    """Read FER2013: Training becomes train, PublicTest and PrivateTest become test, later copies are dropped.

    Args:
        path: `fer2013.csv` or `fer2013.csv.gz`.
        votes: FERPlus's `fer2013new.csv`, with the same rows in the same order; its majority is the second opinion.
        ferplus: use the majority of the votes as the label, and FER2013's label as the original label.

    Raises:
        InputError: the file is not FER2013, or the votes belong to other rows.
    """
    if ferplus and votes is None:
        raise InputError("--label-from ferplus needs the votes: give --votes fer2013new.csv")
    annotations = _read_annotations(votes) if votes else None
    entries: list[Entry] = []
    problems: list[Problem] = []
    row = -1
    for row, (emotion, pixels, usage) in enumerate(track(_rows(path), "reading pictures")):
        name = f"fer{row:07d}.png"  # as FERPlus names it
        split = _SPLITS.get(usage.strip().casefold())
        if split is None:
            raise InputError(f"{path}, row {row + 1}: unknown Usage {usage!r}; expected {', '.join(_SPLITS)}")
        if not (emotion.strip().isdecimal() and int(emotion) < len(CODES)):
            raise InputError(f"{path}, row {row + 1}: unknown emotion {emotion!r}; expected 0 to {len(CODES) - 1}")
        fer2013_label, second, counts = CODES[int(emotion)], "", ""
        if annotations is not None:
            if row >= len(annotations) or annotations[row][0] != usage.strip().casefold():
                raise InputError(f"expected the votes of {path} in {votes}, but they differ at row {row + 1}")
            _, second, counts = annotations[row]
        picture = _parse(pixels)
        if picture is None:
            detail = f"row {row + 1}: expected {SIDE * SIDE} numbers from 0 to 255"
            problems.append(Problem(name, split, "unreadable", detail, "left out"))
            continue
        label, original = (second, fer2013_label) if ferplus else (fer2013_label, "")
        entries.append(Entry(name, label, split, picture, original_label=original, second_opinion=second, votes=counts))
    if annotations is not None and len(annotations) != row + 1:
        numbers = f"{plural(len(annotations), 'row')} for {plural(row + 1, 'picture')}"
        raise InputError(f"expected the votes of {path} in {votes}, but it has {numbers}")
    if not entries:
        raise InputError(f"expected pictures in {path}, found none")
    drop = dict.fromkeys(("contempt", "unknown", "NF", "undecided"), "drop") if ferplus else {}
    return Source(
        "fer2013",
        entries,
        problems,
        drop,
        keep_groups_together=False,
        has_groups=True,
        val_share=0.1,
        drop_duplicates=True,
    )


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


def _parse(pixels: str) -> NDArray[np.uint8] | None:
    if pixels.encode().translate(None, b"0123456789 \t"):  # numpy would only warn of other characters
        return None
    values = np.fromstring(pixels, dtype=np.int64, sep=" ")
    if values.size != SIDE * SIDE or values.min() < 0 or values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the emotion, the pixels and the Usage of each row; the columns may be in any order."""
    try:
        with _lines(path) as lines:
            reader = csv.reader(lines)
            header = [column.strip().casefold() for column in next(reader, [])]
            missing = [column for column in ("emotion", "pixels", "usage") if column not in header]
            if missing:
                raise InputError(f"{path} has no column {', '.join(missing)}: expected emotion,pixels,Usage")
            order = [header.index(column) for column in ("emotion", "pixels", "usage")]
            rows = (line.rstrip("\r\n").split(",") if '"' not in line else next(csv.reader([line])) for line in lines)
            for row, fields in enumerate(rows):  # splitting takes a tenth of the time of the CSV reader
                if row >= MAX_ROWS:
                    raise InputError(f"{path} has more than {MAX_ROWS} rows: expected fer2013.csv")
                if len(fields) != len(header):
                    raise InputError(f"{path}, row {row + 1}: {plural(len(fields), 'field')}, expected {len(header)}")
                yield fields[order[0]], fields[order[1]], fields[order[2]]
    except (EOFError, gzip.BadGzipFile, UnicodeError, csv.Error) as error:
        raise InputError(f"{path} is damaged or no fer2013.csv: {error}") from error


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """Open a text file, plain or compressed with gzip, and yield an iterator of lines of bounded length."""
    with path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
    opener = gzip.open if compressed else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        yield iter(lambda: file.readline(_MAX_LINE), "")
