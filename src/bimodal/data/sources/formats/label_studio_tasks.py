"""The tasks of an export of Label Studio: the picture, and the labels that each annotator gave to it or to its parts."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from bimodal.data.sources.formats.exported_paths import path_parts
from bimodal.data.sources.formats.json_file import list_of_dicts
from bimodal.data.sources.formats.records import IMAGE_COLUMNS, find_column
from bimodal.vision.boxes import Box
from bimodal.vision.formats import is_picture_name

_LABEL_KEYS = ("choices", "rectanglelabels", "labels")
_SIDES = ("x", "y", "width", "height")
_NO_LABELS = frozenset(
    (
        "annotation_id",
        "annotator",
        "completed_by",
        "created_at",
        "updated_at",
        "lead_time",
        "id",
        "agreement",
        "comment",
    )
)
_MAX_CELL = 2**20


@dataclass(frozen=True)
class Region:
    """A label of a picture or of a rectangle in it.

    Attributes:
        control: the name of the control with which it was given, such as `emotion`.
        label: as it was given.
        box: of the rectangle; None for the whole picture; or a text that says why it is no box.
    """

    control: str
    label: str
    box: Box | str | None


@dataclass(frozen=True)
class Annotation:
    """The labels that one annotator gave to a picture."""

    regions: tuple[Region, ...]
    ground_truth: bool = False
    cancelled: bool = False


@dataclass(frozen=True)
class Task:
    """A picture with its annotations.

    Attributes:
        key: the task's number, for messages.
        image: the address of the picture, or `""`.
        data: what was imported with it.
        annotations: one for each annotator.
    """

    key: str
    image: str
    data: Mapping[str, Any]
    annotations: tuple[Annotation, ...]

    def only(self, controls: set[str]) -> Self:
        """Return the task with the labels of these controls alone."""
        kept = [
            replace(annotation, regions=tuple(region for region in annotation.regions if region.control in controls))
            for annotation in self.annotations
        ]
        return replace(self, annotations=tuple(kept))


def tasks_of_export(rows: Sequence[Mapping[str, Any]]) -> list[Task]:
    """Return the tasks of the full JSON, `{"data": {"image": ...}, "annotations": [{"result": [...]}]}`."""
    tasks = []
    for number, row in enumerate(rows, 1):
        data = row["data"] if isinstance(row.get("data"), dict) else {}
        annotations = list_of_dicts(row.get("annotations", row.get("completions")))
        given = tuple(
            Annotation(
                tuple(_regions_of_result(list_of_dicts(annotation.get("result")))),
                annotation.get("ground_truth") is True,
                annotation.get("was_cancelled") is True,
            )
            for annotation in annotations
        )
        tasks.append(Task(str(row.get("id", number))[:40], _image(data), data, given))
    return tasks


def tasks_of_rows(rows: Sequence[Mapping[str, Any]]) -> list[Task]:
    """Return the tasks of JSON-MIN or CSV, where each annotation is a row with the picture; rows of a task are taken together."""
    tasks: dict[tuple[str, str], Task] = {}
    for number, row in enumerate(rows, 1):
        image = _image(row)
        key = str(row.get("id") or "")[:40]
        regions = [
            region
            for column, value in row.items()
            if str(column) not in _NO_LABELS and not (isinstance(value, str) and value == image)
            for region in _regions_of_cell(str(column), value)
        ]
        task = tasks.setdefault((key, image), Task(key or str(number), image, row, ()))
        tasks[key, image] = replace(task, annotations=(*task.annotations, Annotation(tuple(regions))))
    return list(tasks.values())


def _image(data: Mapping[str, Any]) -> str:
    """Return the address of the picture: the value called `image` or so, or else the first that looks like one."""
    column = find_column([str(key) for key in data], IMAGE_COLUMNS)
    value = data.get(column) if column is not None else None
    if isinstance(value, str) and value:
        return value
    texts = [value for value in data.values() if isinstance(value, str) and len(value) < 10_000]
    return next((text for text in texts if is_picture_name((path_parts(text) or [""])[-1])), "")


def _regions_of_result(results: list[dict[str, Any]]) -> Iterator[Region]:
    """Yield the labels of a result; a choice for a rectangle has the rectangle's identifier, and replaces its other label."""
    chosen = {str(item.get("id")) for item in results if _box_of(item) is not None and item.get("type") == "choices"}
    for item in results:
        value = item.get("value")
        if not isinstance(value, dict) or (item.get("type") != "choices" and str(item.get("id")) in chosen):
            continue
        box = _box_of(item)
        for label in _labels_of(value):
            yield Region(str(item.get("from_name", "")), label, box)


def _regions_of_cell(column: str, value: object) -> Iterator[Region]:
    """Yield the labels in a value of JSON-MIN, or in a cell of CSV, where lists are JSON."""
    if isinstance(value, str) and value[:1] in ("[", "{") and len(value) <= _MAX_CELL:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        if str(value).strip():
            yield Region(column, str(value).strip(), None)
    elif isinstance(value, dict):
        yield from (Region(column, label, None) for label in _labels_of(value))
    elif isinstance(value, list):
        yield from (Region(column, item.strip(), None) for item in value if isinstance(item, str) and item.strip())
        for item in list_of_dicts(value):
            box = _box_of({**item, "value": item})
            yield from (Region(column, label, box) for label in _labels_of(item))


def _labels_of(value: Mapping[str, Any]) -> list[str]:
    labels: object = next((value[key] for key in _LABEL_KEYS if key in value), [])
    return (
        [label.strip() for label in labels if isinstance(label, str) and label.strip()]
        if isinstance(labels, list)
        else []
    )


def _box_of(item: Mapping[str, Any]) -> Box | str | None:
    """Return the upright box around a rectangle in percent of the picture, in pixels; None if there is none."""
    value = item.get("value")
    if not isinstance(value, dict) or not all(side in value for side in _SIDES):
        return None
    if not all(f"original_{side}" in item for side in ("width", "height")):
        return "a rectangle in percent without original_width and original_height, the size of the picture"
    try:
        x, y, width, height = (float(value[side]) for side in _SIDES)
        across, down = (float(item[f"original_{side}"]) / 100 for side in ("width", "height"))
        turn = math.radians(float(value.get("rotation") or 0))
    except (TypeError, ValueError, OverflowError):
        return "a rectangle that is not four numbers in percent"
    left, top, w, h = x * across, y * down, width * across, height * down
    cos, sin = math.cos(turn), math.sin(turn)  # about the corner left and top
    xs = [left + a * w * cos - b * h * sin for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))]
    ys = [top + a * w * sin + b * h * cos for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))]
    box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    if not all(map(math.isfinite, box)) or w <= 0 or h <= 0:
        return f"the rectangle of {width:g} x {height:g} percent has no area"
    return box
