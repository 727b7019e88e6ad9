"""What the inspection of pictures found, kept on disk until `prepare` ends, so that an interrupted call can be continued."""

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np

from bimodal.data.near_duplicates import Thumbnails
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry
from bimodal.errors import InputError
from bimodal.locks import locked
from bimodal.progress import inform
from bimodal.text import plural
from bimodal.unfinished import PREFIX
from bimodal.version import __version__
from bimodal.vision.packed import PackedPicture

_COLUMNS = "key, digest, stored_digest, flag, crop, thumbnail, problem, detail"
_BATCH, _INTERVAL_S = 500, 1.0


@dataclass(frozen=True)
class Found:
    """What the inspection of one picture found.

    Attributes:
        digest, stored_digest, flag, thumbnail: see `Example`.
        crop: whether the face was cut out, to `InspectionLog.crop(key)`.
        problem, detail: why the picture cannot be used, for `problems.csv`; `""` if it can.
    """

    digest: bytes | None = None
    stored_digest: bytes | None = None
    flag: str = ""
    crop: bool = False
    thumbnail: Thumbnails | None = None
    problem: str = ""
    detail: str = ""


class InspectionLog:
    """The pictures that were inspected, by a digest of the file's path, size and time, or of the pixels; safe for threads."""

    def __init__(self, folder: Path, options: PrepareOptions) -> None:
        self._folder = folder
        self._identity = _identity(options)
        self._lock = Lock()
        self._waiting: list[tuple[object, ...]] = []
        self._written = time.monotonic()
        (folder / "crops").mkdir(exist_ok=True)
        file = folder / "found.sqlite"
        try:
            self._open(file)
        except sqlite3.DatabaseError:  # damaged: the pictures are inspected again
            file.unlink(missing_ok=True)
            try:
                self._open(file)
            except sqlite3.DatabaseError:  # a full disk, which ends the call when it writes the pictures
                self._open(":memory:")

    def _open(self, file: Path | str) -> None:
        self._table = sqlite3.connect(file, check_same_thread=False)
        self._table.execute("pragma synchronous = off")  # the rows must survive this process, not the machine
        self._table.execute(f"create table if not exists found ({_COLUMNS}, primary key (key)) without rowid")
        self.count = int(self._table.execute("select count(*) from found").fetchone()[0])

    def key(self, entry: Entry) -> bytes:
        """Return the key of a picture: it changes with the file, the box, the options and the version of bimodal."""
        digest = hashlib.blake2b(self._identity, digest_size=16)
        if isinstance(entry.content, Path):
            digest.update(os.fsencode(entry.content))
            with suppress(OSError):  # what cannot be read is a problem, which decoding finds
                state = entry.content.stat()
                digest.update(f"\0{state.st_size} {state.st_mtime_ns}".encode())
        elif isinstance(
            entry.content, PackedPicture
        ):  # by its bytes: those of a Parquet file are unpacked elsewhere each time
            digest.update(entry.content.name.encode("utf-8", "surrogateescape"))
            with suppress(OSError):
                digest.update(b"\0" + entry.content.read_bytes())
        else:
            digest.update(f"{entry.content.shape}".encode() + entry.content.tobytes())
        digest.update(f"\0{entry.box}".encode())
        return digest.digest()

    def crop(self, key: bytes) -> Path:
        """Return the file for the face that is cut out of a picture."""
        return self._folder / "crops" / f"{key.hex()}.png"

    def recall(self, key: bytes) -> Found | None:
        """Return what an interrupted call found; None if this picture is new."""
        if not self.count:
            return None
        with self._lock:
            row = self._table.execute(f"select {_COLUMNS} from found where key = ?", (key,)).fetchone()
        if row is None or (row[4] and not self.crop(key).is_file()):
            return None
        thumbnail = None if row[5] is None else np.frombuffer(row[5], np.float16)
        return Found(row[1], row[2], row[3], bool(row[4]), thumbnail, row[6], row[7])

    def keep(self, key: bytes, found: Found) -> None:
        """Keep what was found; at most a second of work is lost if this process is killed."""
        thumbnail = None if found.thumbnail is None else found.thumbnail.tobytes()
        row = (key, found.digest, found.stored_digest, found.flag, found.crop, thumbnail, found.problem, found.detail)
        with self._lock:
            self._waiting.append(row)
            if len(self._waiting) >= _BATCH or time.monotonic() - self._written > _INTERVAL_S:
                self._write()

    def _write(self) -> None:
        with suppress(sqlite3.Error), self._table:  # a full disk: what is not kept is inspected again
            marks = ",".join("?" * len(_COLUMNS.split()))
            self._table.executemany(f"insert or replace into found values ({marks})", self._waiting)
        self._waiting, self._written = [], time.monotonic()

    def close(self) -> None:
        """Write what waits."""
        with self._lock:
            self._write()
        self._table.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def log_folder(out: Path) -> Path:
    """Return the hidden folder beside OUT that exists while `prepare` writes OUT, and after it was interrupted."""
    name = hashlib.blake2b(os.fsencode(out.name), digest_size=4).hexdigest()
    return out.with_name(f"{PREFIX}prepare-{name}")


@contextmanager
def inspection_log(out: Path, options: PrepareOptions) -> Iterator[InspectionLog]:
    """Open the log of the inspection for OUT; delete it when the block ends, except after Ctrl-C or a signal.

    Raises:
        InputError: another call of `prepare` writes OUT.
    """
    folder = log_folder(out)
    if folder.is_symlink():
        raise InputError(f"{folder} is a link, expected a folder of an interrupted prepare; delete it")
    folder.mkdir(exist_ok=True)
    with locked(folder):
        interrupted = False
        try:
            with InspectionLog(folder, options) as log:
                if log.count:
                    inform(f"continuing an interrupted prepare, which inspected {plural(log.count, 'picture')}")
                yield log
        except KeyboardInterrupt:
            interrupted = True
            raise
        finally:
            if not interrupted:
                shutil.rmtree(folder, ignore_errors=True)


def _identity(options: PrepareOptions) -> bytes:
    values = {key: str(value) for key, value in asdict(options).items()}
    if options.detector is not None:
        with suppress(OSError):
            state = Path(options.detector).stat()
            values["detector"] += f" {state.st_size} {state.st_mtime_ns}"
    return json.dumps([__version__, values], sort_keys=True).encode()
