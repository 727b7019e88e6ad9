"""Reading JSON in the form of COCO: `images`, `annotations` with boxes, and `categories`. One face an annotation."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.formats.json_file import list_of_dicts, read_json, text_of
from bimodal.data.sources.layouts.layout import splits_of_paths
from bimodal.data.sources.layouts.tree import Tree
from bimodal.data.sources.table import read_rows
from bimodal.errors import InputError

ROBOFLOW = "_annotations.coco.json"
"""The name of the file in each split of Roboflow's exports."""
_PARTS = ("images", "annotations", "categories")
_LOOKED_AT = 20


def is_coco(content: object) -> bool:
    """Return whether the content of a JSON file has the form of COCO."""
    return isinstance(content, dict) and all(isinstance(content.get(part), list) for part in _PARTS)


def read_coco(content: Mapping[str, Any], table: Path, root: Path | None) -> Source:
    """Read the annotations of one file.

    Args:
        content: of the file, for which `is_coco` is true.
        table: the file. Its pictures lie in its folder, in `images` there or, if that folder is `annotations`, beside it.
        root: the folder of the pictures, if it is another one.

    Raises:
        InputError: no picture has an annotation, or a path leaves the folder.
    """
    names = {
        _key(image.get("id")): image["file_name"].replace("\\", "/")
        for image in list_of_dicts(content["images"])
        if isinstance(image.get("file_name"), str)
    }
    categories = {_key(item.get("id")): text_of(item.get("name")) for item in list_of_dicts(content["categories"])}
    rows: list[tuple[str, str, str]] = []
    problems: list[Problem] = []
    annotated: set[str] = set()
    for number, annotation in enumerate(list_of_dicts(content["annotations"]), 1):
        image, category = _key(annotation.get("image_id")), _key(annotation.get("category_id"))
        name, label = names.get(image, ""), categories.get(category, "")
        annotated.add(image)
        if not name or not label:
            missing = f"no category {category or '?'}" if name else f"no image {image or '?'}"
            problems.append(Problem(name, "", "ignored", f"annotation {number}: {missing} in the file", "left out"))
        elif annotation.get("iscrowd") not in (None, 0, False):
            problems.append(Problem(name, "", "ignored", f"annotation {number} is of a crowd", "left out"))
        else:
            rows.append((name, label, text_of(annotation.get("bbox"))))
    for image, name in names.items():
        if image not in annotated:
            problems.append(Problem(name, "", "ignored", "no annotation", "left out"))
    if not rows:
        raise InputError(f"{table} has the form of COCO, but none of its annotations has a picture and a category")
    base = root or _folder_of(table, [name for name, _, _ in rows])
    frame = pd.DataFrame(rows, columns=["image", "label", "bbox"], dtype=object)
    source = read_rows(frame, table, base)
    return Source("coco", source.entries, problems + source.problems)


def is_roboflow(tree: Tree) -> bool:
    """Return whether a folder is an export of Roboflow in the form of COCO, a file in each split."""
    return bool(tree.named(ROBOFLOW))


def read_roboflow(tree: Tree) -> Source:
    """Read an export of Roboflow: the folders of the files are the splits."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    files = tree.named(ROBOFLOW)
    for file, split in zip(files, splits_of_paths(files), strict=True):
        path = tree.path(file)
        content = read_json(path)
        if not is_coco(content):
            raise InputError(f"{path} lacks the lists {', '.join(_PARTS)} of COCO")
        folder = PurePosixPath(file).parent
        source = read_coco(content, path, path.parent)
        entries += [_moved(entry, folder, split) for entry in source.entries]
        problems += [
            Problem((folder / problem.image).as_posix(), split, problem.problem, problem.detail, problem.action)
            for problem in source.problems
        ]
    return Source("coco", entries, problems)


def _moved(entry: Entry, folder: PurePosixPath, split: str) -> Entry:
    return Entry((folder / entry.name).as_posix(), entry.label, split, entry.content, box=entry.box)


def _key(value: object) -> str:
    """Return an identifier as text, since some tools write numbers in one list and text in another."""
    return str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""


def _folder_of(table: Path, names: list[str]) -> Path:
    """Return the first usual folder that holds one of the first pictures; the folder of the file if none does."""
    usual = [table.parent, table.parent / "images"]
    if table.parent.name.casefold() == "annotations":
        usual += [table.parent.parent / "images", table.parent.parent]
    safe = [name for name in names[:_LOOKED_AT] if "\0" not in name]
    return next((folder for folder in usual if any((folder / name).is_file() for name in safe)), table.parent)
