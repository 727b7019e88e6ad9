"""The manifest: which pictures there are, what they are called, and which split each belongs to."""

import hashlib
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.files import sha256_of

FILE = "manifest.csv"
REQUIRED = ("image", "label", "split")
COLUMNS = (*REQUIRED, "group", "original_label", "true_label", "flag")
SPLITS = ("train", "val", "test")
MAX_TABLE_BYTES = 256 * 2**20  # over a million rows; more than that is a mistake or an attack


@dataclass(frozen=True, eq=False)
class Manifest:
    """The checked table of a data folder; a row's number is the example's `index` everywhere else.

    Attributes:
        root: the data folder, absolute; `image` is relative to it.
        table: the columns `COLUMNS`, all text, row number = index. What is unknown is `""`.
        labels: int64 (N,), the code of each row's label, 0 to 6.
    """

    root: Path
    table: pd.DataFrame
    labels: NDArray[np.int64]

    @classmethod
    def read(cls, folder: Path, table: Path | None = None) -> Self:
        """Read and check the manifest of a data folder.

        Args:
            folder: the data folder, as `bimodal prepare` writes it.
            table: another table over the same pictures, such as a run's; default `folder/manifest.csv`.

        Raises:
            InputError: a column is missing, a label or a split is unknown, a picture is listed twice, stands
                in two splits, is missing, or lies outside the folder. The message names the row.

        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.png").write_bytes(b"")
        >>> _ = (folder / "manifest.csv").write_text("image,label,split\\na.png,happy,train\\n")
        >>> manifest = Manifest.read(folder)
        >>> manifest.labels, manifest.rows("train"), manifest.path(0).name
        (array([3]), array([0]), 'a.png')
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"expected a data folder, but {folder} is none; make one: bimodal prepare SOURCE OUT")
        source = folder / FILE if table is None else Path(table)
        if table is None and not source.exists():
            raise InputError(f"no {FILE} in {folder}; make a data folder first: bimodal prepare SOURCE OUT")
        frame = read_table(source, REQUIRED)
        frame = frame.reindex(columns=list(COLUMNS), fill_value="")
        root = Path(os.path.abspath(folder))
        labels = _check(frame, root, source)
        frame["label"] = np.asarray(NAMES, dtype=object)[labels]
        return cls(root, frame, labels)

    def __len__(self) -> int:
        return len(self.table)

    def rows(self, split: str) -> NDArray[np.int64]:
        """Return the rows of a split (`train`, `val` or `test`), int64, rising; flagged pictures included."""
        if split not in SPLITS:
            raise InputError(f"unknown split {split!r}: expected one of {', '.join(SPLITS)}")
        return np.flatnonzero(self.table["split"].to_numpy() == split).astype(np.int64)

    def path(self, row: int) -> Path:
        """Return where the picture of a row lies."""
        return self.root / str(self.table["image"].iat[row])

    @cached_property
    def digests(self) -> list[str]:
        """SHA-256 of the bytes of each picture, by row."""
        with ThreadPoolExecutor() as pool:  # hashing and reading both release the interpreter's lock
            return list(pool.map(lambda row: sha256_of(self.path(row)), range(len(self))))

    @cached_property
    def pictures_fingerprint(self) -> str:
        """SHA-256 over the bytes of every picture in the order of the rows, whatever they are called."""
        return hashlib.sha256(bytes.fromhex("".join(self.digests))).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the table and the bytes of every picture: the same data, the same fingerprint."""
        table = self.table.to_csv(index=False).encode("utf-8", "surrogateescape")
        return hashlib.sha256(table + bytes.fromhex("".join(self.digests))).hexdigest()


def read_table(path: Path, required: Sequence[str]) -> pd.DataFrame:
    """Read a CSV as text alone: a picture named `nan` or `1e5` keeps its name.

    Args:
        path: a UTF-8 file, at most 256 MiB.
        required: the columns that must be there; further ones are kept.

    Raises:
        InputError: no such file, too large, not a CSV, without rows or without a required column.
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


def leaves_folder(image: str) -> bool:
    """Say whether a relative path could point outside its folder.

    >>> leaves_folder("images/a.png"), leaves_folder("../a.png"), leaves_folder("/etc/passwd")
    (False, True, True)
    """
    path = PurePosixPath(image)
    return path.is_absolute() or ".." in path.parts or "\0" in image


def _check(frame: pd.DataFrame, root: Path, source: Path) -> NDArray[np.int64]:
    """Raise for the first row that cannot be used; return the codes of the labels."""

    def where(row: int) -> str:
        return f"{source}, row {row + 1} ({frame['image'].iat[row]!r})"

    bad_split = ~frame["split"].isin(SPLITS).to_numpy()
    if bad_split.any():
        row = int(bad_split.argmax())
        raise InputError(f"{where(row)}: unknown split {frame['split'].iat[row]!r}; expected {', '.join(SPLITS)}")

    codes: dict[str, int] = {}
    for label in frame["label"].unique():
        try:
            codes[label] = code_of(label)
        except InputError:
            row = int((frame["label"] == label).to_numpy().argmax())
            raise InputError(f"{where(row)}: unknown label {label!r}; expected one of {', '.join(NAMES)}") from None

    images = [str(PurePosixPath(image)) for image in frame["image"]]  # a//b and ./a/b are a/b
    splits = frame["split"].tolist()
    first: dict[str, int] = {}
    for row, image in enumerate(images):
        if leaves_folder(image):
            raise InputError(f"{where(row)}: the path leaves {root}; pictures must lie in the data folder")
        if not os.path.isfile(root / image):
            if os.path.islink(root / image):
                target = os.path.realpath(root / image)
                raise InputError(f"{where(row)}: the link's target is gone: {target}; put it back, or prepare anew")
            raise InputError(f"{where(row)}: no such file in {root}; put it back or take the row out")
        earlier = first.setdefault(image, row)
        if earlier != row:
            same = splits[earlier] == splits[row]
            what = "listed twice" if same else f"in two splits, {splits[earlier]} and {splits[row]}"
            raise InputError(f"{where(row)}: the picture is {what} (first in row {earlier + 1}); keep one row")
    frame["image"] = images
    return np.array([codes[label] for label in frame["label"]], dtype=np.int64)
