"""Reading the expressions of Aff-Wild2 (Kollias & Zafeiriou 2019): a text file for each video, with a line for each frame.

`.../Train_Set/1-30-1280x720.txt` begins with the names of the expressions; line i is the code of frame i, -1 if there is
none. The frames are `cropped_aligned/1-30-1280x720/00001.jpg`, ...
"""

from pathlib import PurePosixPath

from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.emotion_words import is_label
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.layouts.layout import Layout, groups_in_words, left_out, split_of_path
from bimodal.data.sources.layouts.listed import check_found
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError

_MIN_NAMES = 5  # the expressions in the first line
_DROP = {"other": "drop"}


def _names(line: str) -> list[str]:
    """Return the expressions of a first line; none if it has another form.

    >>> _names("Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other")[:2], _names("a.jpg,happy")
    (['Neutral', 'Anger'], [])
    """
    names = [name.strip() for name in line.split(",")]
    known = [name for name in names if not name.isdecimal() and is_label(name, {})]
    return names if len(known) >= _MIN_NAMES and len(names) - len(known) <= 1 else []


def _first_line(tree: Tree, file: str) -> str:
    with tree.path(file).open("rb") as stream:
        return stream.read(200).decode("utf-8-sig", "replace").partition("\n")[0].strip()


def _annotations(tree: Tree) -> list[str]:
    folders = {name.rpartition("/")[0] for name in tree.pictures}
    videos = {folder.rpartition("/")[2] for folder in folders}
    files = [file for file in tree.ending(".txt") if PurePosixPath(file).stem in videos]
    return [file for file in files if _names(_first_line(tree, file))]


def _read(tree: Tree, options: PrepareOptions) -> Source:
    """Read the annotated frames; the video becomes the group, and `Other` is dropped.

    Raises:
        InputError: a line is no code of an expression.
    """
    frames: dict[tuple[str, int], str] = {}
    for name in tree.pictures:
        path = PurePosixPath(name)
        if path.stem.isdecimal():
            frames[path.parent.name, int(path.stem)] = name
    entries: list[Entry] = []
    problems: list[Problem] = []
    used: set[str] = set()
    missing: list[str] = []
    for file in _annotations(tree):
        first, *codes = tree.lines(file)
        names, video = _names(first), PurePosixPath(file).stem
        for number, code in enumerate(codes, start=1):
            if code == "-1":
                continue
            if not (code.isdecimal() and int(code) < len(names)):
                raise InputError(
                    f"{tree.path(file)}, line {number + 1}: expected a code from -1 to {len(names) - 1}, got {code[:80]!r}"
                )
            picture = frames.get((video, number))
            if picture is None:  # no face was found in this frame
                missing.append(f"{video}/{number:05d}.jpg")
                continue
            used.add(picture)
            label = names[int(code)]
            entries.append(
                Entry(picture, label, split_of_path(file), tree.path(picture), group=video, original_label=code)
            )
    check_found(used, missing, tree.root, "cropped_aligned.zip")
    problems += left_out((name for name in tree.pictures if name not in used), "without an expression")
    said = groups_in_words((entry.group for entry in entries), "videos")
    return Source("aff-wild2", entries, problems, _DROP, has_groups=True, name_groups=said)


AFF_WILD2 = Layout("Aff-Wild2", lambda tree: bool(_annotations(tree)), _read, "a video is a group; Other is left out")
