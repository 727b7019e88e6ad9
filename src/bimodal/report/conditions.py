"""Conditions: runs that differ only in their seed, and names for what tells one condition from another."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bimodal.errors import InputError
from bimodal.runs.run import Run

RULE = "removal.rule"
_NOT_SETTINGS = ("bimodal", "data", "seed", "preset")
"""What a run's configuration says beside its settings: version, folder, seed, and where the settings came from."""


@dataclass(frozen=True, eq=False)
class Condition:
    """One setting of everything but the seed, and its runs, in the order of their seeds."""

    name: str
    runs: tuple[Run, ...]
    varying: tuple[str, ...] = ()
    """Settings that nevertheless differ between the runs (only where grouped by one setting)."""

    @property
    def removes(self) -> bool:
        """Whether examples are removed during training."""
        return settings_of(self.runs[0]).get(RULE, "none") != "none"

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, rising."""
        return tuple(seed_of(run) for run in self.runs)


def open_runs(paths: Sequence[Path | str]) -> list[Run]:
    """Open run folders.

    Raises:
        InputError: if there is none, one is no run, or one is given twice.
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
    """Group runs into conditions: without removal first, then in the order given.

    Args:
        runs: at least one.
        by: a setting, such as `backbone` or `removal` (short for `removal.rule`): runs that share its value form
            a condition, whatever else differs; by default all settings but the seed must agree.

    Raises:
        InputError: for an unknown setting, or two runs of one condition with the same seed.
    """
    by = RULE if by == "removal" else by
    settings = {run.path: settings_of(run) for run in runs}
    if by is not None and not all(by in values for values in settings.values()):
        known = ", ".join(sorted(set.intersection(*(set(values) for values in settings.values()))))
        raise InputError(f"--by {by}: not a setting of every run; expected one of {known}")
    groups: dict[object, list[Run]] = {}
    for run in runs:
        values = settings[run.path]
        key = values[by] if by is not None else tuple(sorted(values.items()))
        groups.setdefault(key, []).append(run)
    firsts = [settings[members[0].path] for members in groups.values()]
    names = [_name(values, [by] if by else _telling(firsts)) for values in firsts]
    conditions = [
        Condition(name, _by_seed(name, members), _differing([settings[run.path] for run in members]))
        for name, members in zip(names, groups.values(), strict=True)
    ]
    return sorted(conditions, key=lambda condition: condition.removes)


def settings_of(run: Run) -> dict[str, str]:
    """Everything that makes a run what it is but the seed, nested names joined by dots, as text.

    Of a file of weights only the name counts: the same file may lie elsewhere.
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
    """The seed of a run."""
    try:
        return int(run.config.get("seed", 0))
    except (TypeError, ValueError) as error:
        raise InputError(f"{run.path}/config.yaml: seed must be a whole number") from error


def _by_seed(name: str, runs: list[Run]) -> tuple[Run, ...]:
    ordered = sorted(runs, key=seed_of)
    for first, second in pairwise(ordered):
        if seed_of(first) == seed_of(second):
            raise InputError(
                f"{first.path} and {second.path} are both {name!r} with seed {seed_of(first)}: leave one out"
            )
    return tuple(ordered)


def _differing(settings: list[dict[str, str]]) -> tuple[str, ...]:
    keys = dict.fromkeys(key for values in settings for key in values)
    return tuple(key for key in keys if len({values.get(key) for values in settings}) > 1)


def _telling(settings: list[dict[str, str]]) -> list[str]:
    """The fewest settings that tell conditions apart: the removal rule, another single one, or all that differ."""
    differing = list(_differing(settings))
    for key in sorted(differing, key=lambda key: key != RULE):
        if len({values.get(key) for values in settings}) == len(settings):
            return [key]
    return differing or [RULE]


def _name(settings: dict[str, str], keys: list[str]) -> str:
    parts = []
    for key in keys:
        value = settings.get(key, "none")
        if key == RULE:
            parts.append("without removal" if value == "none" else f"with removal ({value})")
        else:
            parts.append(f"{key} {value}")
    return ", ".join(parts)
