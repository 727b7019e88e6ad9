"""Checked reading of a run folder's files: sizes, columns, types and ranges; the first bad cell is one error line."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.errors import InputError

_MAX_BYTES = 256 * 2**20
_MAX_ARRAY_BYTES = 2**31


@dataclass(frozen=True)
class Column:
    """How the cells of a column are read and checked.

    Attributes:
        kind: `str`, `int` or `float`.
        low, high: range of a number, both ends included.
        choices: the allowed texts; empty: any text.
        pattern: regular expression of a text.
        optional: whether a cell may be empty: NaN in a column of numbers.
    """

    kind: type = str
    low: float = -np.inf
    high: float = np.inf
    choices: tuple[str, ...] = ()
    pattern: str = "(?s:.*)"
    optional: bool = False

    @property
    def expected(self) -> str:
        """What a cell must hold, for error messages."""
        if self.kind is str:
            return f"one of {', '.join(self.choices)}" if self.choices else f"text like {self.pattern}"
        noun = "a whole number" if self.kind is int else "a number"
        if self.high < np.inf:
            return f"{noun} from {self.low:g} to {self.high:g}"
        return f"{noun} of at least {self.low:g}" if self.low > -np.inf else noun


def read_text(file: Path, max_bytes: int = _MAX_BYTES) -> str:
    """Read a text file.

    Raises:
        InputError: the file is too large or not UTF-8.
    """
    if file.stat().st_size > max_bytes:
        raise InputError(f"{file} must be a file of at most {max_bytes >> 20} MiB, but is larger")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text: {error}") from error


def read_json(file: Path, kind: type) -> Any:
    """Read a JSON file that holds a `dict` or a `list`.

    Raises:
        InputError: the file is too large, not JSON, or holds something else.
    """
    try:
        content = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not readable as JSON: {error}") from error
    if not isinstance(content, kind):
        raise InputError(f"{file} must hold a JSON {kind.__name__}, got a {type(content).__name__}")
    return content


def read_csv(file: Path, columns: Mapping[str, Column]) -> pd.DataFrame:
    """Read a table and check the given columns; other columns are returned as text.

    Raises:
        InputError: the file is too large or not CSV, or lacks a column, or a cell is bad; the message names file, row and
            column.
    """
    if file.stat().st_size > _MAX_BYTES:
        raise InputError(f"{file} must be a file of at most {_MAX_BYTES >> 20} MiB, but is larger")
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")  # an image may be named "NA"
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{file} is not readable as CSV: {error}") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"{file} lacks the column {', '.join(missing)}; was it written by bimodal train?")
    for name, column in columns.items():
        table[name] = _checked(file, name, table[name], column)
    return table


def _checked(file: Path, name: str, cells: "pd.Series[str]", column: Column) -> Any:
    values: Any = cells
    if column.choices:
        bad = ~cells.isin(column.choices)
    elif column.kind is str:
        bad = ~cells.str.fullmatch(column.pattern)
    else:
        values = cells.map(_number)  # exact, which the fast parser of pandas is not
        bad = ~values.between(column.low, column.high)  # NaN is never between
        if column.kind is int:
            bad |= values % 1 != 0
    if column.optional:
        bad &= cells != ""
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise InputError(f"{file}, row {row + 1}: {name} must be {column.expected}, got {cells.iat[row]!r}")
    return values.astype(np.int64) if column.kind is int else values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def read_arrays(file: Path, arrays: Mapping[str, tuple[str, int]], optional: str) -> dict[str, NDArray[Any]]:
    """Read an `.npz` file of arrays of one length, without pickle.

    Args:
        file: the file.
        arrays: name -> (allowed NumPy kinds such as `f` or `iu`, number of dimensions).
        optional: the one of `arrays` that may be missing.

    Raises:
        InputError: the file is damaged, or an array is missing or has another type or shape.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_ARRAY_BYTES:
                raise InputError(f"{file} must hold at most {_MAX_ARRAY_BYTES >> 30} GiB of arrays, but holds more")
        with np.load(file, allow_pickle=False) as content:
            found = {name: content[name] for name in content.files}
    except InputError:
        raise
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{file} is damaged: {error}") from error
    length = len(found["rows"]) if found.get("rows") is not None and found["rows"].ndim else 0
    for name, (kinds, dimensions) in arrays.items():
        if name not in found:
            if name == optional:
                continue
            raise InputError(f"{file} lacks the array {name}; was it written by bimodal train?")
        array = found[name]
        if array.dtype.kind not in kinds or array.ndim != dimensions or len(array) != length:
            raise InputError(
                f"{file}: {name} must have {dimensions} dimension(s), {length} entries and a type of kind {kinds}, "
                f"got {array.dtype} {array.shape}"
            )
    return found
