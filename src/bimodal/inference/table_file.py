"""The file of predictions, CSV or JSON lines: written as it goes, taken up where it broke off, in place when whole."""

import csv
import fcntl
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import IO, Any, Self

from bimodal.errors import InputError
from bimodal.files import write_atomically

_MAX_LINE = 2**20


class TableFile:
    """Rows to a file beside its final name (`faces.csv.part`), renamed when all are there.

    All rows of a file (a picture, a video) lie together. When writing is taken up, the last file's are left out and
    made anew, since nobody knows whether they were all there.

    Args:
        out: `.csv` or `.jsonl`.
        columns: of the table; `file` is the first.
        identity: what must be the same for rows to belong together: the model, how faces are found.
        resume: take an interrupted file up.
        overwrite: replace the file, or an interrupted one.

    Attributes:
        done: names of the files whose rows are there already.

    Raises:
        InputError: the ending is another, the file is there, or an interrupted one is, or that is of another call.
        OSError: it cannot be written.
    """

    def __init__(
        self,
        out: Path,
        columns: Sequence[str],
        identity: Mapping[str, Any],
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self._format = format_of(out)
        self.out, self._columns = out, columns
        self.part = part_of(out)
        self._identity_file = out.with_name(f"{out.name}.part.json")
        self.done: frozenset[str] = frozenset()
        self._file: IO[bytes]
        if out.is_dir():
            raise InputError(f"--out must be a file, and {out} is a folder")
        # a part beside a result is of a call that was to replace it
        self._may_replace = overwrite or (resume and self.part.exists())
        self._is_empty = False
        self._refuse_to_replace()
        if self.part.exists() and not (resume or overwrite):
            raise InputError(f"{self.part} is there from an interrupted call: go on with --resume, or use --overwrite")
        begun = self.part.exists() and self.part.stat().st_size > 0
        if begun and not self._identity_file.exists():
            raise InputError(f"{self.part} is in the way; move it, or choose another --out")
        if not begun and self._identity_file.exists() and not self._is_identity(identity):
            raise InputError(f"{self._identity_file} is in the way; move it, or choose another --out")
        out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dict(identity), indent=1, sort_keys=True)
        if resume and begun:
            self._take_up(text)
        else:
            self._file = self.part.open("ab")  # emptied only once it is ours
            self._lock()
            self._file.truncate(0)
            self._is_empty = True
            write_atomically(self._identity_file, lambda file: file.write_text(text, encoding="utf-8"))
            if self._format == "csv":
                self._file.write(_csv_line(columns))
            self._file.flush()  # a call that is killed now can be taken up

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append the rows of a shot."""
        if self._format == "csv":
            lines = b"".join(_csv_line([row[column] for column in self._columns]) for row in rows)
        else:
            lines = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
        self._file.write(lines)
        self._is_empty = False

    def finish(self) -> None:
        """Put the file in its place.

        Raises:
            InputError: another one was put there meanwhile.
        """
        self._refuse_to_replace()
        self._file.flush()
        self.part.replace(self.out)
        self._identity_file.unlink(missing_ok=True)

    def discard(self) -> None:
        """Leave nothing behind."""
        self.part.unlink(missing_ok=True)
        self._identity_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._is_empty:
            self.discard()
        self._file.close()

    def _refuse_to_replace(self) -> None:
        if self.out.exists() and not self._may_replace:
            raise InputError(f"{self.out} exists; choose another --out, or replace it with --overwrite")

    def _is_identity(self, identity: Mapping[str, Any]) -> bool:
        """Whether the file beside the part is one of ours, which a killed call left alone."""
        try:
            if self._identity_file.stat().st_size > _MAX_LINE:
                return False
            known = json.loads(self._identity_file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(known, dict) and known.keys() == identity.keys()

    def _lock(self) -> None:
        """Keep every other call away from the file; the lock goes with the process, however it ends."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise InputError(f"another call of bimodal writes {self.part}; wait for it, or end it") from None

    def _take_up(self, identity: str) -> None:
        file = self._file = self.part.open("r+b")
        self._lock()
        try:
            before = self._identity_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            before = ""
        if before != identity:
            file.close()
            raise InputError(f"{self.part} is of another model or of other settings; begin anew with --overwrite")
        if self._format == "csv" and file.readline(_MAX_LINE) != _csv_line(self._columns):
            file.close()
            raise InputError(f"{self.part} is damaged; begin anew with --overwrite")
        read = _name_in_csv if self._format == "csv" else _name_in_json
        done: set[str] = set()
        current, end = None, file.tell()  # of the last file's rows, the beginning
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


def part_of(out: Path) -> Path:
    """Return the file that is written until all rows are there."""
    return out.with_name(f"{out.name}.part")


def format_of(out: Path) -> str:
    """Return `csv` or `jsonl`.

    Raises:
        InputError: the name ends otherwise.

    >>> format_of(Path("faces.JSONL"))
    'jsonl'
    """
    ending = out.suffix.casefold().removeprefix(".")
    if ending not in ("csv", "jsonl"):
        raise InputError(f"--out must end in .csv or .jsonl, got {out.name!r}")
    return ending


def _csv_line(values: Sequence[Any]) -> bytes:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(["" if value is None else value for value in values])
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _name_in_csv(line: bytes) -> str | None:
    try:
        return next(iter(csv.reader([line.decode("utf-8")])))[0]
    except (UnicodeDecodeError, csv.Error, StopIteration, IndexError):
        return None


def _name_in_json(line: bytes) -> str | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    name = row.get("file") if isinstance(row, dict) else None
    return name if isinstance(name, str) else None
