"""Reading pictures from one folder per class, with or without folders for the splits, such as SFEW."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.groups import film_of
from bimodal.data.tables import read_table
from bimodal.errors import InputError
from bimodal.vision.pictures import is_picture_name

_SPLITS = {
    "train": re.compile(r"train(ing)?(_aligned_faces.*)?", re.IGNORECASE),
    "val": re.compile(r"(val(id(ation)?)?|dev)(_aligned_faces.*)?", re.IGNORECASE),
    "test": re.compile(r"test(ing)?(_aligned_faces.*)?", re.IGNORECASE),
}
TRUTH = "truth.csv"
_SFEW_SHARE = 0.9  # the share of names that must look like `Film_000310240_00000007.png`


def read_folders(source: Path, unaligned: bool = False) -> Source:
    """Read `[split/]emotion/**/picture`; the split's name may be in upper or lower case.

    SFEW is recognised by its file names, and the film becomes the group. If the source has both `Train` and
    `Train_Aligned_Faces`, the aligned faces are read, as in the paper. The `truth.csv` of a drawn set gives the true
    labels. `unaligned` reads the folders without aligned faces instead, because `prepare` aligns the faces itself.

    Raises:
        InputError: the source has no class folder with pictures.
    """
    problems: list[Problem] = []
    folders = _visible_folders(source, problems)
    truth = _truth(source)
    splits = _split_folders(folders, unaligned, problems)
    entries = [] if splits else list(_classes(source, folders, "", problems))
    for split, folder in splits.items():
        inner = _visible_folders(folder, problems, source)
        if not inner:
            problems.append(Problem(folder.name, split, "ignored", "a split without class folders", "left out"))
        entries += _classes(source, inner, split, problems)
    if not entries:
        raise InputError(
            f"no pictures found in {source}: expected a folder for each emotion, such as {source.name}/happy/1.png, "
            "or those in train/ and val/"
        )
    entries = [replace(entry, true_label=truth.get(entry.name, "")) for entry in entries]
    films = [film_of(entry.name) for entry in entries]
    if {"train", "val"} <= set(splits) and sum(map(bool, films)) >= _SFEW_SHARE * len(films):
        entries = [replace(entry, group=film) for entry, film in zip(entries, films, strict=True)]
        return Source(
            "sfew", entries, problems, keep_groups_together=False, has_groups=True
        )  # the paper halves val at random
    return Source("folders", entries, problems)


def _visible_folders(folder: Path, problems: list[Problem], top: Path | None = None) -> list[Path]:
    """Return the folders in a folder; report its other content as ignored."""
    folders = []
    for path in sorted(folder.iterdir()):
        if path.name == TRUTH:
            continue
        if path.name.startswith((".", "__")) or not path.is_dir():
            problems.append(_ignored(path, top or folder))
        else:
            folders.append(path)
    return folders


def _truth(source: Path) -> dict[str, str]:
    """Return the true label of each picture of a drawn set; `no face` for a picture without a face."""
    if not (source / TRUTH).is_file():
        return {}
    frame = read_table(source / TRUTH, ("image", "true_label"))
    return {image: label or "no face" for image, label in zip(frame["image"], frame["true_label"], strict=True)}


def _split_folders(folders: list[Path], unaligned: bool, problems: list[Problem]) -> dict[str, Path]:
    """Return the folder of each split; empty if no folder is named like a split."""
    chosen: dict[str, Path] = {}
    for split, pattern in _SPLITS.items():
        candidates = [folder for folder in folders if pattern.fullmatch(folder.name)]
        candidates.sort(key=lambda folder: ("aligned" in folder.name.casefold()) == unaligned)
        if candidates:
            chosen[split] = candidates[0]
    if chosen:
        for folder in folders:
            if folder not in chosen.values():
                problems.append(Problem(folder.name, "", "ignored", "a folder beside the splits", "left out"))
    return chosen


def _classes(source: Path, folders: list[Path], split: str, problems: list[Problem]) -> Iterator[Entry]:
    for folder in folders:
        for directory, inner, files in os.walk(folder):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(files):
                path = Path(directory, name)
                if name.startswith(".") or not is_picture_name(name):
                    problems.append(_ignored(path, source))
                else:
                    yield Entry(path.relative_to(source).as_posix(), folder.name, split, path)


def _ignored(path: Path, top: Path) -> Problem:
    why = "hidden" if path.name.startswith(".") else "not a picture of a class folder"
    return Problem(path.relative_to(top).as_posix(), "", "ignored", why, "left out")
