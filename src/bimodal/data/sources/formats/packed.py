"""Reading data sets of Hugging Face whose pictures are packed in Parquet or Arrow files, with the names of their classes."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd

from bimodal.data.sources.boxes import BAD_BOX, box_columns, read_boxes
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.formats.arrow_files import class_names, features_of, name_of_class, read_batches, read_schema
from bimodal.data.sources.formats.json_file import shown_names, text_of
from bimodal.data.sources.formats.records import IMAGE_COLUMNS, LABEL_COLUMNS, MAX_ROWS, find_column
from bimodal.errors import InputError
from bimodal.progress import track
from bimodal.vision.formats import is_heif, is_picture_name
from bimodal.vision.packed import PackedPicture, PictureFile
from bimodal.vision.pictures import MAX_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

_BYTES_COLUMNS = (*IMAGE_COLUMNS, "image_bytes", "img_bytes", "bytes", "content", "jpg", "jpeg", "png", "webp")
_ENDINGS = (
    (re.compile(rb"\x89PNG\r\n"), ".png"),
    (re.compile(rb"\xff\xd8\xff"), ".jpg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), ".webp"),
    (re.compile(rb"GIF8"), ".gif"),
    (re.compile(rb"BM"), ".bmp"),
    (re.compile(rb"II\*\0|MM\0\*"), ".tif"),
    (re.compile(rb"....ftypavif", re.DOTALL), ".avif"),
)


@dataclass(frozen=True)
class Shard:
    """A file of a packed data set: its path, its name for messages, and its split or `""`."""

    path: Path
    name: str
    split: str


@dataclass(frozen=True)
class _Columns:
    """The columns to read, and the names of the classes if the labels are their numbers."""

    image: str
    label: str
    names: tuple[str, ...] | None
    others: tuple[str, ...]


def holds_pictures(path: Path) -> bool:
    """Return whether a Parquet or Arrow file has a column with the bytes of pictures.

    Raises:
        InputError: pyarrow is not installed, or the file is damaged.
    """
    return bool(_picture_columns(read_schema(path)))


def read_packed(shards: Sequence[Shard], scratch: Path | None, group: str, chosen: Mapping[str, str]) -> Source:
    """Write the pictures of all files into one file, one after another, and read their labels.

    Args:
        shards: the files.
        scratch: an empty folder for that file; `prepare` gives one.
        group: the column with the groups, such as `group`.
        chosen: the user's choice of columns, by bimodal's name: `{"label": "emotion"}`.

    Raises:
        InputError: a file is damaged, or lacks a column with pictures or one with labels.
        OSError: the disk is full.
    """
    if scratch is None:
        raise ValueError("reading packed pictures needs a folder to write them to")
    entries: list[Entry] = []
    problems: list[Problem] = []
    has_groups = False
    taken: set[str] = set()
    unpacked, written = scratch / "pictures", 0
    with unpacked.open("wb") as stream:
        for shard in shards:
            columns = _choose(read_schema(shard.path), shard, group, chosen)
            has_groups |= group in columns.others
            for row, (value, texts, box) in enumerate(track(_rows(shard, columns), f"reading {shard.name}")):
                content, name = _picture(value, row)
                name = f"{shard.name}/{name}"
                if name in taken:  # files in several folders of the original
                    name = f"{shard.name}/{row:07d}/{PurePosixPath(name).name}"
                taken.add(name)
                label = texts[columns.label]
                if isinstance(content, str):
                    problems.append(Problem(name, shard.split, "unreadable", content, "left out"))
                elif not label:
                    problems.append(Problem(name, shard.split, "ignored", "no label", "left out"))
                elif isinstance(box, str):
                    problems.append(Problem(name, shard.split, BAD_BOX, box, "left out"))
                else:
                    file: PictureFile
                    if isinstance(content, bytes):
                        file = PackedPicture(unpacked, written, stream.write(content), PurePosixPath(name).name)
                        written += file.size
                    else:
                        file = _beside(content, shard)
                    originals = (texts.get("original_label", ""), texts.get("true_label", ""))
                    entries.append(Entry(name, label, shard.split, file, texts.get(group, ""), *originals, box=box))
                if len(taken) > MAX_ROWS:
                    raise InputError(f"{shard.path} has more than {MAX_ROWS:,} rows: expected one data set")
    return Source("parquet", entries, problems, has_groups=has_groups)


def _rows(shard: Shard, columns: _Columns) -> Iterator[tuple[object, dict[str, str], Any]]:
    """Yield the picture of each row, the texts of its other columns, and its box."""
    for batch in read_batches(shard.path, [columns.image, columns.label, *columns.others]):
        values = batch.to_pydict()
        pictures = values.pop(columns.image)
        values[columns.label] = [name_of_class(value, columns.names) for value in values[columns.label]]
        texts = {column: [text_of(value) for value in cells] for column, cells in values.items()}
        frame = pd.DataFrame(texts, dtype=object)
        for row, (picture, box) in enumerate(zip(pictures, read_boxes(frame), strict=True)):
            yield picture, {column: cells[row] for column, cells in texts.items()}, box


def _choose(schema: "pa.Schema", shard: Shard, group: str, chosen: Mapping[str, str]) -> _Columns:
    names = [str(name) for name in schema.names]
    if len(set(names)) < len(names):
        raise InputError(f"{shard.path} has two columns of the same name")
    features = features_of(schema)
    pictures = _picture_columns(schema)
    usual = find_column(pictures, _BYTES_COLUMNS) or (pictures[0] if len(pictures) == 1 else None)
    image = find_column(pictures, [chosen["image"]]) if "image" in chosen else usual
    classes = [
        name for name in names if class_names(features.get(name)) and features[name].get("_type") == "ClassLabel"
    ]
    plain = [name for name in names if name not in pictures]
    named = find_column(plain, LABEL_COLUMNS)
    label = find_column(classes, LABEL_COLUMNS) or (classes[0] if len(classes) == 1 else named)
    if "label" in chosen:
        label = find_column(plain, [chosen["label"]])
    if image is None or label is None:
        missing = "image with pictures" if image is None else "label or emotion"
        raise InputError(f"{shard.path} has no column such as {missing}; its columns are {shown_names(names)}")
    kept = {group, "original_label", "true_label", *box_columns(plain)[0]} - {image, label}
    others = tuple(name for name in plain if name in kept)
    return _Columns(image, label, class_names(features.get(label)), others)


def _picture_columns(schema: "pa.Schema") -> list[str]:
    """Return the columns of bytes, and those of `{bytes, path}`, as the hub writes pictures."""
    import pyarrow as pa

    def is_bytes(kind: "pa.DataType") -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    found = []
    for field in schema:
        kind = field.type
        inner = (
            {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)} if pa.types.is_struct(kind) else {}
        )
        if is_bytes(kind) or ("bytes" in inner and is_bytes(inner["bytes"])):
            found.append(str(field.name))
    return found


def _picture(value: object, row: int) -> tuple[bytes | Path | str, str]:
    """Return the content of a picture, its path, or why it has none; and its name."""
    content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    given = PurePosixPath(path.replace("\\", "/")).name if isinstance(path, str) else ""
    if isinstance(content, bytes):
        known = next((ending for pattern, ending in _ENDINGS if pattern.match(content)), "")
        ending = ".heic" if is_heif(content[:64]) else known
        name = given if is_picture_name(given) else f"{given or f'{row:07d}'}{ending}"
        if len(content) > MAX_BYTES:
            return f"larger than {MAX_BYTES // 2**20} MiB", name
        return content, name
    if isinstance(path, str) and path:
        return Path(path), given
    return "row without a picture", f"{row:07d}"


def _beside(path: Path, shard: Shard) -> Path:
    """Return a picture's file that a row names instead of holding it.

    Raises:
        InputError: the path leaves the folder of the Parquet file.
    """
    base = os.path.abspath(shard.path.parent)
    full = os.path.normpath(os.path.join(base, path))
    if not full.startswith(base.rstrip(os.sep) + os.sep) or "\0" in full:
        raise InputError(f"{shard.path}: the path {str(path)[:200]!r} leaves {base}")
    return Path(full)
