"""The commands that are killed and limited, on tiny sets: each with the call after a kill, and the files that it must give."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tests.conftest import SMALL
from tests.robustness.forked import Forked

MOST_SECONDS = 600.0


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        first: its arguments.
        again: the arguments after it was killed.
        results: the files that must be those of a call without a kill.
    """

    first: tuple[str, ...]
    again: tuple[str, ...]
    results: tuple[str, ...]


_PREPARE = ("prepare", "faces", "DATA", "--overwrite")
_AUDIT = ("audit", "data", "--out", "audit")
_REMOVAL = ("--removal", "wang", "--removal-epoch", "1")
_TRAIN = ("train", "data", "--out", "run", "--epochs", "3", "--workers", "0", *SMALL, *_REMOVAL)
_PREDICT = ("predict", "data/images", "--no-detect", "--out", "table.csv")
_EXPORT = ("export", "trained", "--out", "model.onnx", "--overwrite")
_REPRODUCE = (
    "reproduce",
    "data",
    "--out",
    "study",
    "--quick",
    "--methods",
    "majority,random,simple-nn",
    "--seeds",
    "2",
)
COMMANDS = {
    "prepare": Command(_PREPARE, _PREPARE, ("DATA/manifest.csv", "DATA/train_labels.csv")),
    "audit": Command(_AUDIT, _AUDIT, ("audit/suspects.csv", "audit/verdict.json", "audit/proposals.csv")),
    "train": Command(
        _TRAIN,
        ("train", "data", "--out", "run", "--resume", "--workers", "0"),
        ("run/metrics.csv", "run/removed.csv", "run/model.safetensors"),
    ),
    "predict": Command(_PREDICT, (*_PREDICT, "--resume"), ("table.csv",)),
    "export": Command(_EXPORT, _EXPORT, ("model.onnx",)),
    "reproduce": Command(_REPRODUCE, _REPRODUCE, ("study/table.csv",)),
}
"""By name. `review` is in `review_kills.py`, because it ends only by a signal."""


def digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of the files that exist; of tables without their columns of times."""
    return {
        name: hashlib.sha256(_without_times((folder / name).read_bytes(), name)).hexdigest()
        for name in names
        if (folder / name).is_file()
    }


def _without_times(content: bytes, name: str) -> bytes:
    if not name.endswith(".csv") or b"seconds" not in content.partition(b"\n")[0]:
        return content
    table = pd.read_csv(io.BytesIO(content), dtype=str)
    return str(table[[column for column in table if "seconds" not in str(column)]].to_csv()).encode()


def inputs(folder: Path) -> dict[str, str]:
    """Return the digests of what the user gave: the pictures and tables, not what commands add."""
    files = [path for top in ("data", "faces", "trained") for path in (folder / top).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if ".cache" not in path.parts and not path.name.startswith(".bimodal-")
    }


def source_of(folder: Path, make: Callable[[Path], object], trained: bool = True) -> Path:
    """Make the folder that is copied: `make` writes `data`; `faces` has its pictures by emotion, `trained` is a run."""
    make(folder / "data")
    table = pd.read_csv(folder / "data/manifest.csv")
    for image, label in zip(table["image"], table["label"], strict=True):
        target = folder / "faces" / label / Path(image).name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "data" / image, target)
    if trained:
        options = ("--epochs", "1", "--workers", "0", *SMALL, "--removal", "none")
        ended = finished(folder, "train", "data", "--out", "trained", *options)
        assert ended.returncode == 0, ended.stderr
        shutil.rmtree(folder / "data/.cache", ignore_errors=True)
    return folder


def finished(folder: Path, *arguments: str, before: Callable[[], None] | None = None) -> Forked:
    """Run a command to its end.

    Raises:
        TimeoutError: it has not ended after `MOST_SECONDS`; it is killed.
    """
    process = Forked(folder, *arguments, before=before)
    if not process.wait(MOST_SECONDS):
        process.close()
        raise TimeoutError(f"no end after {MOST_SECONDS:.0f} seconds: {' '.join(arguments)}")
    return process


def wrong_end(process: Forked, codes: Sequence[int] = (0, 2)) -> str:
    """Return what is wrong with how a command ended: its exit code, a traceback, not one line; empty if nothing is."""
    errors, code = process.stderr, process.returncode
    if code not in codes or "Traceback" in errors:
        return f"exit code {code}: {errors[-1500:]}"
    lines = [line for line in errors.splitlines() if line.startswith("bimodal: ")]
    if code == 2 and len(lines) != 1:
        return f"expected one line, got {errors[-500:]!r}"
    return ""


def hidden_parts(folder: Path) -> list[str]:
    """Return the unfinished files and folders that are left."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".bimodal-*"))


@dataclass(frozen=True)
class Reference:
    """What a command gives without a kill, its seconds, and the kinds of its file operations in their order."""

    digests: dict[str, str]
    seconds: float
    operations: tuple[str, ...]


def lines_of(file: Path) -> tuple[str, ...]:
    """Return the texts in a file of JSON lines."""
    return tuple(json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
