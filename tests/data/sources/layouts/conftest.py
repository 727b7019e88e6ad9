"""Files of a few bytes in the layout of a data set; no picture is decoded on reading."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Source
from bimodal.data.sources.read import read_source

Files = Callable[..., Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write files: `files("a.png", "list.txt=line 1\\nline 2")`; returns the folder."""

    def write(*files: str) -> Path:
        for file in files:
            name, _, content = file.partition("=")
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content or "x", encoding="utf-8")
        return tmp_path

    return write


def read(path: Path, **options: Any) -> Source:
    """Read a source with options of `prepare`."""
    return read_source(path, PrepareOptions(**options))


def by(entries: list[Entry], *fields: str) -> list[tuple[Any, ...]]:
    """Return some fields of each entry."""
    return [tuple(getattr(entry, field) for field in fields) for entry in entries]
