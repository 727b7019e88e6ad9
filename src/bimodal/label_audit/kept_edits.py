"""Tables of an audit that a person may edit: before one is written again, its edited version is kept beside it."""

import shutil
from itertools import count
from pathlib import Path

import pandas as pd

from bimodal.files import matches_checksum, write_atomically, write_checksum, write_csv
from bimodal.progress import warn


def write_editable(file: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, and its checksum beside it (`suspects.sha256`); an edited version of the file is kept.

    A file that does not match the checksum becomes `suspects.edited-1.csv` (or the next free number), which the terminal
    says, unless it has the same content as the new table.

    Raises:
        OSError: a file cannot be written.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_editable(file, pd.DataFrame({"label": ["sad"]}))
    >>> _ = file.write_text("label\\nhappy\\n")
    >>> write_editable(file, pd.DataFrame({"label": ["fear"]}))
    >>> sorted(each.name for each in file.parent.iterdir())
    ['a.csv', 'a.edited-1.csv', 'a.sha256']
    """
    checksum = file.with_suffix(".sha256")
    old = file.read_bytes() if _is_edited(file) else None
    if old is not None:
        kept = _free_name(file)
        write_atomically(kept, lambda part: shutil.copyfile(file, part))
    write_csv(file, table)
    write_checksum(file, checksum)
    if old is not None and file.read_bytes() == old:
        kept.unlink()
    elif old is not None:
        warn(f"{file} was edited; its old version is now {kept.name}")


def remove_editable(file: Path) -> None:
    """Delete a table of `write_editable`; an edited version is kept under the next free name instead.

    Raises:
        OSError: the file cannot be deleted or renamed.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_editable(file, pd.DataFrame({"label": ["sad"]}))
    >>> _ = file.write_text("label\\nhappy\\n")
    >>> remove_editable(file)
    >>> [each.name for each in file.parent.iterdir()]
    ['a.edited-1.csv']
    """
    if _is_edited(file):
        kept = file.rename(_free_name(file))
        warn(f"{file} was edited; its old version is now {kept.name}")
    file.unlink(missing_ok=True)
    file.with_suffix(".sha256").unlink(missing_ok=True)


def _is_edited(file: Path) -> bool:
    return file.is_file() and not matches_checksum(file, file.with_suffix(".sha256"))


def _free_name(file: Path) -> Path:
    names = (file.with_name(f"{file.stem}.edited-{number}{file.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())
