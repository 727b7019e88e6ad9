"""Reading tables with the pixels of a picture in each row, such as `fer2013.csv`: `emotion,pixels,Usage`."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.table_columns import SYNONYMS, folded, name_columns
from bimodal.errors import InputError
from bimodal.text import plural

SIDE = 48
MAX_ROWS = 1_000_000
_MAX_LINE = 65_536  # 48 x 48 numbers need at most 9,216 characters
_LABEL = "emotion"  # FER2013's name of the column
_USAGES = ("usage", "split")
_PICTURES = {folded(name) for name in ("image", *SYNONYMS["image"])}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class PixelRow:
    """A row: its label and Usage as text, and its picture, uint8 (48, 48); None if its pixels are damaged."""

    label: str
    usage: str
    picture: NDArray[np.uint8] | None


def is_pixel_table(path: Path) -> bool:
    """Return whether a file, plain or compressed with gzip, has a column `pixels` and none with the paths of pictures."""
    try:
        with _lines(path) as lines:
            names = {folded(name) for name in _first_row(next(lines, ""))[0]}
    except (OSError, UnicodeError, EOFError, csv.Error, zlib.error):
        return False
    return "pixels" in names and not names & _PICTURES


def has_usage(path: Path) -> bool:
    """Return whether such a file says which split a row is of."""
    with _lines(path) as lines:
        return any(folded(name) in _USAGES for name in _first_row(next(lines, ""))[0])


def read_pixel_rows(path: Path, chosen: Mapping[str, str] | None = None) -> Iterator[PixelRow]:
    """Yield the rows, whose columns may be in any order; empty lines are passed over.

    Args:
        path: the file; cells are separated by commas, semicolons or tabs.
        chosen: the user's choice of columns, see `name_columns`.

    Raises:
        InputError: the file is damaged, or a column is missing.
    """
    try:
        with _lines(path) as lines:
            header, delimiter = _first_row(next(lines, ""))
            label, pixels, usage = _places(header, path, chosen or {})
            for row, fields in enumerate(_cells(lines, delimiter)):
                if row >= MAX_ROWS:
                    raise InputError(f"{path} has more than {MAX_ROWS:,} rows: expected fer2013.csv")
                if len(fields) != len(header):
                    raise InputError(f"{path}, row {row + 1}: {plural(len(fields), 'field')}, expected {len(header)}")
                yield PixelRow(
                    fields[label].strip(), fields[usage].strip() if usage >= 0 else "", _parse(fields[pixels])
                )
    except (EOFError, gzip.BadGzipFile, UnicodeError, csv.Error, zlib.error) as error:
        raise InputError(f"{path} is damaged or no fer2013.csv: {error}") from error


def _cells(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    for line in lines:
        if '"' in line:
            yield next(csv.reader([line], delimiter=delimiter))
        elif not line.isspace():
            yield line.rstrip("\r\n").split(delimiter)  # splitting takes a tenth of the time of the CSV reader


def _places(header: list[str], path: Path, chosen: Mapping[str, str]) -> tuple[int, int, int]:
    """Return the places of the label, the pixels and the Usage; the latter is -1 if there is none."""
    if "label" not in chosen:
        emotion = [name for name in header if folded(name) == _LABEL]
        chosen = {**chosen, "label": emotion[0]} if len(emotion) == 1 else chosen
    names = name_columns(header, ("label", "pixels"), path, chosen)
    usage = next((place for place, name in enumerate(names) if folded(name) in _USAGES), -1)
    return names.index("label"), names.index("pixels"), usage


def _first_row(line: str) -> tuple[list[str], str]:
    delimiter = max(",;\t", key=line.count)
    return next(csv.reader([line], delimiter=delimiter), []), delimiter


def _parse(pixels: str) -> NDArray[np.uint8] | None:
    if pixels.encode().translate(None, b"0123456789 \t"):  # numpy would only warn of other characters
        return None
    values = np.fromstring(pixels, dtype=np.int64, sep=" ")
    if values.size != SIDE * SIDE or values.min() < 0 or values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(SIDE, SIDE)


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """Open a text file, plain or compressed with gzip, and yield an iterator of lines of bounded length."""
    with path.open("rb") as raw:
        start = raw.read(2)
    opener = gzip.open if start == b"\x1f\x8b" else open
    with opener(path, "rt", encoding="utf-16" if start in _UTF16 else "utf-8-sig", newline="") as file:
        yield iter(lambda: file.readline(_MAX_LINE), "")
