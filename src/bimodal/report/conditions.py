"""Conditions: groups of runs that differ only in their random seed, named by the settings in which they differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bimodal.errors import InputError
from bimodal.runs.run import Run

RULE = "removal.rule"
_NOT_SETTINGS = ("bimodal", "data", "seed", "preset")
"""Entries of a configuration that do not define a condition: version, data folder, seed, preset."""


@dataclass(frozen=True, eq=False)
class Condition:
    """Runs that differ only in their seed, in the order of their seeds."""

    name: str
    runs: tuple[Run, ...]
    varying: tuple[str, ...] = ()
    """Further settings that differ between the runs; empty unless the runs are grouped by one setting."""

    @property
    def removes(self) -> bool:
        """Whether examples are removed during training."""
        return settings_of(self.runs[0]).get(RULE, "none") != "none"

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in ascending order."""
        return tuple(seed_of(run) for run in self.runs)


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
            folder counts as a setting if the folders hold different data.

    Raises:
        InputError: the setting is unknown, or two runs of one condition have the same seed.
    """
    by = RULE if by == "removal" else by
    settings = _settings_and_data(runs)
    if by is not None and not all(by in values for values in settings.values()):
        known = ", ".join(sorted(set.intersection(*(set(values) for values in settings.values()))))
        raise InputError(f"--by must be a setting that every run has, got {by!r}; choose one of {known}")
    groups: dict[object, list[Run]] = {}
    for run in runs:
        values = settings[run.path]
        key = values[by] if by is not None else tuple(sorted(values.items()))
        groups.setdefault(key, []).append(run)
    firsts = [settings[members[0].path] for members in groups.values()]
    names = [_name(values, [by] if by else _distinguishing(firsts)) for values in firsts]
    conditions = [
        Condition(name, _by_seed(name, members), _differing([settings[run.path] for run in members]))
        for name, members in zip(names, groups.values(), strict=True)
    ]
    return sorted(conditions, key=lambda condition: condition.removes)


def _settings_and_data(runs: Sequence[Run]) -> dict[Path, dict[str, str]]:
    """Return the settings of each run, with its data folder if the runs were trained on different data."""
    settings = {run.path: settings_of(run) for run in runs}
    folders: dict[str, str] = {}
    for run in runs:
        folders.setdefault(str(run.environment.get("data_fingerprint")), str(run.data))
    if len(set(folders.values())) > 1:
        for run in runs:
            settings[run.path]["data"] = folders[str(run.environment.get("data_fingerprint"))]
    return settings


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
