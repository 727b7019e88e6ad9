"""Kills at random moments: after SIGKILL nothing of the user's is lost, and the same command again ends as if it had not been killed."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from tests.conftest import ROOT, SMALL

PREPARE = ("prepare", "faces", "DATA", "--overwrite")
AUDIT = ("audit", "data", "--out", "audit")
TRAIN = (
    "train",
    "data",
    "--out",
    "run",
    "--epochs",
    "3",
    "--workers",
    "0",
    *SMALL,
    "--removal",
    "wang",
    "--removal-epoch",
    "1",
)
PREDICT = ("predict", "data/images", "--no-detect", "--out", "table.csv")
EXPORT = ("export", "trained", "--out", "model.onnx", "--overwrite")
COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "prepare": (PREPARE, PREPARE, ("DATA/manifest.csv", "DATA/train_labels.csv")),
    "audit": (AUDIT, AUDIT, ("audit/suspects.csv", "audit/verdict.json", "audit/proposals.csv")),
    "train": (TRAIN, ("train", "data", "--out", "run", "--resume", "--workers", "0"), ("run/metrics.csv", "run/removed.csv", "run/model.safetensors")),
    "predict": (PREDICT, (*PREDICT, "--resume"), ("table.csv",)),
    "export": (EXPORT, EXPORT, ("model.onnx",)),
}  # fmt: skip
"""By name: the command, the command after a kill, and the files that must be those of a call without a kill."""


def started(folder: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{ROOT / 'src'}",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "bimodal", *arguments],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        **options,  # type: ignore[call-overload]
    )  # fmt: skip


def digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of some files."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if (folder / name).is_file()
    }


def inputs(folder: Path) -> dict[str, str]:
    """Return the digests of what the user gave: the pictures and tables, not what commands add."""
    files = [path for top in ("data", "faces", "trained") for path in (folder / top).rglob("*") if path.is_file()]
    return digests(
        folder, [str(path.relative_to(folder)) for path in files if ".cache" not in path.parts and path.name != ".lock"]
    )


class Kills:
    """Kills commands, each in a copy of a folder with `data`, `faces` and `trained`."""

    def __init__(self, source: Path, work: Path, seed: int) -> None:
        self.source, self.work, self.random = source, work, random.Random(seed)
        self.expected: dict[str, tuple[dict[str, str], float]] = {}

    def kill(self, name: str, number: int) -> str:
        """Kill a command once at a random moment, call it again, and return what is wrong; empty if nothing is."""
        first, again, results = COMMANDS[name]
        expected, seconds = self._reference(name)
        folder = self._copy(f"{name}-{number}")
        given = inputs(folder)
        process = started(folder, *first)
        time.sleep(self.random.uniform(0.1, 1.05) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if inputs(folder) != given:
            return f"{name}: a file of the user's was lost or changed"
        problem = self._again(folder, first, again)
        if problem:
            return f"{name}: {problem}"
        if (found := digests(folder, results)) != expected:
            return f"{name}: other results than without a kill: {sorted(each for each in expected if expected[each] != found.get(each))}"
        left = [str(path.relative_to(folder)) for path in folder.rglob(".bimodal-*")]
        shutil.rmtree(folder)
        return f"{name}: hidden parts are left: {left}" if left else ""

    def _again(self, folder: Path, first: Sequence[str], again: Sequence[str]) -> str:
        """Call a command after a kill; if there is nothing to resume, the message must say so, and the first one works."""
        for command in (again, first, (*first, "--overwrite")):
            process = started(folder, *command)
            _, errors = process.communicate(timeout=600)
            if process.returncode == 0:
                return ""
            if process.returncode != 2 or "Traceback" in errors:
                return f"{' '.join(command)} ended with {process.returncode}: {errors[-1500:]}"
        return f"no call succeeds after the kill: {errors[-500:]}"

    def _reference(self, name: str) -> tuple[dict[str, str], float]:
        if name not in self.expected:
            folder = self._copy(f"{name}-whole")
            start = time.monotonic()
            process = started(folder, *COMMANDS[name][0])
            _, errors = process.communicate(timeout=900)
            assert process.returncode == 0, errors
            self.expected[name] = digests(folder, COMMANDS[name][2]), time.monotonic() - start
            assert len(self.expected[name][0]) == len(COMMANDS[name][2])
        return self.expected[name]

    def _copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.source, self.work / name, symlinks=True))


def source_of(folder: Path, make: Callable[[Path], object], trained: bool = True) -> Path:
    """Make the folder that `Kills` copies: `make` writes `data`; `faces` has its pictures by emotion, `trained` is a run."""
    make(folder / "data")
    table = pd.read_csv(folder / "data/manifest.csv")
    for image, label in zip(table["image"], table["label"], strict=True):
        target = folder / "faces" / label / Path(image).name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "data" / image, target)
    if trained:
        options = ("--epochs", "1", "--workers", "0", *SMALL, "--removal", "none")
        process = started(folder, "train", "data", "--out", "trained", *options)
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        shutil.rmtree(folder / "data/.cache", ignore_errors=True)
    return folder
