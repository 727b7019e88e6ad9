"""Writing files and folders atomically, without ever replacing files that bimodal did not write."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from bimodal.cells import to_cell
from bimodal.errors import InputError
from bimodal.unfinished import PREFIX, replaced, restore, unfinished

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 50_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNWRITTEN = (
    "requested and",
    "write failed",
    "no space left",
    "storagefull",
    "iostream error",
    "unexpected pos",
    "ioerror",
)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file in the same folder, then rename it to `path`.

    After a crash, a full disk or Ctrl-C the old file is unchanged, or there is none; never a part of the new one.

    Raises:
        OSError: the file cannot be written; the error names `path`.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_atomically(folder / "a.txt", lambda file: file.write_text("whole"))
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    part = unfinished(path, path.suffix)
    with errors_name(path):
        try:
            write(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) atomically, see `write_atomically`.

    Raises:
        OSError: the file cannot be written; the error names `path`.
    """
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def write_csv(path: Path, table: "pd.DataFrame | Iterable[pd.DataFrame]", float_format: str | None = None) -> None:
    """Write a table as CSV without its index, atomically, see `write_atomically`.

    Texts that a spreadsheet would take for formulas are written as `to_cell` does; `data.tables.read_table` and
    `runs.read.read_csv` read them back.

    Args:
        path: the file to write.
        table: its content, or parts of it, one after another, with the same columns; at least one.
        float_format: a format for numbers, such as `%.4f`; default: all digits.

    Raises:
        OSError: the file cannot be written; the error names `path`.
    """
    import pandas as pd

    parts = _parts(table) if isinstance(table, pd.DataFrame) else table

    def write(file: Path) -> None:
        with _CsvLines(file.open("wb"), encoding="utf-8", newline="") as stream:
            for number, part in enumerate(parts):
                safe = part.copy(deep=False)
                for column in part.select_dtypes(exclude="number").columns:
                    safe[column] = part[column].map(to_cell)
                safe.to_csv(stream, index=False, header=number == 0, float_format=float_format, lineterminator="\r\n")

    write_atomically(path, write)


def _parts(table: "pd.DataFrame") -> "Iterator[pd.DataFrame]":
    """Yield the rows in parts: the texts of a million take a gigabyte."""
    for start in range(0, max(len(table), 1), _ROWS):
        yield table.iloc[start : start + _ROWS]


class _CsvLines(TextIOWrapper):
    """Ends each row of a CSV with a line feed only.

    The rows come with carriage return and line feed, because only then does Python 3.11 quote cells that hold one of them.
    """

    def write(self, row: str) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_checksum(file: Path, checksum: Path) -> None:
    """Write the SHA-256 of a file to another file.

    Raises:
        OSError: a file cannot be read or written.
    """
    write_text(checksum, sha256_of(file) + "\n")


def matches_checksum(file: Path, checksum: Path) -> bool:
    """Return whether a file still has the checksum that `write_checksum` wrote; False if one of them cannot be read."""
    try:
        return checksum.read_text(encoding="utf-8").strip() == sha256_of(file)
    except (OSError, UnicodeDecodeError):
        return False


@contextmanager
def staged_folder(
    out: Path, overwrite: bool = False, content: Collection[str] = (), marks: Collection[str] = ()
) -> Iterator[Path]:
    """Yield a temporary folder in the same place, and rename it to `out` when the block ends.

    After an error in the block, including Ctrl-C and a full disk, the temporary folder is deleted and `out` is unchanged.

    Args:
        out: the folder to make, with its parents; an empty folder may exist there.
        overwrite: replace a folder that bimodal wrote.
        content, marks: how to recognise such a folder, see `check_replaceable`.

    Raises:
        InputError: `out` exists and may not be replaced.
        OSError: the folder cannot be written.

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "new"
    >>> with staged_folder(out) as folder:
    ...     _ = (folder / "a.txt").write_text("whole")
    >>> [path.name for path in out.parent.iterdir()]
    ['new']
    """
    out = Path(os.path.abspath(out))
    restore(out)
    exists = os.path.lexists(out) and not _is_empty_folder(out)
    if exists and not overwrite:
        raise InputError(f"{out} exists; choose another folder, or replace it with --overwrite")
    check_replaceable(out, content, marks)
    with errors_name(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = unfinished(out)
        staging.mkdir()
        try:
            yield staging
            if exists:
                _replace(out, staging)
            else:
                os.rename(staging, out)  # replaces an empty folder
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def check_replaceable(out: Path, content: Collection[str], marks: Collection[str]) -> None:
    """Raise unless a folder holds only files that bimodal wrote.

    A missing or empty folder may always be replaced; a link or a file never.

    Args:
        out: the folder.
        content: the names, or patterns of names (`*.csv`), of the files that bimodal writes to such a folder.
        marks: the files by which such a folder is recognised.

    Raises:
        InputError: the folder may not be replaced; the message names the file that would be lost.

    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> check_replaceable(home, content=("a.txt",), marks=("a.txt",))
    >>> (home / "a.txt").touch(); (home / "letter").touch()
    >>> check_replaceable(home, content=("a.txt",), marks=("a.txt",))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: ... holds 'letter', which --overwrite would delete; move it away, or ...
    """
    if not os.path.lexists(out) or _is_empty_folder(out):
        return
    if out.is_symlink() or not out.is_dir() or not all((out / mark).is_file() for mark in marks):
        raise InputError(
            f"--overwrite replaces only a folder with {' and '.join(marks)}, which {out} is not; choose another folder"
        )
    for name in sorted(os.listdir(out)):
        if not any(fnmatchcase(name, pattern) for pattern in (*content, f"{PREFIX}*")):
            raise InputError(
                f"{out} holds {name!r}, which --overwrite would delete; move it away, or choose another folder"
            )


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


@contextmanager
def errors_name(path: Path) -> Iterator[None]:
    """Make the system's errors name `path` instead of no file or a temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            _raise_if_unwritten(error, path)
            raise
        named = error.filename is not None and PREFIX not in str(error.filename)
        if named and error.errno not in _FULL:  # on a full disk, a copy names the file that it reads
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    except InputError:
        raise
    except Exception as error:  # each library has a type of its own
        _raise_if_unwritten(error, path)
        raise


def _raise_if_unwritten(error: Exception, path: Path) -> None:
    """Raise an error that names the file if this one is how numpy, PyTorch or safetensors say that a write failed."""
    text = str(error).casefold()
    if any(words in text for words in _UNWRITTEN):
        is_full = "no space" in text or "storagefull" in text or shutil.disk_usage(path.parent).free < 2**20
        code = errno.ENOSPC if is_full else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from error


def _replace(out: Path, staging: Path) -> None:
    old = replaced(staging)
    try:
        os.rename(out, old)
        os.rename(staging, out)
    except BaseException:  # Ctrl-C can come between any two lines
        if not out.exists():
            with suppress(OSError):
                os.rename(old, out)
        raise
    shutil.rmtree(old)


def user_cache_folder() -> Path:
    """Return the user's cache folder for bimodal; make it if it is missing.

    Raises:
        InputError: the folder cannot be made; the message says how to choose another one.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bimodal"
    except RuntimeError as error:
        raise InputError("there is no home folder; set XDG_CACHE_HOME to a folder that can be written") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable_cache(folder, error) from error
    return folder


def unwritable_cache(folder: Path, error: OSError) -> InputError:
    """Return the error for a cache folder of the user that cannot be written."""
    return InputError(
        f"{folder} cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can be written"
    )
