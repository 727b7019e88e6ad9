"""Write the table of predictions, CSV or JSON lines, row by row; an interrupted table can be resumed."""

import csv
import fcntl
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import IO, Any, Self

from bimodal.cells import from_cell, to_cell
from bimodal.errors import InputError
from bimodal.files import errors_name, write_text
from bimodal.untrusted import plain_json, read_small_text

_MAX_LINE = 2**20


class TableFile:
    """Writes rows to a temporary file (`faces.csv.part`), which gets its final name when the table is complete.

    The rows of one input file (an image or a video) stand together. Resuming drops the rows of the last input file,
    because they may be incomplete, and predicts that file again.

    The first column is `file`. Rows of one table share the `identity`: the settings and the model. `done` has the names
    of the input files whose rows are complete.

    Raises:
        InputError: `out` has another suffix, exists, or was interrupted and neither `resume` nor `overwrite` is given;
            or the interrupted table is damaged or has another identity.
    """

    def __init__(
        self,
        out: Path,
        columns: Sequence[str],
        identity: Mapping[str, Any],
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self._format = table_format(out)
        self.out, self._columns = out, columns
        self.part = part_file(out)
        self._identity_file = out.with_name(f"{out.name}.part.json")
        self.done: frozenset[str] = frozenset()
        self._file: IO[bytes]
        if out.is_dir():
            raise InputError(f"--out must be a file, but {out} is a folder")
        left = self.part.exists()
        # a temporary file beside a complete table was left by a call with --overwrite
        self._may_replace = overwrite or (resume and left)
        self._is_empty = False
        self._refuse_to_replace()
        if left and not (resume or overwrite):
            raise InputError(f"{self.part} is left from an interrupted call; use --resume or --overwrite")
        begun = left and self.part.stat().st_size > 0
        foreign = self.part if begun and not self._identity_file.exists() else None
        if not begun and self._identity_file.exists() and not self._is_identity(identity):
            foreign = self._identity_file
        if foreign is not None:
            raise InputError(f"{foreign} is not a file of bimodal; move it, or choose another --out")
        out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dict(identity), indent=1, sort_keys=True)
        if resume and begun:
            self._continue(text)
        else:
            self._file = self.part.open("ab")  # emptied only after it is locked
            self._lock()
            self._file.truncate(0)
            self._is_empty = True
            write_text(self._identity_file, text)
            if self._format == "csv":
                self._file.write(_csv_line(columns))
            self._file.flush()  # so that a call that is killed now can be resumed

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append the rows of one image or frame."""
        if self._format == "csv":
            lines = b"".join(_csv_line([row[column] for column in self._columns]) for row in rows)
        else:
            lines = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
        with errors_name(self.out):
            self._file.write(lines)
        self._is_empty = False

    def finish(self) -> None:
        """Give the complete table its final name; raise an `InputError` if another program has made such a file meanwhile."""
        self._refuse_to_replace()
        with errors_name(self.out):
            self._file.flush()
            self.part.replace(self.out)
        self._identity_file.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the temporary files."""
        self.part.unlink(missing_ok=True)
        self._identity_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._is_empty:
            self.discard()
        with errors_name(self.out):
            self._file.close()

    def _refuse_to_replace(self) -> None:
        if self.out.exists() and not self._may_replace:
            raise InputError(f"{self.out} exists; choose another --out, or replace it with --overwrite")

    def _is_identity(self, identity: Mapping[str, Any]) -> bool:
        """Return whether the identity file was written by bimodal, by a call that was killed before its first row."""
        try:
            with self._identity_file.open("rb") as stream:
                known = plain_json(stream.read(_MAX_LINE).decode("utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(known, dict) and known.keys() == identity.keys()

    def _lock(self) -> None:
        """Lock the file against other calls; the lock ends with the process."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise InputError(f"another call of bimodal writes {self.part}; wait until it ends, or stop it") from None

    def _continue(self, identity: str) -> None:
        """Read the files that are done, and cut off the rows of the last file."""
        file = self._file = self.part.open("r+b")
        self._lock()
        try:
            before = read_small_text(self._identity_file)
        except (OSError, ValueError):
            before = ""
        problem = "" if before == identity else "was written with another model or other settings"
        if not problem and self._format == "csv" and file.readline(_MAX_LINE) != _csv_line(self._columns):
            problem = "is damaged"
        if problem:
            file.close()
            raise InputError(f"{self.part} {problem}; start again with --overwrite")
        read = _name_in_csv if self._format == "csv" else _name_in_json
        done: set[str] = set()
        current, end = None, file.tell()  # the last input file, and where its rows start
        start = end
        while (line := file.readline(_MAX_LINE)).endswith(b"\n"):
            name = read(line)
            if name is None:
                break
            if name != current:
                if current is not None:
                    done.add(current)
                current, end = name, start
            start = file.tell()
        self.done = frozenset(done)
        file.truncate(end)
        file.seek(end)


def part_file(out: Path) -> Path:
    """Return the temporary file of an incomplete table."""
    return out.with_name(f"{out.name}.part")


def table_format(out: Path) -> str:
    """Return the format of a table, `csv` or `jsonl`; raise an `InputError` if it has another suffix."""
    ending = out.suffix.casefold().removeprefix(".")
    if ending not in ("csv", "jsonl"):
        raise InputError(f"--out must end in .csv or .jsonl, got {out.name!r}")
    return ending


def _csv_line(values: Sequence[Any]) -> bytes:
    buffer = StringIO()
    csv.writer(buffer).writerow(["" if value is None else to_cell(value) for value in values])
    row = buffer.getvalue().removesuffix("\r\n")  # with this ending, a cell with a carriage return is quoted
    return f"{row}\n".encode("utf-8", "backslashreplace")


def _name_in_csv(line: bytes) -> str | None:
    try:
        return from_cell(next(csv.reader([line.decode("utf-8")]))[0])
    except (UnicodeDecodeError, csv.Error, StopIteration, IndexError):
        return None


def _name_in_json(line: bytes) -> str | None:
    try:
        row = plain_json(line.decode("utf-8"))
    except ValueError:
        return None
    name = row.get("file") if isinstance(row, dict) else None
    return name if isinstance(name, str) else None
