"""Reading lists without a header, as many training scripts take them: lines such as `faces/a.jpg 3` or `a.jpg,happy`."""

import re
from pathlib import Path, PurePosixPath

from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.folders import split_of
from bimodal.data.sources.layouts.layout import left_out
from bimodal.data.sources.layouts.listed import absent, check_found
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError
from bimodal.vision.formats import is_picture_name

_ENDINGS = (".txt", ".lst", ".list")
_FIRST_BYTES = 4096
_LABEL = re.compile(r"[,;\t ][^\s,;]+$")  # with what is before it


def is_text_list(path: Path) -> bool:
    """Return whether a text file begins with a picture and a label."""
    if path.suffix.casefold() not in _ENDINGS or not path.is_file():
        return False
    with path.open("rb") as stream:
        first = stream.read(_FIRST_BYTES).decode("utf-8-sig", "replace").strip().partition("\n")[0]
    return _parse(first) is not None


def lists_of(tree: Tree) -> list[str]:
    """Return the files of a folder that are such lists."""
    return [file for file in tree.ending(*_ENDINGS) if is_text_list(tree.path(file))]


def read_text_lists(tree: Tree, lists: list[str]) -> Source:
    """Read lists of pictures and labels; `train.txt`, `val.txt` and `test.txt` are the splits.

    A path in a list is relative to the folder, to that of the list, or to any folder above the picture, if that is
    unambiguous. Of a picture that is listed twice, the first line counts.

    Raises:
        InputError: a line has another form, or no picture is in the folder.
    """
    by_name: dict[str, list[str]] = {}
    for picture in tree.pictures:
        by_name.setdefault(PurePosixPath(picture).name.casefold(), []).append(picture)
    splits = {file: split_of(PurePosixPath(file).stem) for file in lists}
    if not all(splits.values()):
        splits = dict.fromkeys(lists, "")
    first: dict[str, str] = {}
    entries: list[Entry] = []
    problems: list[Problem] = []
    missing: list[str] = []
    for file in lists:
        for number, line in enumerate(tree.lines(file), start=1):
            parsed = _parse(line)
            if parsed is None:
                raise InputError(
                    f"{tree.path(file)}, line {number}: expected a picture and a label, such as a.jpg happy, got {line[:80]!r}"
                )
            listed, label = parsed
            picture = _find(listed, PurePosixPath(file).parent, by_name)
            if not picture:
                problems.append(absent(listed, splits[file]))
                missing.append(listed)
            elif picture in first:
                detail = f"{label} in {file}, line {number}; {first[picture]} before"
                problems.append(Problem(picture, splits[file], "listed-twice", detail, "the first line kept"))
            else:
                first[picture] = label
                entries.append(Entry(picture, label, splits[file], tree.path(picture)))
    check_found(first, missing, tree.path(lists[0]), "the pictures")
    problems += left_out((name for name in tree.pictures if name not in first), "not in a list of labels")
    return Source("lists", entries, problems)


def _parse(line: str) -> tuple[str, str] | None:
    """Return the picture and the label of a line; None if it has another form.

    >>> _parse("faces/my cat.jpg 3"), _parse("a.jpg,happy"), _parse("a.jpg 3 1"), _parse("some words")
    (('faces/my cat.jpg', '3'), ('a.jpg', 'happy'), None, None)
    """
    line = line.strip()
    match = _LABEL.search(line)
    picture = line[: match.start()].rstrip(" ,;\t") if match else ""
    if not match or not is_picture_name(picture):
        return None
    return picture.replace("\\", "/"), match[0][1:]


def _find(listed: str, base: PurePosixPath, by_name: dict[str, list[str]]) -> str:
    """Return the picture of a path in a list; `""` if it is absent, or if several pictures fit equally well."""
    candidates = by_name.get(PurePosixPath(listed).name.casefold(), [])
    for exact in (listed, (base / listed).as_posix()):
        if exact in candidates:
            return exact
    parts = [part for part in PurePosixPath(listed).parts if part not in ("/", ".", "..")]
    fitting = candidates
    for depth in range(2, len(parts) + 1):  # the more of the path fits, the better
        ending = "/".join(parts[-depth:])
        longer = [name for name in fitting if f"/{name}".endswith(f"/{ending}")]
        if not longer:
            break
        fitting = longer
    return fitting[0] if len(fitting) == 1 else ""
