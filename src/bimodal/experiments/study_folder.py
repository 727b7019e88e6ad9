"""The folder of a study: who works in it, and which study it holds."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from bimodal.errors import InputError
from bimodal.files import write_text
from bimodal.locks import locked
from bimodal.settings import plain_yaml
from bimodal.unfinished import PREFIX
from bimodal.untrusted import read_small_text

IDENTITY = "study.yaml"
"""The file by which a study's folder is known."""


@contextmanager
def exclusive_folder(out: Path, may_hold: Collection[str] = ()) -> Iterator[None]:
    """Lock a study's folder against other calls; make it if it is missing, remove it if it stays empty.

    Args:
        out: the folder.
        may_hold: names of subfolders that may exist before the study has begun.

    Raises:
        InputError: the folder holds something else than a study, or another call works in it.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file; choose another")
    with locked(out):
        content = os.listdir(out) if out.exists() else []
        is_foreign = any(name not in may_hold and not name.startswith(PREFIX) for name in content)
        if is_foreign and IDENTITY not in content:
            raise InputError(f"{out} is not empty and holds no study; choose another --out")
        out.mkdir(parents=True, exist_ok=True)
        try:
            yield
        finally:
            with suppress(OSError):
                out.rmdir()  # only if it is empty


def read_identity(out: Path) -> dict[str, Any]:
    """Return what a study's folder says the study is of; empty if the study has not begun.

    Raises:
        InputError: the file is damaged.
    """
    file = out / IDENTITY
    if not file.is_file():
        return {}
    try:
        return dict(plain_yaml(read_small_text(file)))
    except (yaml.YAMLError, UnicodeError, TypeError, ValueError) as error:
        raise InputError(f"{file} is damaged; choose another --out") from error


def write_identity(out: Path, identity: Mapping[str, Any]) -> None:
    """Write what the study is of into its folder."""
    write_text(out / IDENTITY, yaml.safe_dump(dict(identity), sort_keys=False, allow_unicode=True))
