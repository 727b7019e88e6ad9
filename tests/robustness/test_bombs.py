"""Small files that would take a whole machine if they were read as they say."""

import json
import resource
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bimodal.data.source_info import SourceInfo
from bimodal.errors import InputError
from bimodal.experiments.study_folder import IDENTITY, read_identity
from bimodal.label_audit.mark import MARK, Mark
from bimodal.model_files.info import ModelInfo
from bimodal.runs.folds import RECORD, read_record
from bimodal.training.settings import load_yaml
from bimodal.untrusted import plain_json
from bimodal.vision.pictures import UnreadableError, decode

DEEP = ("[" * 20_000, '{"a":' * 20_000, "- " * 20_000)


@pytest.mark.parametrize("text", DEEP)
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("config.yaml", lambda file: load_yaml(file)),
        (RECORD, lambda file: read_record(file.parent)),
        (IDENTITY, lambda file: read_identity(file.parent)),
        (MARK, lambda file: Mark.read(file.parent)),
        ("model.json", ModelInfo.read),
    ],
)
def test_nested_files_are_one_line(tmp_path: Path, text: str, name: str, read: Callable[[Path], Any]) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=name) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [*DEEP, "9" * 5000, json.dumps({"source": "x" * 2**20})])
def test_a_record_that_is_not_needed_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "source.json").write_text(text)
    assert SourceInfo.read(tmp_path) == SourceInfo()


def test_a_number_of_many_digits_is_no_json() -> None:
    with pytest.raises(ValueError, match="digits"):
        plain_json("9" * 5000)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a black PNG of 32 by 32 pixels with more chunks."""
    header = struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(bytes(33 * 32))), (b"IEND", b"")]
    made = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_chunk_that_unfolds_to_256_mib_takes_little_memory(tmp_path: Path, kind: bytes) -> None:
    packer = zlib.compressobj(9)
    block = bytes(2**24)
    packed = b"".join([*(packer.compress(block) for _ in range(16)), packer.flush()])
    file = tmp_path / "a.png"
    file.write_bytes(png((kind, b"a\0\0" + packed)))
    assert file.stat().st_size < 2**19
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with suppress(UnreadableError):
        assert decode(file).shape == (32, 32, 3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 2**10  # in KiB
