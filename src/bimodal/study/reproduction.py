"""The paper's table: every method on the same faces, with several seeds, in one call."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bimodal import __version__
from bimodal.classical.features import read_features
from bimodal.data.cache import decoded
from bimodal.data.manifest import FILE, SPLITS, Manifest
from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.study.comparisons import Comparisons, compare_rows
from bimodal.study.executor import Outcome, open_pool, run_jobs
from bimodal.study.load import load_rows
from bimodal.study.options import StudyOptions
from bimodal.study.other_sets import counterparts, larger_table
from bimodal.study.page import write_page
from bimodal.study.plan import Cell, cells, jobs, write_views
from bimodal.study.protocol import divide_by
from bimodal.study.recipes import QUICK_LARGER, QUICK_LARGER_VAL
from bimodal.study.results import Study
from bimodal.study.views import write_view
from bimodal.train.record import environment_of

IDENTITY = "study.yaml"
"""What a study is of; the same folder takes no other."""
PREPARED = {"data": "prepared", "larger": "prepared-larger", "unaligned": "prepared-unaligned"}
"""Where in the study's folder sources are prepared that were given in place of data folders."""


@dataclass(frozen=True)
class Watch:
    """Who hears how it goes.

    Attributes:
        tell: takes a line.
        begin: takes how many runs there are, and how many of them ended before.
        ended: takes each job as it ends.
    """

    tell: Callable[[str], None] = print
    begin: Callable[[int, int], None] = lambda total, done: None
    ended: Callable[[Outcome], None] = lambda outcome: None


@dataclass(frozen=True, eq=False)
class Reproduced:
    """What a study found, what may be concluded, and where the page lies."""

    study: Study
    comparisons: Comparisons
    page: Path


def reproduce(
    data: Path, out: Path, options: StudyOptions | None = None, watch: Watch | None = None, command: str = ""
) -> Reproduced:
    """Run methods on a data folder, each with several seeds, and write the table, the figure and the page.

    What has ended well stays: an interrupted study goes on where it stopped, deep runs from their last epoch, and
    more methods, seeds or shares of wrong labels may be asked for. What failed is tried again.

    Args:
        data: a folder written by `bimodal prepare`, or what `prepare` takes (SFEW as it is distributed, folders of
            emotions, FER2013): then it is prepared with the usual options, inside the study's folder.
        out: the study's folder, new or of the same study.
        options: which methods, how often, on what.
        watch: who hears how it goes.
        command: how the page says that it can be repeated.

    Raises:
        InputError: the data or an option cannot be used, or `out` holds something else.
    """
    options, watch, out = options or StudyOptions(), watch or Watch(), out.absolute()
    _check_out(out)
    manifest = _read(data, out / PREPARED["data"], watch)
    division = divide_by(options.protocol, manifest, _kind(manifest.root))
    plan = cells(options, division)
    larger = _read(options.larger, out / PREPARED["larger"], watch) if options.larger else None
    unaligned = _read(options.unaligned, out / PREPARED["unaligned"], watch) if options.unaligned else None
    before = (unaligned, counterparts(manifest, unaligned)) if unaligned else None
    for file in options.features.values():
        read_features(file, manifest)  # what does not fit is said now, not after the other runs
    _begin(out, _identity(manifest, options, larger, unaligned))
    with _alone(out):
        notes = [*division.notes, *options.left_out]
        write_views(out, manifest, division, plan, before)
        if larger is not None:
            notes.append(_write_larger(out, larger, manifest, options.quick, watch))
        failures = _run(out, plan, options, watch)
        rows = load_rows(out, plan, failures)
        study = Study(
            folder=out,
            data=manifest.root.name,
            protocol=options.protocol,
            quick=options.quick,
            counts=tuple(
                tuple(int((fold.table["split"] == split).sum()) for split in SPLITS)  # type: ignore[misc]
                for fold in division.folds
            ),
            notes=tuple(notes),
            rows=tuple(sorted(rows, key=lambda row: (row.noise, list(options.chosen).index(row.method)))),
            environment=_environment(manifest, command),
        )
        comparisons = compare_rows(study)
        return Reproduced(study, comparisons, write_page(study, comparisons, out))


