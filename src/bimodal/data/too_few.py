"""The error of a source with too few usable pictures: it quotes the first reasons, and a table beside OUT lists all."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pandas as pd

from bimodal.data.naming import printable
from bimodal.data.sources.entry import Problem
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.files import matches_checksum, write_checksum, write_csv
from bimodal.text import plural
from bimodal.unfinished import PREFIX

_COLUMNS = tuple(field.name for field in fields(Problem))
_LEFT_OUT = "left out"
_REASONS, _LENGTH = 3, 120


def problem_table(problems: Sequence[Problem]) -> pd.DataFrame:
    """Return problems as the table of `problems.csv`."""
    return pd.DataFrame(problems, columns=list(_COLUMNS))


def check_emotions(source: Path, out: Path, codes: Iterable[int], problems: Sequence[Problem]) -> None:
    """Raise unless there are pictures of at least two emotions; then the problems are written beside OUT.

    They are written to `OUT-problems.csv`, unless there are none, or a file of that name is no such table; a hidden file beside
    it has its checksum, for `forget_problems`.

    Args:
        source: the source of `prepare`.
        out: the data folder that is not written.
        codes: of the emotions of the usable pictures, 0 to 6.
        problems: all problems.

    Raises:
        InputError: there are fewer; the message quotes the first reasons for which pictures were left out.
    """
    emotions = [NAMES[code] for code in sorted(set(codes))]
    if len(emotions) > 1:
        return
    start = f"expected at least two emotions in {source}, found {emotions[0] if emotions else 'no readable picture'}"
    lost = [problem for problem in problems if problem.action == _LEFT_OUT and problem.problem != "ignored"]
    lost = lost or [problem for problem in problems if problem.action == _LEFT_OUT]
    if not lost:
        raise InputError(start)
    table, checksum = _files_beside(out)
    may_write = not table.exists() or _is_problem_table(table)
    if may_write:
        write_csv(table, problem_table([_printable(problem) for problem in problems]))
        write_checksum(table, checksum)
    listed = f"; {table} lists all" if may_write else ""
    raise InputError(f"{start}; {plural(len(lost), 'picture')} left out: {_reasons(lost)}{listed}")


def forget_problems(out: Path) -> None:
    """Delete the table that an earlier failure wrote beside OUT, once OUT is written, unless somebody has edited it."""
    table, checksum = _files_beside(out)
    with suppress(OSError):  # OUT is complete without this
        if not table.is_symlink() and matches_checksum(table, checksum):
            table.unlink()
        checksum.unlink(missing_ok=True)


def _files_beside(out: Path) -> tuple[Path, Path]:
    """Return the table beside OUT, and the hidden file with its checksum."""
    digest = hashlib.sha256(os.fsencode(out.name)).hexdigest()[:16]  # OUT's own name may be as long as names may be
    return out.with_name(f"{out.name}-problems.csv"), out.with_name(f"{PREFIX}problems-{digest}")


def _reasons(lost: Sequence[Problem]) -> str:
    """Return the first of the different reasons, each with its first picture."""
    first: dict[tuple[str, str], Problem] = {}
    for problem in lost:
        first.setdefault((problem.problem, problem.detail), problem)
    shown = [
        f"{printable(problem.image)} ({problem.problem}: {printable(problem.detail)})"[:_LENGTH]
        for problem in list(first.values())[:_REASONS]
    ]
    return "; ".join(shown) + ("; ..." if len(lost) > len(shown) else "")


def _printable(problem: Problem) -> Problem:
    image, detail = printable(problem.image), printable(problem.detail)
    return Problem(image, problem.split, problem.problem, detail, problem.action)


def _is_problem_table(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.readline(200).strip() == ",".join(_COLUMNS).encode()
