"""Which of the Parquet and Arrow files in a list of names belong together, and to which split, as Hugging Face names them."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from bimodal.data.sources.entry import Problem
from bimodal.data.sources.folders import split_of
from bimodal.data.sources.formats.arrow_files import SUFFIXES
from bimodal.data.sources.formats.json_file import shown_names
from bimodal.errors import InputError

_PART = re.compile(r"[-_. ]+")
_SHOWN = 5


def is_shard(file: str) -> bool:
    """Return whether a file has the ending of a packed data set, and is no cache of the library `datasets`."""
    path = PurePosixPath(file)
    return path.suffix.casefold() in SUFFIXES and not path.name.startswith(("cache-", "metadata."))


def split_of_shard(file: str) -> str:
    """Return the split in the name of a file, or else of its folders, the innermost first; `""` if there is none.

    >>> split_of_shard("data/train-00000-of-00002.parquet"), split_of_shard("plain/validation/0000.parquet")
    ('train', 'val')
    """
    path = PurePosixPath(file)
    for part in (path.stem, *reversed(path.parent.parts)):
        for word in (part, *_PART.split(part)):
            if split := split_of(word):
                return split
    return ""


def configs_of(files: Sequence[str]) -> dict[str, list[str]]:
    """Return the files by configuration: the folders of a file, without `data` and those named after a split.

    >>> configs_of(["data/train-0.parquet", "small/test/0.parquet"])
    {'': ['data/train-0.parquet'], 'small': ['small/test/0.parquet']}
    """
    configs: dict[str, list[str]] = {}
    for file in files:
        parts = [part for part in PurePosixPath(file).parent.parts if part != "data" and not split_of(part)]
        configs.setdefault("/".join(parts), []).append(file)
    return configs


def choose_config(configs: dict[str, list[str]], wanted: str, where: str, how: str) -> list[str]:
    """Return the files of the wanted configuration; without one, of the only one, or of that called `default`.

    Args:
        configs: the files by configuration.
        wanted: its name, or `""`.
        where: the data set, for the message.
        how: what to do to choose one, for the message.

    Raises:
        InputError: there is no such configuration, or several and no default.
    """
    if wanted in configs and (wanted or len(configs) == 1):
        return configs[wanted]
    if not wanted and len(configs) == 1:
        return next(iter(configs.values()))
    if not wanted and "default" in configs:
        return configs["default"]
    names = sorted(name or "data" for name in configs)
    shown = shown_names(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    found = f"has no configuration {wanted!r}; it has" if wanted else "holds several data sets:"
    raise InputError(f"{where} {found} {shown}; {how}")


def with_splits(files: Sequence[str], splits: Sequence[str]) -> tuple[dict[str, str], list[Problem]]:
    """Return the split of each file to read, and a problem for each other one: if some are of a split, the others are left out.

    >>> files, problems = with_splits(["train.parquet", "all.parquet"], ["train", ""])
    >>> files, [problem.image for problem in problems]
    ({'train.parquet': 'train'}, ['all.parquet'])
    """
    given = dict(zip(files, splits, strict=True))
    if not any(splits):
        return given, []
    why = "no split in its name, and other files have one"
    problems = [Problem(file, "", "ignored", why, "left out") for file, split in given.items() if not split]
    return {file: split for file, split in given.items() if split}, problems
