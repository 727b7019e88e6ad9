"""Reading exports of Label Studio: JSON, JSON-MIN and CSV, with choices for pictures or for rectangles around faces."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bimodal.data.labels import parse_labels
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.boxes import BAD_BOX
from bimodal.data.sources.emotion_words import is_label
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.formats.exported_paths import ExportedPaths
from bimodal.data.sources.formats.json_file import list_of_dicts, shown_names
from bimodal.data.sources.formats.label_studio_tasks import Annotation, Region, Task, tasks_of_export, tasks_of_rows
from bimodal.data.sources.formats.majority import majority, same_faces
from bimodal.data.sources.formats.records import LABEL_COLUMNS
from bimodal.data.tables import read_table
from bimodal.errors import InputError

UNDECIDED = "undecided"
"""The problem of a picture or face to which annotators give two labels equally often."""
_ROW_COLUMNS = {"annotation_id", "annotator", "lead_time", "updated_at", "created_at", "completed_by"}
_MIN_ROW_COLUMNS = 2
_MAX_HEADER = 65_536


def is_label_studio(content: object) -> bool:
    """Return whether the content of a JSON file is an export of Label Studio."""
    rows = list_of_dicts(content)[:1]
    return any(("data" in row and ("annotations" in row or "completions" in row)) or _is_row(row) for row in rows)


def is_label_studio_csv(path: Path) -> bool:
    """Return whether a CSV has the columns of Label Studio's export."""
    if path.suffix.casefold() not in (".csv", ".tsv") or not path.is_file():
        return False
    with path.open("rb") as stream:
        header = stream.readline(_MAX_HEADER).decode("utf-8-sig", "replace")
    columns = [column.strip().strip('"') for column in header.replace("\t", ",").replace(";", ",").split(",")]
    return _is_row(columns)


def read_label_studio_csv(table: Path, root: Path | None, options: PrepareOptions) -> Source:
    """Read the CSV of an export, see `read_label_studio`."""
    return read_label_studio(read_table(table, ()).to_dict("records"), table, root, options)


def read_label_studio(content: object, table: Path, root: Path | None, options: PrepareOptions) -> Source:
    """Read the tasks of an export: one face for each picture with a choice, and for each rectangle with a label.

    Of several annotators the majority decides, or else those marked as ground truth; their other label becomes the second
    opinion. If two labels are equally frequent, the face is left out. Skipped tasks and cancelled annotations are left out.

    Args:
        content: of the file, for which `is_label_studio` is true.
        table: the file.
        root: the folder of the pictures; default: that of the file.
        options: `labels`, and `group` for the column of the task's data with the groups.

    Raises:
        InputError: no annotation has a label, or a path leaves the folder.
    """
    rows = list_of_dicts(content)
    tasks = tasks_of_rows(rows) if _is_row(rows[0]) else tasks_of_export(rows)
    tasks = _with_emotions(tasks, parse_labels(options.labels), table)
    paths = ExportedPaths(root or table.parent, table)
    group = "group" if options.group in ("auto", "none") else options.group
    entries: list[Entry] = []
    problems: list[Problem] = []
    for task in tasks:
        if not task.image:
            problems.append(Problem(f"task {task.key}", "", "ignored", "its data names no picture", "left out"))
            continue
        name = paths.find(task.image)
        about = task.data.get(group)
        face = Entry(name, "", "", paths.base / name, str(about) if isinstance(about, (str, int)) else "")
        found, wrong = _faces(task, face)
        entries += found
        problems += wrong
    has_groups = any(group in task.data for task in tasks)
    return Source("label-studio", entries, problems, has_groups=has_groups)


def _is_row(columns: Sequence[str] | Mapping[str, Any]) -> bool:
    return len(_ROW_COLUMNS & set(columns)) >= _MIN_ROW_COLUMNS


def _with_emotions(tasks: list[Task], meanings: Mapping[str, str], table: Path) -> list[Task]:
    """Keep the labels of the controls that ask for the emotion, such as `emotion`, and not those of `quality`.

    These are the controls with an emotion among their labels; else those whose names are of a column of labels; else the
    only one.
    """
    controls: dict[str, Counter[str]] = {}
    for task in tasks:
        for region in (region for annotation in task.annotations for region in annotation.regions):
            controls.setdefault(region.control, Counter())[region.label] += 1
    kept = {control for control, labels in controls.items() if any(is_label(label, meanings) for label in labels)}
    kept = kept or {control for control in controls if control.casefold() in LABEL_COLUMNS}
    if not kept and len(controls) == 1:
        kept = set(controls)
    if not kept:
        found = shown_names(f"{name} ({labels.most_common(1)[0][0][:40]})" for name, labels in controls.items())
        raise InputError(
            f"{table} is an export of Label Studio without choices of emotions; found {found or 'no labels'}"
        )
    return [task.only(kept) for task in tasks]


def _faces(task: Task, face: Entry) -> tuple[list[Entry], list[Problem]]:
    """Return the labelled faces of a task, and its problems; `face` holds what they share."""
    valid = [annotation for annotation in task.annotations if not annotation.cancelled]
    labelled = [annotation for annotation in valid if annotation.regions]
    if not labelled:
        why = "skipped by the annotator" if len(valid) < len(task.annotations) else "no label"
        return [], [Problem(face.name, "", "ignored", why, "left out")]
    entries: list[Entry] = []
    problems: list[Problem] = []

    def add(entry: Entry, chosen: list[tuple[Annotation, Region]]) -> None:
        trusted = [region.label for annotation, region in chosen if annotation.ground_truth]
        verdict = majority([region.label for _, region in chosen])
        label = majority(trusted).label if trusted else verdict.label
        if not label:
            problems.append(Problem(entry.name, "", UNDECIDED, verdict.votes, "left out"))
        elif len(chosen) == 1:
            entries.append(replace(entry, label=label))
        else:
            second = verdict.second if label == verdict.label else verdict.label
            entries.append(replace(entry, label=label, second_opinion=second, votes=verdict.votes))

    whole = [(annotation, region) for annotation in labelled for region in annotation.regions if region.box is None]
    if whole:
        add(face, whole)
    boxes = []
    for annotation in labelled:
        own = [(region, region.box) for region in annotation.regions if region.box is not None]
        problems += [Problem(face.name, "", BAD_BOX, box, "left out") for _, box in own if isinstance(box, str)]
        boxes.append([(region, box) for region, box in own if not isinstance(box, str)])
    for pairs in same_faces([[box for _, box in own] for own in boxes]):
        first, number = pairs[0]
        add(
            replace(face, box=boxes[first][number][1]),
            [(labelled[annotator], boxes[annotator][i][0]) for annotator, i in pairs],
        )
    return entries, problems
