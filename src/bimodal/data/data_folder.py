"""Writing the files of a data folder: pictures, manifest, the paper's label files, and records of the source."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from bimodal.data.counts import count_faces, draw_counts
from bimodal.data.inspection import Example, columns
from bimodal.data.manifest import COLUMNS, FILE, SPLITS
from bimodal.data.naming import Names, printable
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.shards import FOLDER as SHARDS
from bimodal.data.shards import ShardWriter
from bimodal.data.source_info import FILE as SOURCE_INFO
from bimodal.data.sources.entry import Problem
from bimodal.data.too_few import problem_table
from bimodal.emotions import NAMES
from bimodal.files import write_csv
from bimodal.version import __version__
from bimodal.vision.packed import PackedPicture
from bimodal.vision.pictures import each_in_threads, map_in_threads, png_of, write_png

MARKS = (FILE, SOURCE_INFO)
"""The files that identify a data folder that `prepare` wrote."""
CONTENT = (
    *(*MARKS, "images", SHARDS, "problems.csv", "origins.csv", "counts.csv", "counts.png", ".cache"),
    *(f"{split}_labels.csv" for split in SPLITS),
)
"""The names of all that such a folder may hold."""
_BLOCK = 50_000
UNPACKED = "unpacked"
"""The temporary subfolder of a new data folder with the pictures of Parquet or Arrow files."""


def store_pictures(examples: list[Example], folder: Path, store: str, link: bool = False) -> list[str]:
    """Write the pictures; return their names, `images/<split>/<label>/<name>`.

    Args:
        examples: N pictures.
        folder: the data folder.
        store: `files`, or `shards`, which pack them under these names.
        link: make links to the source's files.

    Raises:
        OSError: the disk is full.
    """
    names = Names(dots=store == "files")
    images = []
    for example in examples:
        place = f"images/{example.entry.split}/{NAMES[example.code]}"
        images.append(names.give(place, example.entry.name, ".png" if example.crop else None))
    if store == "shards":
        _store_shards(examples, images, folder)
    else:
        _store_files(examples, images, folder, link)
    shutil.rmtree(folder / UNPACKED, ignore_errors=True)
    return images


def _store_shards(examples: list[Example], images: list[str], folder: Path) -> None:
    def read(example: Example) -> bytes:
        content = example.crop or example.entry.content
        return png_of(content) if isinstance(content, np.ndarray) else content.read_bytes()

    with ShardWriter(folder) as writer:
        contents = each_in_threads(read, examples, "storing pictures")
        for example, image, content in zip(examples, images, contents, strict=True):
            writer.add(example.entry.split, image, content)


def _store_files(examples: list[Example], images: list[str], folder: Path, link: bool) -> None:
    for place in sorted({os.path.dirname(image) for image in images}):
        (folder / place).mkdir(parents=True)

    def store(pair: tuple[Example, str]) -> None:
        example, image = pair
        path, content = folder / image, example.entry.content
        if example.crop is not None:
            _link_or_copy(example.crop, path)
        elif isinstance(content, np.ndarray):
            write_png(path, content)
        elif isinstance(content, PackedPicture):
            path.write_bytes(content.read_bytes())
        elif link:
            path.symlink_to(content)
        else:
            shutil.copyfile(content, path)

    map_in_threads(store, list(zip(examples, images, strict=True)), "storing pictures")


def _link_or_copy(file: Path, path: Path) -> None:
    """Give a finished file a second name, which needs no space, so that an interrupted call does not lose the first."""
    try:
        os.link(file, path)
    except OSError:  # not every file system has links
        shutil.copyfile(file, path)


def write_tables(examples: list[Example], images: list[str], folder: Path) -> pd.DataFrame:
    """Write `manifest.csv`, the paper's label files, `origins.csv` and the counts; return the counts."""
    _, splits, codes = columns(examples)

    def blocks() -> Iterator[tuple[list[Example], list[str]]]:  # a table of a million rows takes a gigabyte
        for start in range(0, max(len(examples), 1), _BLOCK):
            yield examples[start : start + _BLOCK], images[start : start + _BLOCK]

    write_csv(folder / FILE, (_manifest(*block) for block in blocks()))
    write_csv(folder / "origins.csv", (_origins(*block) for block in blocks()))
    given, of_split = np.array(images, dtype=object), np.array(splits)
    for split in SPLITS:
        rows = np.flatnonzero(of_split == split)
        parts = (rows[start : start + _BLOCK] for start in range(0, max(len(rows), 1), _BLOCK))
        paper = (pd.DataFrame({"image": given[part], "label": codes[part]}) for part in parts)
        write_csv(folder / f"{split}_labels.csv", paper)
    counts = count_faces(codes, np.array(splits))
    counts.to_csv(folder / "counts.csv")
    draw_counts(counts, folder / "counts.png")
    return counts


def _manifest(examples: list[Example], images: list[str]) -> pd.DataFrame:
    """Return rows of `manifest.csv`."""
    entries = [example.entry for example in examples]
    table = {
        "image": images,
        "label": [NAMES[example.code] for example in examples],
        "split": [entry.split for entry in entries],
        "group": [printable(entry.group) for entry in entries],
        "original_label": [printable(entry.original_label) for entry in entries],
        "true_label": [printable(entry.true_label) for entry in entries],
        "flag": [example.flag for example in examples],
        "digest": [(example.stored_digest or b"").hex() for example in examples],
    }
    return pd.DataFrame(table, columns=list(COLUMNS))


def _origins(examples: list[Example], images: list[str]) -> pd.DataFrame:
    """Return rows of `origins.csv`."""
    entries = [example.entry for example in examples]
    table = {
        "image": images,
        "origin": [printable(entry.name) for entry in entries],
        "second_opinion": [entry.second_opinion for entry in entries],
        "votes": [entry.votes for entry in entries],
        "box": [" ".join(f"{side:g}" for side in entry.box or ()) for entry in entries],
    }
    return pd.DataFrame(table)


def write_problems(problems: list[Problem], folder: Path) -> pd.DataFrame:
    """Write `problems.csv`; return its table."""
    table = problem_table(problems)
    write_csv(folder / "problems.csv", table)
    return table


def write_source_info(folder: Path, source: str, kind: str, options: PrepareOptions, name_groups: str) -> None:
    """Write `source.json`: the source, its kind, the version of bimodal, the options, and the groups shown by names."""
    values = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}
    content = {
        "source": printable(source),
        "kind": kind,
        "version": __version__,
        "options": values,
        "groups": name_groups,
    }
    (folder / SOURCE_INFO).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