def _run(out: Path, plan: Sequence[Cell], options: StudyOptions, watch: Watch) -> dict[str, str]:
    """Run what has not ended well yet; return why runs failed, by their names."""
    todo = jobs(out, plan, options)
    watch.begin(len(plan), len(plan) - sum(job.is_run for job in todo))
    failures: dict[str, str] = {}
    if not todo:
        return failures
    sizes = {job.arguments["settings"].image_size: job.arguments["data"] for job in todo if job.deep}
    for size, view in sizes.items():
        if (view / FILE).is_file():  # once, here, rather than at the same time in several runs
            decoded(Manifest.read(view), size)
    with open_pool(options.address) as pool:
        watch.tell(f"{len(todo)} runs to do, {pool.description}")
        for outcome in run_jobs(todo, pool):
            watch.ended(outcome)
            if outcome.error is not None:
                failures[outcome.job.name] = outcome.error
    return failures


def _write_larger(out: Path, larger: Manifest, manifest: Manifest, quick: bool, watch: Watch) -> str:
    """Write the view of the larger set without this study's faces; return what is to be said of it."""
    view, file = out / "data" / "larger", out / "data" / "larger.txt"
    if not (view / FILE).is_file() or not file.is_file():
        watch.tell(f"looking for this study's pictures in {larger.root.name}")
        limits = (QUICK_LARGER, QUICK_LARGER_VAL) if quick else (None, None)
        table, note = larger_table(larger, manifest, *limits)
        write_view(larger, table, view)
        write_atomically(file, lambda part: part.write_text(note, encoding="utf-8"))
    return file.read_text(encoding="utf-8")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep a second call away from the same study; the lock goes with the process, however it ends."""
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"another call of bimodal reproduce works on {out}; wait for it, or end it") from None
        yield


def _kind(data: Path) -> str:
    file = data / "source.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError):  # not written by prepare: nothing is known of it
        return ""


def _identity(
    manifest: Manifest, options: StudyOptions, larger: Manifest | None, unaligned: Manifest | None
) -> dict[str, Any]:
    return {
        "bimodal": __version__,
        "data": str(manifest.root),
        "fingerprint": manifest.fingerprint,
        "protocol": options.protocol,
        "quick": options.quick,
        "larger": larger.fingerprint if larger else None,
        "unaligned": unaligned.fingerprint if unaligned else None,
        "features": {kind: str(file) for kind, file in sorted(options.features.items())} or None,
        "weights": dict(sorted(options.weights.items())) or None,
    }


def _check_out(out: Path) -> None:
    """Refuse a folder that holds anything but a study, or what an earlier call prepared for one."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file; choose another")
    begun = (out / IDENTITY).is_file() or not out.exists()
    if not begun and {path.name for path in out.iterdir()} - set(PREPARED.values()):
        raise InputError(f"{out} is not empty and no earlier study; choose another --out")


def _read(folder: Path, place: Path, watch: Watch) -> Manifest:
    """Read a data folder, or prepare one from a source."""
    if folder.is_dir() and (folder / FILE).is_file():
        return Manifest.read(folder.absolute())
    if not place.exists():
        if not folder.exists():
            raise InputError(
                f"expected a data folder, but there is none at {folder}; make one: bimodal prepare SOURCE DATA"
            )
        watch.tell(f"{folder} is not prepared yet: preparing it, as bimodal prepare does without options")
        prepare(folder, place)
    return Manifest.read(place)


def _begin(out: Path, identity: dict[str, Any]) -> None:
    """Make the folder, or see that the study in it is this one; what was not given before may be given now."""
    file = out / IDENTITY
    if file.is_file():
        try:
            old = yaml.safe_load(file.read_text(encoding="utf-8"))
            differing = [
                key
                for key, value in identity.items()
                if key not in ("bimodal", "data") and None not in (value, old[key]) and old[key] != value
            ]
        except (yaml.YAMLError, UnicodeError, TypeError, KeyError) as error:
            raise InputError(f"{file} is damaged; choose another --out") from error
        if differing:
            names = {"fingerprint": "faces"}
            what = ", ".join(names.get(key, key) for key in differing)
            raise InputError(f"{out} holds a study with other {what}; choose another --out")
        identity = {key: old[key] if value is None else value for key, value in identity.items()}
    out.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(identity, sort_keys=False, allow_unicode=True)
    write_atomically(file, lambda part: part.write_text(text, encoding="utf-8"))


def _environment(manifest: Manifest, command: str) -> dict[str, str]:
    known = environment_of(manifest, 0)
    packages = ", ".join(f"{name} {version}" for name, version in known["packages"].items())
    return {
        "bimodal": str(known["bimodal"]),
        "commit": str(known["commit"] or "unknown"),
        "packages": packages,
        "processor": str(known["processor"]),
        "gpu": str(known["gpu"] or "none"),
        "data fingerprint": manifest.fingerprint,
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": command,
    }
