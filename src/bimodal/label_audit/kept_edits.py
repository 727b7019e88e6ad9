"""Tables of an audit that a person may edit: before one is written again, its edited version is kept beside it."""

import shutil
from pathlib import Path

import pandas as pd

from bimodal.files import matches_checksum, write_atomically, write_checksum, write_csv
from bimodal.progress import warn

_MOST = 10_000


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
    old = file.read_bytes() if file.is_file() and not matches_checksum(file, checksum) else None
    if old is not None:
        kept = next(name for name in _names(file) if not name.exists())
        write_atomically(kept, lambda part: shutil.copyfile(file, part))
    write_csv(file, table)
    write_checksum(file, checksum)
    if old is not None and file.read_bytes() == old:
        kept.unlink()
    elif old is not None:
        warn(f"{file} was edited; its old version is now {kept.name}")


def _names(file: Path) -> list[Path]:
    return [file.with_name(f"{file.stem}.edited-{number}{file.suffix}") for number in range(1, _MOST)]
