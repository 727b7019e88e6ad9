"""Writing a file or a folder so that it is there wholly or not at all, and never over what is not ours."""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from bimodal.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

LOCK = ".lock"
_PREFIX = ".bimodal-"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place.

    A crash, a full disk or Ctrl-C leaves the old file, or none; never half of one.

    Raises:
        OSError: it cannot be written; the error names `path`.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_atomically(folder / "a.txt", lambda file: file.write_text("whole"))
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    part = _beside(path, path.suffix)
    with _errors_name(path):
        try:
            write(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8), wholly or not at all.

    Raises:
        OSError: it cannot be written; the error names `path`.
    """
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def write_csv(path: Path, table: "pd.DataFrame", float_format: str | None = None) -> None:
    """Write a table as CSV without its index, wholly or not at all.

    Raises:
        OSError: it cannot be written; the error names `path`.
    """
    write_atomically(path, lambda file: table.to_csv(file, index=False, float_format=float_format))


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other call away from a folder that is there; the lock goes with the process, however it ends.

    Raises:
        InputError: another call works on it.
    """
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"another call of bimodal works on {folder}; wait for it, or end it") from None
        yield


@contextmanager
def staged_folder(
    out: Path, overwrite: bool = False, ours: Collection[str] = (), marks: Collection[str] = ()
) -> Iterator[Path]:
    """Give an empty folder beside `out` to write into, and rename it to `out` at the end.

    If anything goes wrong meanwhile, Ctrl-C and a full disk included, it is removed, and `out` stays as it was.

    Args:
        out: the folder to make, and the folders above it; it may be there if it is empty.
        overwrite: whether it may replace a folder of ours.
        ours, marks: how to know a folder of ours, see `may_replace`.

    Raises:
        InputError: `out` exists, and may not be replaced.
        OSError: it cannot be written.

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "new"
    >>> with staged_folder(out) as folder:
    ...     _ = (folder / "a.txt").write_text("whole")
    >>> [path.name for path in out.parent.iterdir()]
    ['new']
    """
    out = Path(os.path.abspath(out))
    filled = os.path.lexists(out) and not _is_empty_folder(out)
    if filled and not overwrite:
        raise InputError(f"{out} exists; choose another folder, or replace it with --overwrite")
    may_replace(out, ours, marks)
    with _errors_name(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = _beside(out)
        staging.mkdir()
        try:
            yield staging
            if filled:
                _replace(out, staging)
            else:
                os.rename(staging, out)  # an empty folder gives way to it
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def may_replace(out: Path, ours: Collection[str], marks: Collection[str]) -> None:
    """Refuse to replace a folder that is not ours, or that holds anything which is not.

    A folder that is not there, or is empty, may always be replaced; a link or a file never.

    Args:
        out: the folder.
        ours: the names, or patterns of names (`*.csv`), of all that we write into such a folder.
        marks: the files by which a folder of ours is known.

    Raises:
        InputError: it may not be replaced; the message names what would be lost.

    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> may_replace(home, ours=("a.txt",), marks=("a.txt",))
    >>> (home / "a.txt").touch(); (home / "letter").touch()
    >>> may_replace(home, ours=("a.txt",), marks=("a.txt",))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: ... holds 'letter', which --overwrite would delete; move it away, or ...
    """
    if not os.path.lexists(out) or _is_empty_folder(out):
        return
    if out.is_symlink() or not out.is_dir() or not all((out / mark).is_file() for mark in marks):
        raise InputError(f"--overwrite replaces only a folder with {' and '.join(marks)}, and {out} is none")
    for name in sorted(os.listdir(out)):
        if not any(fnmatchcase(name, own) for own in (*ours, f"{_PREFIX}*")):
            raise InputError(
                f"{out} holds {name!r}, which --overwrite would delete; move it away, or choose another folder"
            )


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _beside(path: Path, suffix: str = "") -> Path:
    return path.with_name(f"{_PREFIX}{secrets.token_hex(6)}{suffix}")


@contextmanager
def _errors_name(path: Path) -> Iterator[None]:
    """Let the system's errors name `path` where they name nothing, or a file of ours that is gone by then."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        named = error.filename is not None and _PREFIX not in str(error.filename)
        if named and error.errno not in _FULL:  # on a full disk, copying names the file that it read
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(out: Path, staging: Path) -> None:
    old = _beside(out)
    try:
        os.rename(out, old)
        os.rename(staging, out)
    except BaseException:  # Ctrl-C comes between any two lines
        if not out.exists():
            with suppress(OSError):
                os.rename(old, out)
        raise
    shutil.rmtree(old)
