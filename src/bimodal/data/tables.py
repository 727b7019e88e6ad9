"""Reading CSV files that a user gives, as Excel, LibreOffice, Windows and scripts save them."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pandas as pd

from bimodal.cells import from_cell
from bimodal.data.table_columns import name_columns
from bimodal.data.text_encoding import WINDOWS, encoding_of
from bimodal.errors import InputError
from bimodal.progress import inform

MAX_TABLE_BYTES = 256 * 2**20  # over a million rows; a larger file is a mistake or an attack
MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 4_000_000, 1000, 50_000_000
_BLOCK = 50_000
"""Rows that are lists at the same time: those of a million take ten times the memory of its columns."""
_DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r'"?sep=(.)"?[,;\t]*\s*', re.IGNORECASE)  # a first line that Excel understands
_END = "\0"  # cannot be in the text; if a quotation mark is not closed, the last cell swallows it
_PACKED = {b"PK\x03\x04": "an Excel or zip file", b"\xd0\xcf\x11\xe0": "an Excel file", b"\x1f\x8b": "a gzip file"}


def read_table(path: Path, required: Sequence[str], chosen: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a CSV with every value as text: a picture named `nan` or `1e5` keeps its name.

    Read are UTF-8 (with a mark or without), UTF-16 and Windows-1252, which the terminal says; commas, semicolons, tabs and
    bars between the cells; empty rows; columns without a name, which are left out; and names of columns as `name_columns`
    knows them.

    Args:
        path: the file, at most 256 MiB and 4,000,000 rows.
        required: the columns that must be present; other columns are kept.
        chosen: the user's choice of columns, by bimodal's name: `{"label": "emotion"}`.

    Raises:
        InputError: the file is missing, too large or not a CSV, or it lacks rows or a required column.
    """
    if not path.is_file():
        raise InputError(f"expected a CSV file at {path}, found none")
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise InputError(f"{path} is larger than {MAX_TABLE_BYTES // 2**20} MiB: expected a table of pictures")
    content = path.read_bytes()
    encoding = _encoding(content, path)
    delimiter = _delimiter(content, encoding, required, chosen or {})
    try:
        header, columns = _read(content, encoding, delimiter, path)
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV file: {error}") from error
    if not header:
        raise InputError(f"{path} is empty: expected a first line {','.join(required)}")
    names = name_columns(header, required, path, chosen)
    if not columns:
        raise InputError(f"{path} lists no pictures")
    kept = [place for place, name in enumerate(names) if name]
    frame = pd.DataFrame({place: columns[place] for place in kept})
    frame.columns = pd.Index([names[place] for place in kept])
    return frame


def _encoding(content: bytes, path: Path) -> str:
    for start, kind in _PACKED.items():
        if content.startswith(start):
            raise InputError(f"{path} is {kind}, not a CSV file; save it as CSV UTF-8 and give that")
    try:
        encoding = encoding_of(content)
    except UnicodeError as error:
        raise InputError(f"{path} is not a CSV file in UTF-8, UTF-16 or Windows-1252: {error}") from error
    if encoding == WINDOWS:
        inform(f"{path} is not UTF-8, and is read as Windows-1252; if names look wrong, save it as CSV UTF-8")
    return encoding


def _delimiter(content: bytes, encoding: str, required: Sequence[str], chosen: Mapping[str, str]) -> str:
    """Return the delimiter that shows most of the wanted columns in the first row, else the one that shows most columns."""
    wanted = {name.casefold() for name in (*required, *chosen.values())}

    def score(delimiter: str) -> tuple[int, int]:
        names = next(_rows(content, encoding, delimiter), [])
        return len(wanted & {name.strip().casefold() for name in names}), len(names)

    first = next(iter(TextIOWrapper(BytesIO(content), encoding)), "")
    if declared := _SEPARATOR.fullmatch(first):
        return declared[1]
    try:
        return max(_DELIMITERS, key=score)
    except csv.Error:
        return ","


def _read(content: bytes, encoding: str, delimiter: str, path: Path) -> tuple[list[str], list["pd.Series[str]"]]:
    """Return the names of the columns, and their cells; no columns if there are no rows."""
    rows = _rows(content, encoding, delimiter)
    header = next(rows, [])
    while header and not header[-1].strip():
        header.pop()
    width, kept = len(header), list[list[str]]()
    blocks: list[list[pd.Series[str]]] = []
    has_marks = b"'" in content  # in UTF-16, too; without any, cells need no `from_cell`
    limit = min(MAX_ROWS, MAX_CELLS // max(width, 1))
    if width > MAX_COLUMNS:
        raise InputError(f"{path} has {width:,} columns: expected a table of pictures, at most {MAX_COLUMNS:,}")
    for number, row in enumerate(rows, start=1):
        if len(row) > width:
            if any(cell.strip() for cell in row[width:]):
                raise InputError(
                    f"{path}, row {number}: {len(row)} cells for {width} columns; put a cell that contains {delimiter!r} "
                    "between quotation marks"
                )
            del row[width:]
        elif len(row) < width:
            row += [""] * (width - len(row))
        kept.append([from_cell(cell) for cell in row] if has_marks else row)
        if number > limit:
            raise InputError(f"{path} has more than {limit:,} rows: expected a table of pictures")
        if len(kept) == _BLOCK:
            blocks.append(_columns(kept))
            kept = []
    if kept:
        blocks.append(_columns(kept))
    return header, [pd.concat(column, ignore_index=True) for column in zip(*blocks, strict=True)]


def _columns(rows: list[list[str]]) -> list["pd.Series[str]"]:
    return [pd.Series(cells, dtype=str) for cells in zip(*rows, strict=True)]


def _rows(content: bytes, encoding: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows that are not empty.

    Raises:
        csv.Error: a quotation mark is not closed, or a cell is too long.
    """
    last: list[str] = []
    for row in csv.reader(_lines(content, encoding), delimiter=delimiter):
        last = row
        if row and row[0] != _END and (row[0].strip() or any(cell.strip() for cell in row)):
            yield row
    if last != [_END]:
        raise csv.Error("a quotation mark is not closed")


def _lines(content: bytes, encoding: str) -> Iterator[str]:
    for number, line in enumerate(TextIOWrapper(BytesIO(content), encoding, newline="")):
        if number > 0 or not _SEPARATOR.fullmatch(line):
            yield line
    yield _END
