"""Reading pictures from one folder per class, with or without folders for the splits, such as SFEW."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from bimodal.data.sources.emotion_words import is_label, label_of
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.groups import film_of
from bimodal.data.tables import read_table
from bimodal.vision.formats import is_picture_name

_SPLITS = {
    split: re.compile(rf"([a-z]\w*[ _-])?({names})([ _-]?(set|data|images)|[ _-][a-z].*)?", re.IGNORECASE)
    for split, names in (("train", "train(ing)?"), ("val", "val(id(ation)?)?|dev"), ("test", "test(ing)?"))
}
_MAX_WRAPPERS = 8
TRUTH = "truth.csv"
_SFEW_SHARE = 0.9  # the share of names that must look like `Film_000310240_00000007.png`


@lru_cache(maxsize=4096)
def split_of(folder: str) -> str:
    """Return the split that a folder is named after, or `""`.

    >>> split_of("Validation"), split_of("train_set"), split_of("val_afew"), split_of("fer_test"), split_of("test_2")
    ('val', 'train', 'val', 'test', '')
    """
    return next((split for split, pattern in _SPLITS.items() if pattern.fullmatch(folder)), "")


def read_folders(source: Path, unaligned: bool = False, meanings: Mapping[str, str] | None = None) -> Source:
    """Read `[split/]emotion/**/picture`; the split's name may be in upper or lower case.

    A folder that holds nothing but one other folder, as unpacked archives do, is entered. SFEW is recognised by its file
    names, and the film becomes the group. If the source has both `Train` and `Train_Aligned_Faces`, the aligned faces are
    read, as in the paper. The `truth.csv` of a drawn set gives the true labels. A number in front of an emotion (`0_angry`)
    is no part of the label. The names of the folders need not be emotions, and there may be no pictures.

    Args:
        source: the folder.
        unaligned: read the folders without aligned faces, because `prepare` aligns the faces itself.
        meanings: the labels that the user explains; a folder of that name is a class.
    """
    problems: list[Problem] = []
    meanings = meanings or {}
    folders = _class_folders(source, source, meanings, problems)
    truth = _truth(source)
    splits = _split_folders(folders, source, unaligned, problems)
    entries = [] if splits else list(_classes(source, folders, "", meanings, problems))
    for split, folder in splits.items():
        inner = _class_folders(folder, source, meanings, problems)
        if not inner:
            name = folder.relative_to(source).as_posix()
            problems.append(Problem(name, split, "ignored", "a split without class folders", "left out"))
        entries += _classes(source, inner, split, meanings, problems)
    entries = [replace(entry, true_label=truth.get(entry.name, "")) for entry in entries]
    films = [film_of(entry.name) for entry in entries]
    if {"train", "val"} <= set(splits) and entries and sum(map(bool, films)) >= _SFEW_SHARE * len(films):
        entries = [replace(entry, group=film) for entry, film in zip(entries, films, strict=True)]
        return Source(
            "sfew", entries, problems, keep_groups_together=False, has_groups=True
        )  # the paper halves val at random
    return Source("folders", entries, problems)


def _class_folders(folder: Path, top: Path, meanings: Mapping[str, str], problems: list[Problem]) -> list[Path]:
    """Return the folders in a folder, or in the only folder that it holds, if that is no class, and no split to choose."""
    folders = _visible_folders(folder, problems, top)
    split = split_of(folder.name) if folder != top else ""
    for _ in range(_MAX_WRAPPERS):
        if len(folders) != 1 or split_of(folders[0].name) not in ("", split) or is_label(folders[0].name, meanings):
            break
        content = list(folders[0].iterdir())
        if any(is_picture_name(path.name) and not path.name.startswith(".") for path in content):
            break  # a class of an unknown name
        if not any(path.is_dir() for path in content):
            break
        folders = _visible_folders(folders[0], problems, top)
    return folders


def _visible_folders(folder: Path, problems: list[Problem], top: Path) -> list[Path]:
    """Return the folders in a folder; report its other content as ignored."""
    folders = []
    for path in sorted(folder.iterdir()):
        if path.name == TRUTH:
            continue
        if path.name.startswith((".", "__")) or not path.is_dir():
            problems.append(_ignored(path, top))
        else:
            folders.append(path)
    return folders


def _truth(source: Path) -> dict[str, str]:
    """Return the true label of each picture of a drawn set; `no face` for a picture without a face."""
    if not (source / TRUTH).is_file():
        return {}
    frame = read_table(source / TRUTH, ("image", "true_label"))
    return {image: label or "no face" for image, label in zip(frame["image"], frame["true_label"], strict=True)}


def _split_folders(folders: list[Path], source: Path, unaligned: bool, problems: list[Problem]) -> dict[str, Path]:
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
                name = folder.relative_to(source).as_posix()
                problems.append(Problem(name, "", "ignored", "a folder beside the splits", "left out"))
    return chosen


def _classes(
    source: Path, folders: list[Path], split: str, meanings: Mapping[str, str], problems: list[Problem]
) -> Iterator[Entry]:
    for folder in folders:
        label = label_of(folder.name, meanings)
        for directory, inner, files in os.walk(folder):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(files):
                path = Path(directory, name)
                if name.startswith(".") or not is_picture_name(name):
                    problems.append(_ignored(path, source))
                else:
                    yield Entry(path.relative_to(source).as_posix(), label, split, path)


def _ignored(path: Path, top: Path) -> Problem:
    why = "hidden" if path.name.startswith(".") else "not a picture of a class folder"
    return Problem(path.relative_to(top).as_posix(), "", "ignored", why, "left out")
