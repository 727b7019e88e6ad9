"""Checked reading of a run folder's files: sizes, columns, types and ranges."""

import math
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.cells import from_cell
from bimodal.errors import InputError
from bimodal.untrusted import plain_json, read_small_text

_MAX_BYTES, _MAX_ARRAY_BYTES = 256 * 2**20, 2**29


@dataclass(frozen=True)
class Column:
    """How the cells of a column are checked: numbers from `low` to `high`, texts among `choices` or of a `pattern`.

    An optional cell may be empty; an empty number becomes NaN.
    """

    kind: type = str
    low: float = -np.inf
    high: float = np.inf
    choices: tuple[str, ...] = ()
    pattern: str = "(?s:.*)"
    optional: bool = False

    def __str__(self) -> str:
        if self.kind is str:
            return f"one of {', '.join(self.choices)}" if self.choices else f"text like {self.pattern}"
        noun = "a whole number" if self.kind is int else "a number"
        if self.high < np.inf:
            return f"{noun} from {self.low:g} to {self.high:g}"
        return f"{noun} of at least {self.low:g}" if self.low > -np.inf else noun


@dataclass(frozen=True)
class Array:
    """How an array is checked: kinds of `dtype`, shape, numbers from `low` to `high`, or NaN if allowed.

    The array has one number for each example or, with a `width`, so many; a width of 0 stands for any.
    """

    kinds: str
    width: int | None = None
    low: float = -np.inf
    high: float = np.inf
    allows_nan: bool = False

    def is_in_range(self, array: NDArray[Any]) -> bool:
        """Return whether all numbers lie in the range."""
        if array.dtype.kind == "b" or not array.size:
            return True
        return bool(((array >= self.low) & (array <= self.high) | (self.allows_nan & np.isnan(array))).all())


def read_text(file: Path, max_bytes: int = _MAX_BYTES) -> str:
    """Read a text file; raise an `InputError` if it is too large or not UTF-8."""
    return read_small_text(file, max_bytes)


def _refuse_large(file: Path, max_bytes: int = _MAX_BYTES) -> None:
    if file.stat().st_size > max_bytes:
        raise InputError(f"{file} must be a file of at most {max_bytes >> 20} MiB, but is larger")


def read_json(file: Path, kind: type) -> Any:
    """Read a JSON file that must hold a `dict` or a `list`; raise an `InputError` for anything else."""
    text = read_text(file)
    try:
        content = plain_json(text)
    except ValueError as error:
        raise InputError(f"{file} is not readable as JSON: {error}") from error
    if not isinstance(content, kind):
        raise InputError(f"{file} must hold a JSON {kind.__name__}, got a {type(content).__name__}")
    return content


def read_csv(file: Path, columns: Mapping[str, Column]) -> pd.DataFrame:
    """Read a table and check the given columns; other columns are returned as text.

    Raises:
        InputError: the file is not such a table; for a bad cell, the message names file, row and column.
    """
    _refuse_large(file)
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")  # a picture may be named "NA"
    except ValueError as error:
        raise InputError(f"{file} is not readable as CSV: {error}") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"{file} lacks the column {', '.join(missing)}; was it written by bimodal train?")
    table = table.map(from_cell)
    for name, column in columns.items():
        cells = table[name]
        if column.kind is str:
            bad = ~(cells.isin(column.choices) if column.choices else cells.str.fullmatch(column.pattern))
        else:
            values = cells.map(_number).astype(np.float64)  # exact, which the fast parser of pandas is not
            bad = ~values.between(column.low, column.high) | np.isinf(values)  # true for NaN
            bad |= (column.kind is int) & (values % 1 != 0)
            table[name] = values
        if column.optional:
            bad &= cells != ""
        if bad.any():
            row = int(bad.to_numpy().argmax())
            raise InputError(f"{file}, row {row + 1}: {name} must be {column}, got {cells.iat[row]!r}")
        if column.kind is int:
            table[name] = table[name].astype(np.int64)
    return table


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def read_arrays(file: Path, arrays: Mapping[str, Array], optional: Collection[str]) -> dict[str, NDArray[Any]]:
    """Read an `.npz` file of arrays as long as its array `rows`, see `read_npz`; those in `optional` may be missing.

    Raises:
        InputError: the file is damaged, or an array is missing or has another type, shape or range.
    """
    found = {name: array for name, array in read_npz(file).items() if name in arrays}
    missing = [name for name in arrays if name not in found and name not in optional]
    if missing:
        raise InputError(f"{file} lacks the array {', '.join(missing)}; was it written by bimodal train?")
    for name, array in found.items():
        expected = arrays[name]
        width = array.shape[-1] if expected.width == 0 and array.ndim else expected.width
        shape = (found["rows"].size,) if width is None else (found["rows"].size, width)
        if array.dtype.kind not in expected.kinds or array.shape != shape:
            wanted = f"the shape {shape} and a type of kind {expected.kinds}"
            raise InputError(f"{file}: {name} must have {wanted}, got {array.dtype} {array.shape}")
        if not expected.is_in_range(array):
            numbers = f"numbers from {expected.low:g} to {expected.high:g}{' or NaN' if expected.allows_nan else ''}"
            raise InputError(f"{file}: {name} must hold {numbers}; the file is damaged")
    return found


def read_npz(file: Path, max_bytes: int = _MAX_ARRAY_BYTES) -> dict[str, NDArray[Any]]:
    """Read all arrays of an `.npz` file, without pickle.

    The sizes that the headers state are checked first, so that a small file cannot fill the memory.

    Raises:
        InputError: the file is damaged, or has more than `max_bytes` of arrays.
        FileNotFoundError: there is no such file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = [_stated_bytes(archive, entry) for entry in archive.infolist()]
            if sum(sizes) > max_bytes:
                raise InputError(f"{file} must hold at most {max_bytes >> 20} MiB of arrays, but holds more")
        with np.load(file, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (InputError, FileNotFoundError):
        raise
    except Exception as error:  # zipfile, zlib and numpy raise many kinds of errors for damaged files
        raise InputError(f"{file} is damaged: {error}") from error


def _stated_bytes(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    """Return how many bytes an array in an archive takes by its own header or by the archive's, whichever says more."""
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(stream)
    return max(entry.file_size, math.prod(shape) * dtype.itemsize)
