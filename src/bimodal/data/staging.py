"""Writing a folder that is either there, whole, or not there at all."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bimodal.errors import InputError


@contextmanager
def staged_folder(out: Path, overwrite: bool, marks: tuple[str, ...]) -> Iterator[Path]:
    """Give an empty folder beside `out` to write into, and rename it to `out` at the end.

    If anything goes wrong meanwhile, Ctrl-C and a full disk included, it is removed, and `out` stays as it was.

    Args:
        out: the folder to make.
        overwrite: whether it may replace a folder of ours.
        marks: the files by which a folder of ours is known; no other folder is ever replaced.

    Raises:
        InputError: `out` exists, and may not be replaced.
        OSError: it cannot be written.

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "new"
    >>> with staged_folder(out, overwrite=False, marks=("a.txt",)) as folder:
    ...     _ = (folder / "a.txt").write_text("whole")
    >>> [path.name for path in out.parent.iterdir()]
    ['new']
    """
    out = Path(os.path.abspath(out))
    exists = os.path.lexists(out)
    if exists and not overwrite:
        raise InputError(f"{out} exists; choose another folder, or replace it with --overwrite")
    if exists and not _is_ours(out, marks):
        raise InputError(f"--overwrite replaces only a folder with {' and '.join(marks)}, and {out} is none")
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = out.parent / f".bimodal-{secrets.token_hex(6)}"
    staging.mkdir()
    try:
        yield staging
        if exists:
            _replace(out, staging)
        else:
            os.rename(staging, out)
    except BaseException as error:
        shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, error.strerror, str(out)) from error  # copying names the file that it read
        raise


def _is_ours(folder: Path, marks: tuple[str, ...]) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    return all((folder / mark).is_file() for mark in marks) or not any(folder.iterdir())


def _replace(out: Path, staging: Path) -> None:
    old = staging.with_suffix(".old")
    os.rename(out, old)
    try:
        os.rename(staging, out)
    except BaseException:
        with suppress(OSError):
            os.rename(old, out)
        raise
    shutil.rmtree(old)
