"""Conditions: groups of runs that differ only in their random seed, named by the settings in which they differ."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bimodal.errors import InputError
from bimodal.runs.folds import is_cross_validation, read_record
from bimodal.runs.run import Run

RULE = "removal.rule"
_NOT_SETTINGS = ("bimodal", "data", "seed", "preset")
"""Entries of a configuration that do not define a condition: version, data folder, seed, preset."""


@dataclass(frozen=True, eq=False)
class Condition:
    """Runs that differ only in their seed, in the order of their seeds, or the folds of one cross-validation.

    Attributes:
        varying: further settings that differ between the runs; empty unless the runs are grouped by one setting.
        are_folds: whether the runs are folds: they have one seed, and each was tested on other faces.
    """

    name: str
    runs: tuple[Run, ...]
    varying: tuple[str, ...] = ()
    are_folds: bool = False

    @property
    def removes(self) -> bool:
        """Whether examples are removed during training."""
        return settings_of(self.runs[0]).get(RULE, "none") != "none"

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in ascending order."""
        return tuple(seed_of(run) for run in (self.runs[:1] if self.are_folds else self.runs))

    @property
    def data(self) -> Path:
        """The data folder of the runs, or that of the cross-validation."""
        run = self.runs[0]
        return Path(read_record(run.path.resolve().parent)["data"]) if self.are_folds else run.data

    @property
    def size(self) -> str:
        """The number of runs in words: `one run`, `3 seeds` or `5 folds`."""
        if len(self.runs) == 1:
            return "one run"
        return f"{len(self.runs)} {'folds' if self.are_folds else 'seeds'}"


def open_runs(paths: Sequence[Path | str]) -> list[Run]:
    """Open run folders.

    Raises:
        InputError: no folder is given, one is not a run folder, or one is given twice.
    """
    if not paths:
        raise InputError("expected at least one run folder; make one: bimodal train DATA --out RUN")
    seen: set[Path] = set()
    for path in paths:
        if Path(path).resolve() in seen:
            raise InputError(f"{path} is given twice; give each run once")
        seen.add(Path(path).resolve())
    return [Run.open(path) for path in paths]


def group(runs: Sequence[Run], by: str | None = None) -> list[Condition]:
    """Group runs into conditions: those without removal first, then in the given order.

    Args:
        runs: at least one.
        by: a setting, such as `backbone` or `removal` (short for `removal.rule`): runs with the same value form a
            condition even if other settings differ; by default, all settings except the seed must be equal. The data
            folder counts as a setting if the folders hold different data. Several folds of one cross-validation
            (`bimodal train --folds`) form a condition.

    Raises:
        InputError: the setting is unknown, or two runs of one condition have the same seed.
    """
    by = RULE if by == "removal" else by
    settings = _settings_and_data(runs)
    if by is not None and not all(by in values for values in settings.values()):
        known = ", ".join(sorted(set.intersection(*(set(values) for values in settings.values()))))
        raise InputError(f"--by must be a setting that every run has, got {by!r}; choose one of {known}")
    groups: dict[object, list[Run]] = {}
    folds = _cross_validations(runs)
    for run in runs:
        values = settings[run.path]
        key = values[by] if by is not None else tuple(sorted(values.items()))
        groups.setdefault((key, folds.get(run.path)), []).append(run)
    firsts = [settings[members[0].path] for members in groups.values()]
    names = [_name(values, [by] if by else _distinguishing(firsts)) for values in firsts]
    if len(set(names)) < len(names):  # the same cross-validation with several seeds
        paths = [members[0].path for members in groups.values()]
        names = [
            f"{name}, {folds[path].name}" if path in folds else name for name, path in zip(names, paths, strict=True)
        ]
    conditions = [
        Condition(name, tuple(members), are_folds=True)
        if members[0].path in folds
        else Condition(name, _by_seed(name, members), _differing([settings[run.path] for run in members]))
        for name, members in zip(names, groups.values(), strict=True)
    ]
    return sorted(conditions, key=lambda condition: condition.removes)


def _settings_and_data(runs: Sequence[Run]) -> dict[Path, dict[str, str]]:
    """Return the settings of each run, with its data folder if the runs were trained on different data."""
    settings = {run.path: settings_of(run) for run in runs}
    cross_validations = _cross_validations(runs)
    folders: dict[str, str] = {}
    fingerprints: dict[Path, str] = {}
    for run in runs:
        fingerprint, folder = str(run.environment.get("data_fingerprint")), str(run.data)
        if run.path in cross_validations:  # its folds have the same faces
            record = read_record(cross_validations[run.path])
            fingerprint, folder = record["fingerprint"], record["data"]
        fingerprints[run.path] = fingerprint
        folders.setdefault(fingerprint, folder)
    if len(set(folders.values())) > 1:
        for run in runs:
            settings[run.path]["data"] = folders[fingerprints[run.path]]
    return settings


def _cross_validations(runs: Sequence[Run]) -> dict[Path, Path]:
    """Return the folder of the cross-validation of each run that is one of several given folds of it."""
    parents = {run.path: run.path.resolve().parent for run in runs}
    counts = Counter(parents.values())
    return {path: parent for path, parent in parents.items() if counts[parent] > 1 and is_cross_validation(parent)}


def settings_of(run: Run) -> dict[str, str]:
    """Return all settings of a run except the seed, as text; nested names are joined by dots.

    Of the path of a weights file, only the file name is kept, since the file may be in another folder.
    """
    flat: dict[str, str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        elif prefix not in _NOT_SETTINGS:
            flat[prefix] = Path(value).name if prefix == "weights" and value else str(value)

    walk("", run.config)
    return flat


def seed_of(run: Run) -> int:
    """Return the random seed of a run."""
    try:
        return int(run.config.get("seed", 0))
    except (TypeError, ValueError) as error:
        raise InputError(f"{run.path}/config.yaml: seed must be a whole number") from error


def _by_seed(name: str, runs: list[Run]) -> tuple[Run, ...]:
    ordered = sorted(runs, key=seed_of)
    for first, second in pairwise(ordered):
        if (seed := seed_of(first)) == seed_of(second):
            raise InputError(f"{first.path} and {second.path} are both {name!r} with seed {seed}; leave one out")
    return tuple(ordered)


def _differing(settings: list[dict[str, str]]) -> tuple[str, ...]:
    keys = dict.fromkeys(key for values in settings for key in values)
    return tuple(key for key in keys if len({values.get(key) for values in settings}) > 1)


def _distinguishing(settings: list[dict[str, str]]) -> list[str]:
    """Return the settings that distinguish the conditions: the removal rule, another one, or all that differ."""
    differing = list(_differing(settings))
    for key in sorted(differing, key=lambda key: key != RULE):
        if len({values.get(key) for values in settings}) == len(settings):
            return [key]
    without_parameters = [key for key in differing if key == RULE or not key.startswith("removal.")]
    if differing and len({tuple(map(values.get, without_parameters)) for values in settings}) == len(settings):
        return without_parameters
    return differing or [RULE]


def _name(settings: dict[str, str], keys: list[str]) -> str:
    return ", ".join(_described(key, settings.get(key, "none")) for key in keys)


def _described(key: str, value: str) -> str:
    if key != RULE:
        return f"{key} {value}"
    return "without removal" if value == "none" else f"with removal ({value})"
