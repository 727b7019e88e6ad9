"""Reading data sets for YOLO (Ultralytics, Roboflow): `images/` beside `labels/`, and a `data.yaml` with the names.

`train/labels/a.txt` (or `labels/train/a.txt`) has a line for each face: class, then centre, width and height as shares of
the picture, or the corners of a polygon.
"""

import re
from pathlib import PurePosixPath

import yaml

from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.layouts.layout import Layout, left_out, splits_of_paths
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError
from bimodal.progress import inform, track
from bimodal.settings import plain_yaml
from bimodal.vision.pictures import UnreadableError, upright_size

Box = tuple[float, float, float, float]
_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_NAME_LISTS = ("classes.txt", "obj.names", "_darknet.labels")
_MAX_LINES = 10_000


def _recognise(tree: Tree) -> bool:
    if not {"images", "labels"} <= tree.folders:
        return False
    labels = set(tree.ending(".txt"))
    return any(_label_file(name) in labels for name in tree.pictures)


def _label_file(picture: str) -> str:
    """Return the label file of a picture: the last folder `images` becomes `labels`; `""` if there is none.

    >>> _label_file("train/images/a.b.jpg"), _label_file("images/val/a.jpg"), _label_file("a.jpg")
    ('train/labels/a.b.txt', 'labels/val/a.txt', '')
    """
    path = PurePosixPath(picture)
    parts = list(path.parent.parts)
    for depth in reversed(range(len(parts))):
        if parts[depth].casefold() == "images":
            parts[depth] = "labels"
            return PurePosixPath(*parts, f"{path.stem}.txt").as_posix()
    return ""


def _read(tree: Tree, options: PrepareOptions) -> Source:
    """Read an entry for each labelled face, with its box; without a list of names, the labels are numbers.

    Raises:
        InputError: the list of names or a label file has another form.
    """
    names = _class_names(tree)
    shown = ", ".join(f"{code} {name}" for code, name in names.items()) if names else "not named in a data.yaml"
    inform(f"YOLO: the classes are {shown}")
    labels = set(tree.ending(".txt"))
    entries: list[Entry] = []
    problems: list[Problem] = []
    without = []
    splits = dict(zip(tree.pictures, splits_of_paths(list(tree.pictures)), strict=True))
    for picture in track(tree.pictures, "reading label files", len(tree.pictures)):
        file = _label_file(picture)
        faces = _read_faces(tree, file) if file in labels else []
        if not faces:
            without.append(picture)
            continue
        try:
            width, height = upright_size(tree.path(picture))
        except UnreadableError as error:
            problems.append(Problem(picture, splits[picture], "unreadable", str(error), "left out"))
            continue
        for code, (left, top, w, h) in faces:
            label = names.get(code, code)
            box = (left * width, top * height, w * width, h * height)
            original = code if label != code else ""
            entries.append(Entry(picture, label, splits[picture], tree.path(picture), original_label=original, box=box))
    problems += left_out(without, "no labelled face in labels/")
    return Source("yolo", entries, problems)


def _class_names(tree: Tree) -> dict[str, str]:
    """Return the name of each class, from the `data.yaml` or the list of names nearest to the top."""
    for file in sorted(tree.named(*_NAMES), key=lambda file: file.count("/")):
        try:
            content = plain_yaml("\n".join(_raw_lines(tree, file)))
        except yaml.YAMLError as error:
            raise InputError(f"{tree.path(file)} is not YAML: {str(error).splitlines()[0]}") from error
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, list):
            names = dict(enumerate(names))
        if not isinstance(names, dict) or not all(isinstance(name, str | int) for name in names.values()):
            raise InputError(f"{tree.path(file)}: expected names: [angry, happy, ...], got {str(names)[:80]}")
        return {str(code): str(name) for code, name in names.items()}
    for file in sorted(tree.named(*_NAME_LISTS), key=lambda file: file.count("/")):
        return {str(code): name for code, name in enumerate(tree.lines(file))}
    return {}


def _raw_lines(tree: Tree, file: str) -> list[str]:
    if tree.path(file).stat().st_size > 2**20:
        raise InputError(f"{tree.path(file)} is larger than 1 MiB: expected the names of the classes")
    return tree.path(file).read_text(encoding="utf-8-sig", errors="replace").splitlines()


def _read_faces(tree: Tree, file: str) -> list[tuple[str, Box]]:
    """Return the class and the box (left, top, width, height, as shares of the picture) of each line."""
    faces = []
    lines = tree.lines(file)
    for number, line in enumerate(lines[:_MAX_LINES], start=1):
        code, *rest = line.split()
        try:
            values = [float(value) for value in rest]
            if not re.fullmatch(r"\d{1,4}", code) or not all(-0.5 <= value <= 1.5 for value in values):
                raise ValueError
            faces.append((code, _box(values)))
        except ValueError as error:
            raise InputError(
                f"{tree.path(file)}, line {number}: expected a class and numbers from 0 to 1 (centre, width and height, or the "
                f"corners of a polygon), got {line[:80]!r}"
            ) from error
    return faces


def _box(values: list[float]) -> Box:
    """Return left, top, width and height.

    >>> _box([0.5, 0.5, 0.25, 0.5]), _box([0.25, 0.25, 0.75, 0.25, 0.5, 0.5])
    ((0.375, 0.25, 0.25, 0.5), (0.25, 0.25, 0.5, 0.25))
    """
    if len(values) in (4, 5):  # the fifth is a confidence
        x, y, width, height = values[:4]
        return x - width / 2, y - height / 2, width, height
    if len(values) < 6 or len(values) % 2:
        raise ValueError
    xs, ys = values[::2], values[1::2]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


YOLO = Layout("YOLO", _recognise, _read, "an example for each labelled face, cut out by its box", knows_codes=False)
