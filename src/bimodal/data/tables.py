"""Reading CSV files that a user gives."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bimodal.errors import InputError

MAX_TABLE_BYTES = 256 * 2**20  # over a million rows; a larger file is a mistake or an attack


def read_table(path: Path, required: Sequence[str]) -> pd.DataFrame:
    """Read a CSV with every value as text: a picture named `nan` or `1e5` keeps its name.

    Args:
        path: a UTF-8 file, at most 256 MiB.
        required: the columns that must be present; other columns are kept.

    Raises:
        InputError: the file is missing, too large or not a CSV, or it lacks rows or a required column.
    """
    if not path.is_file():
        raise InputError(f"expected a CSV file at {path}, found none")
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise InputError(f"{path} is larger than {MAX_TABLE_BYTES // 2**20} MiB: expected a table of pictures")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # more fields than columns
            frame = pd.read_csv(
                path, dtype=str, na_filter=False, encoding="utf-8-sig", index_col=False, compression=None
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, UnicodeError) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8: {error}") from error
    frame.columns = frame.columns.str.strip()
    missing = [column for column in required if column not in frame.columns]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}: expected {','.join(required)} in its first line")
    if frame.empty:
        raise InputError(f"{path} lists no pictures")
    return frame
