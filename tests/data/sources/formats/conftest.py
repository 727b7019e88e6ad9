"""Tiny sources in the annotation formats, and their entries as tuples."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Source
from bimodal.data.sources.read import read_source

Read = Callable[..., Source]


def picture(seed: int, kind: str = "PNG", size: int = 12) -> bytes:
    """Return the bytes of a picture of noise that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def pictures(folder: Path, *names: str) -> None:
    """Write a different picture to each name."""
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(seed))


def write_json(path: Path, content: object) -> Path:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def by(source: Source, *fields: str) -> list[tuple[Any, ...]]:
    """Return the fields of each entry."""
    return [tuple(getattr(entry, field) for field in fields) for entry in source.entries]


def why(source: Source) -> list[tuple[str, str, str]]:
    """Return what the problems are of."""
    return [(problem.image, problem.problem, problem.detail) for problem in source.problems]


@pytest.fixture
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Read a source with options: `read(path, labels=...)`."""

    def call(path: Path, **options: Any) -> Source:
        return read_source(path, PrepareOptions(**options), tmp_path_factory.mktemp("unpacked"))

    return call


def write_parquet(
    path: Path,
    labels: Sequence[object],
    names: Sequence[str] | None = ("angry", "happy", "sad"),
    first: int = 0,
    **columns: Sequence[object],
) -> Path:
    """Write a Parquet file as `datasets` does: `image`, a struct of bytes and path, and `label`, a ClassLabel."""
    images = [{"bytes": picture(first + row), "path": f"face{first + row}.png"} for row in range(len(labels))]
    label: dict[str, object] = {"_type": "ClassLabel", "names": list(names)} if names else {"_type": "Value"}
    features = {"image": {"_type": "Image"}, "label": label}
    table = pa.table({"image": images, "label": list(labels), **columns})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)
    return path
