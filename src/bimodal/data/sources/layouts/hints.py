"""What a folder without any emotion looks like, and what to do with it, in one line."""

import re
import shlex
from collections import Counter
from pathlib import Path, PurePosixPath

from bimodal.data.sources.emotion_words import emotion_in
from bimodal.data.sources.file_names import form_of, stem_of
from bimodal.data.sources.layouts.tree import Tree

_PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".rar", ".7z")
_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".flv")
_ARRAYS = (".npz", ".npy", ".mat", ".h5", ".hdf5", ".pkl", ".pickle", ".pt", ".pth", ".tfrecord", ".lmdb", ".rec")
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".json")
_SHEETS = (".xlsx", ".xls", ".ods")
_RAF_NAME = re.compile(r"(train|test)_\d{4,6}(_aligned)?")
_CK_NAME = re.compile(r"S\d{3}_\d{3}_\d{8}")
_FERPLUS = {"fer2013train", "fer2013valid", "fer2013test"}
_WORD_SHARE = 0.5  # of the names must show an emotion for the hint of --label-pattern
_SHOWN = 4
_PAIRS = 12
_FIRST_BYTES = 4096


def hint(tree: Tree, labels: list[str]) -> str:
    """Return what was expected, what the folder looks like, and what to do.

    Args:
        tree: the folder.
        labels: the names of the folders that would be the classes.
    """
    if not tree.pictures:
        return f"no pictures found in {tree.root}: {_without_pictures(tree)}"
    found = ", ".join(sorted(set(labels))[:_SHOWN]) + (", ..." if len(set(labels)) > _SHOWN else "")
    start = f"no folder in {tree.root} is named after an emotion{f' (found {found})' if labels else ''}"
    return f"{start}: {_known_set(tree) or _labels_elsewhere(tree) or _by_hand(tree, labels)}"


def _without_pictures(tree: Tree) -> str:
    if packed := tree.ending(*_PACKED):
        return f"it holds packed files ({_some(packed)}); unpack them first"
    if videos := tree.ending(*_VIDEOS):
        return (
            f"it holds videos ({_some(videos)}), and prepare reads pictures; write out their frames first, such as "
            f"ffmpeg -i {shlex.quote(PurePosixPath(videos[0]).name)} -vf fps=2 happy/clip_%04d.png"
        )
    if tables := tree.ending(*_TABLES):
        return f"give the table itself, such as bimodal prepare {_quoted(tree, tables[0])} OUT"
    if arrays := tree.ending(*_ARRAYS):
        return f"it holds arrays ({_some(arrays)}); write their pictures into a folder for each emotion first"
    return f"expected a folder for each emotion, such as {tree.root.name}/happy/1.png, or those in train/ and val/"


def _known_set(tree: Tree) -> str:
    """Return the hint for a data set that is recognised although its labels are absent; `""` for another one."""
    stems = [stem_of(name) for name in tree.pictures[:1000]]
    if all(_RAF_NAME.fullmatch(stem) for stem in stems):
        return "it looks like RAF-DB without its labels; put EmoLabel/list_patition_label.txt into the folder"
    if tree.folders & _FERPLUS:
        return (
            "it looks like FERPlus without its votes; put fer2013new.csv, or each folder's label.csv, into the folder"
        )
    if all(_CK_NAME.fullmatch(stem) for stem in stems):
        return "it looks like CK+ without its labels; unpack Emotion_labels.zip into the folder (Emotion/S005/001/...)"
    if (form := form_of(tree.pictures[:1000])) is not None:
        return f"its file names have the form of {form.name}, but show no emotion"
    return ""


def _labels_elsewhere(tree: Tree) -> str:
    words = Counter(word for name in tree.pictures if (word := emotion_in(stem_of(name))))
    if words.total() >= _WORD_SHARE * len(tree.pictures) and len({word.casefold() for word in words}) > 1:
        alternatives = "|".join(sorted({word.casefold() for word in words}))
        example = next(name for name in tree.pictures if emotion_in(stem_of(name)))
        return f"file names show emotions ({PurePosixPath(example).name}); add --label-pattern '(?i)({alternatives})'"
    if tables := tree.ending(*_TABLES):
        root = _root_of(tree, tables[0])
        return (
            f"the labels may be in {_some(tables)}; give the table itself, such as "
            f"bimodal prepare {_quoted(tree, tables[0])} OUT{f' --root {shlex.quote(str(root))}' if root else ''}"
        )
    if sheets := tree.ending(*_SHEETS):
        return f"the labels may be in {_some(sheets)}; save it as CSV with the columns image,label and give that"
    return ""


def _root_of(tree: Tree, table: str) -> Path | None:
    """Return the folder that the paths of a table are relative to, if it is not the table's own folder."""
    with tree.path(table).open("rb") as stream:
        rows = stream.read(_FIRST_BYTES).decode("utf-8", "replace").splitlines()[1:4]
    cells = {cell.strip(' "').replace("\\", "/") for row in rows for cell in re.split(r"[,;\t]", row)} - {""}
    for picture in tree.pictures:
        parts = picture.split("/")
        for depth in range(len(parts)):
            if "/".join(parts[depth:]) in cells:
                root = tree.root.joinpath(*parts[:depth])
                return None if root == tree.path(table).parent else root
    return None


def _by_hand(tree: Tree, labels: list[str]) -> str:
    if "images" in tree.folders:
        return (
            "images/ looks like a part of YOLO, which has labels/*.txt beside it and a data.yaml, or of AffectNet, which has "
            "annotations/*_exp.npy; give the whole data set, or a CSV with the columns image,label"
        )
    if packed := tree.ending(*_PACKED):
        return f"the labels may be in {_some(packed)}; unpack it, or give a CSV with the columns image,label"
    if not labels:
        return "move the pictures into a folder for each emotion, or give a CSV with the columns image,label"
    if any(map(emotion_in, labels)):  # such as happy_faces
        known = shlex.quote(",".join(f"{label}={emotion_in(label).casefold() or 'drop'}" for label in labels[:_PAIRS]))
        return f"if the names mean what they seem to, add --labels {known}{',...' if len(labels) > _PAIRS else ''}"
    name = shlex.quote(f"{min(labels)}=happy")
    return f"give the meaning of each folder, such as --labels {name} (or =drop), or a CSV with the columns image,label"


def _some(files: list[str]) -> str:
    return ", ".join(files[:_SHOWN]) + (f" and {len(files) - _SHOWN:,} more" if len(files) > _SHOWN else "")


def _quoted(tree: Tree, file: str) -> str:
    return shlex.quote(str(tree.path(file)))
