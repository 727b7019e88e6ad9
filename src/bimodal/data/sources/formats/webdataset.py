"""Reading shards of WebDataset: tar archives in which the files of one name, up to the first dot, are one example.

The pictures stay where they are: each is a part of its archive. https://github.com/webdataset/webdataset
"""

import json
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from bimodal.data.sources.emotion_words import is_label, label_of
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.formats.json_file import text_of
from bimodal.data.sources.formats.packed import Shard
from bimodal.data.sources.formats.records import LABEL_COLUMNS, MAX_ROWS, find_column
from bimodal.errors import InputError
from bimodal.progress import track
from bimodal.text import first_line
from bimodal.vision.formats import is_picture_name
from bimodal.vision.packed import PackedPicture

SUFFIX = ".tar"
CLASS_NAMES = "classnames.txt"
"""The file beside the shards with the names of the classes, one a line, whose numbers from 0 are the labels."""
_LABEL_ENDINGS = ("cls", "label", "txt", "cls.txt", "label.txt", "json")
_ORIGINALS = ("original_label", "true_label")
_MAX_LABEL_BYTES = 64 * 2**10
_MAX_NAMES_BYTES = 2**20


@dataclass
class _Sample:
    """The files of one name: its pictures, and its labels by the ending of their files."""

    key: str
    pictures: list[PackedPicture] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)


def read_webdataset(shards: Sequence[Shard], names: Sequence[str], group: str, chosen: Mapping[str, str]) -> Source:
    """Read the labels of all shards, and where each picture lies.

    The label is the text or the number in `<name>.cls`, `.label` or `.txt`, the field `label` of `<name>.json`, or the folder
    in the picture's name, as in `bimodal prepare --store shards`.

    Args:
        shards: the archives.
        names: the names of the classes, if labels are their numbers.
        group: the field of `<name>.json` with the group.
        chosen: the user's choice of fields, by bimodal's name: `{"label": "emotion"}`.

    Raises:
        InputError: an archive is compressed or damaged, or has more than five million files.
    """
    entries: list[Entry] = []
    problems: list[Problem] = []
    has_groups = False
    samples = (sample for shard in shards for sample in ((shard, each) for each in _samples(shard)))
    for shard, sample in track(samples, "reading shards"):
        if not sample.pictures:
            continue
        picture, *others = sample.pictures
        name = f"{shard.name}/{picture.name}"
        problems += [
            Problem(f"{shard.name}/{other.name}", shard.split, "ignored", "a second picture of an example", "left out")
            for other in others
        ]
        label, fields = _label(sample, picture.name, names, chosen)
        has_groups |= group in fields
        if not label:
            problems.append(Problem(name, shard.split, "ignored", "no label", "left out"))
            continue
        label, *further = (
            sys.intern(text) for text in (label, *(fields.get(each, "") for each in (group, *_ORIGINALS)))
        )
        picture = replace(picture, name=name)  # one text, and one of each label, for a million faces
        entries.append(Entry(name, label, shard.split, picture, further[0], further[1], further[2]))
    return Source("webdataset", entries, problems, has_groups=has_groups)


def class_names_beside(folders: Sequence[Path]) -> list[str]:
    """Return the lines of the first `classnames.txt` in some folders; none if there is no such file."""
    for folder in folders:
        file = folder / CLASS_NAMES
        if file.is_file() and file.stat().st_size <= _MAX_NAMES_BYTES:
            try:
                lines = file.read_text(encoding="utf-8-sig").splitlines()
            except UnicodeError as error:
                raise InputError(f"{file} is no text in UTF-8: {error}") from error
            return [line.strip() for line in lines if line.strip()]
    return []


def _samples(shard: Shard) -> Iterator[_Sample]:
    """Yield the examples of a shard: files of one name follow one another."""
    sample = _Sample("")
    try:
        with tarfile.open(shard.path, "r:", errorlevel=1) as tar:
            for number, member in enumerate(tar):
                tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps a kilobyte of each file for `getmembers`
                if number > 3 * MAX_ROWS:
                    raise InputError(f"{shard.path} has more than {3 * MAX_ROWS:,} files: expected one data set")
                if not member.isfile() or member.sparse is not None:
                    continue
                key, ending = _split_name(member.name)
                if key != sample.key:
                    yield sample
                    sample = _Sample(key)
                if is_picture_name(member.name):
                    sample.pictures.append(PackedPicture(shard.path, member.offset_data, member.size, member.name))
                elif ending in _LABEL_ENDINGS and member.size <= _MAX_LABEL_BYTES:
                    content = tar.extractfile(member)
                    sample.texts[ending] = b"" if content is None else content.read()
            yield sample
    except (tarfile.TarError, EOFError, ValueError, UnicodeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{shard.path} is no tar archive, or compressed or damaged ({first_line(error)}); unpack a compressed one with "
            "gunzip and the like"
        ) from error


def _split_name(name: str) -> tuple[str, str]:
    """Return the key of a file, up to the first dot of its last part, and its ending.

    >>> _split_name("faces/0001.cls.txt")
    ('faces/0001', 'cls.txt')
    """
    folder, slash, last = name.rpartition("/")
    stem, _, ending = last.partition(".")
    return f"{folder}{slash}{stem}", ending.casefold()


def _label(
    sample: _Sample, picture: str, names: Sequence[str], chosen: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Return the label of an example, `""` without one, and the fields of its JSON."""
    fields = _fields(sample.texts.get("json", b""))
    column = chosen.get("label") or find_column(list(fields), LABEL_COLUMNS)
    texts = [
        sample.texts[ending].decode("utf-8", "replace").strip()
        for ending in _LABEL_ENDINGS[:-1]
        if ending in sample.texts
    ]
    label = fields.get(column, "") if column else ""
    if not label or (texts and "label" not in chosen):
        label = next(filter(None, texts), label)
    if not label:
        folders = PurePosixPath(picture).parent.parts
        label = next((label_of(folder, {}) for folder in reversed(folders) if is_label(folder, {})), "")
    if label.isdecimal() and int(label) < len(names):
        label = names[int(label)]
    return label, fields


def _fields(content: bytes) -> dict[str, str]:
    """Return the fields of a JSON object as text; none if it is no object."""
    try:
        values = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return {}
    return {str(key): text_of(value) for key, value in values.items()} if isinstance(values, dict) else {}
