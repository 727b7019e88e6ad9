"""Choosing the reader for an annotation format: of a file, a folder, or a data set on the hub."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Source
from bimodal.data.sources.formats.arrow_files import SUFFIXES, read_columns
from bimodal.data.sources.formats.coco import ROBOFLOW, is_coco, is_roboflow, read_coco, read_roboflow
from bimodal.data.sources.formats.hub import Address, fetch
from bimodal.data.sources.formats.image_folder import FILES, is_image_folder, read_image_folder
from bimodal.data.sources.formats.json_file import list_of_dicts, read_json, read_json_lines
from bimodal.data.sources.formats.label_studio import (
    is_label_studio,
    is_label_studio_csv,
    read_label_studio,
    read_label_studio_csv,
)
from bimodal.data.sources.formats.packed import Shard, holds_pictures, read_packed
from bimodal.data.sources.formats.records import frame_of, with_image_and_label
from bimodal.data.sources.formats.shards import choose_config, configs_of, is_shard, split_of_shard, with_splits
from bimodal.data.sources.formats.webdataset import CLASS_NAMES, SUFFIX, class_names_beside, read_webdataset
from bimodal.data.sources.layouts.registry import read_folder
from bimodal.data.sources.layouts.tree import Tree
from bimodal.data.sources.table import read_rows
from bimodal.errors import InputError
from bimodal.progress import inform
from bimodal.text import plural

_SUFFIXES = (".json", ".jsonl", ".ndjson", SUFFIX, *SUFFIXES)


def is_format(path: Path) -> bool:
    """Return whether a file has the ending of one of these formats, or is a CSV of Label Studio."""
    return path.suffix.casefold() in _SUFFIXES or is_label_studio_csv(path)


def read_format(path: Path, root: Path | None, options: PrepareOptions, scratch: Path | None) -> Source:
    """Read a file for which `is_format` is true.

    Args:
        path: JSON (COCO, Label Studio, or a list of objects), JSON Lines, Parquet, Arrow, a tar of WebDataset, or Label
            Studio's CSV.
        root: the folder of the pictures, if it is not that of the file.
        options: `labels`, `group` and `columns` are used.
        scratch: an empty folder for the pictures that are packed in the file.

    Raises:
        InputError: the file cannot be read, or it has another form.
    """
    suffix = path.suffix.casefold()
    if suffix in SUFFIXES:
        if holds_pictures(path):
            if root is not None:
                raise InputError(
                    f"--root is for a list of pictures, and {path} holds the pictures itself; leave it out"
                )
            return read_packed([Shard(path, path.name, "")], scratch, _group(options), options.columns)
        rows = frame_of(read_columns(path), path)
    elif suffix == SUFFIX:
        if root is not None:
            raise InputError(f"--root is for a list of pictures, and {path} holds the pictures itself; leave it out")
        shard = Shard(path, path.name, split_of_shard(path.name))
        names = class_names_beside([path.parent, path.parent.parent])
        return read_webdataset([shard], names, _group(options), options.columns)
    elif suffix in (".jsonl", ".ndjson"):
        rows = frame_of(read_json_lines(path), path)
    elif suffix != ".json":
        return read_label_studio_csv(path, root, options)
    else:
        content = read_json(path)
        if is_coco(content):
            return read_coco(content, path, root)
        if is_label_studio(content):
            return read_label_studio(content, path, root, options)
        rows = frame_of(_objects(content, path), path)
    return read_rows(with_image_and_label(rows, path, options.columns), path, root, _group(options))


def read_format_folder(path: Path, options: PrepareOptions, scratch: Path | None) -> Source | None:
    """Read a folder with files of one of these formats; None if it is another folder.

    Args:
        path: an export of Roboflow in the form of COCO, Hugging Face's imagefolder with metadata, Parquet or Arrow files, or
            tar archives of WebDataset.
        options: `group` and `columns` are used.
        scratch: an empty folder for pictures that are packed in files.

    Raises:
        InputError: a file cannot be read.
    """
    tree = Tree.of(path)
    if is_roboflow(tree):
        inform(f"layout: COCO, {plural(len(tree.named(ROBOFLOW)), 'file')} of annotations")
        return read_roboflow(tree)
    if is_image_folder(tree, options.columns):
        inform(f"layout: Hugging Face's imagefolder; the labels are in {tree.named(*FILES)[0]}")
        return read_image_folder(tree, _group(options), options.columns)
    archives = tree.ending(SUFFIX)
    if archives and not tree.pictures:
        return _read_archives(tree, archives, options)
    shards = [file for file in tree.files if is_shard(file)]
    if not shards or tree.pictures:
        return None
    files = choose_config(configs_of(shards), "", str(path), "give the folder of one of them")
    files = sorted(files, key=_by_split)
    return _read_shards(tree.root, files, [split_of_shard(file) for file in files], scratch, options)


def read_hub(address: Address, options: PrepareOptions, scratch: Path | None) -> Source:
    """Read a data set of the Hugging Face hub.

    Args:
        address: the data set.
        options: as for a folder.
        scratch: an empty folder for pictures that are packed in files.

    Raises:
        InputError: the hub cannot be reached, or the data set cannot be read.
    """
    download = fetch(address)
    if download.splits:
        source = _read_shards(download.root, download.files, download.splits, scratch, options)
    else:
        tree = Tree(download.root, tuple(sorted(download.files)))
        listed = is_image_folder(tree, options.columns)
        source = (
            read_image_folder(tree, _group(options), options.columns)
            if listed
            else read_folder(download.root / address.config, options)
        )
    return replace(source, origin=str(download.address))


def _read_shards(
    root: Path, files: Sequence[str], splits: Sequence[str], scratch: Path | None, options: PrepareOptions
) -> Source:
    chosen, problems = with_splits(files, splits)
    inform(f"reading the pictures in {plural(len(chosen), f'{PurePosixPath(files[0]).suffix} file')}")
    shards = [Shard(root / file, file, split) for file, split in chosen.items()]
    source = read_packed(shards, scratch, _group(options), options.columns)
    return replace(source, problems=problems + source.problems)


def _read_archives(tree: Tree, files: Sequence[str], options: PrepareOptions) -> Source:
    chosen, problems = with_splits(files, [split_of_shard(file) for file in files])
    inform(f"layout: WebDataset, {plural(len(chosen), 'archive')}")
    shards = [
        Shard(tree.path(file), file, split)
        for file, split in sorted(chosen.items(), key=lambda each: _by_split(each[0]))
    ]
    names = class_names_beside([tree.root, *(tree.path(file).parent for file in tree.named(CLASS_NAMES))])
    source = read_webdataset(shards, names, _group(options), options.columns)
    return replace(source, problems=problems + source.problems)


def _by_split(file: str) -> tuple[int, str]:
    return ("train", "val", "test", "").index(split_of_shard(file)), file


def _group(options: PrepareOptions) -> str:
    return "group" if options.group in ("auto", "none") else options.group


def _objects(content: object, path: Path) -> list[dict[str, Any]]:
    """Return the objects of a list, which may be the only value of an object, such as `{"data": [...]}`."""
    if isinstance(content, dict):
        lists = [value for value in content.values() if list_of_dicts(value)]
        content = lists[0] if len(lists) == 1 else None
    if rows := list_of_dicts(content):
        return rows
    raise InputError(f"{path} has another form than COCO, Label Studio, or a list of objects with file_name and label")
