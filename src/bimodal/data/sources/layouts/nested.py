"""Reading pictures whose emotion is the name of a folder at any depth, such as `P001/happy/1.png`."""

from collections import Counter
from collections.abc import Mapping

from bimodal.data.sources.emotion_words import is_label, label_of
from bimodal.data.sources.entry import Entry, Source
from bimodal.data.sources.layouts.layout import left_out, splits_of_paths
from bimodal.data.sources.layouts.tree import Tree

_SHARE = 0.9  # of the pictures must lie in the folder of an emotion
_MIN_GROUPS, _MAX_SHARE = 3, 0.5


def read_nested(tree: Tree, meanings: Mapping[str, str]) -> Source | None:
    """Read the pictures with the nearest folder of an emotion as their label; None if fewer than 90 % have one.

    The folder above it is the group, if it looks like a person: it has several emotions, and there are at least three such
    folders, each with at most half of the pictures.
    """
    by_folder: dict[str, tuple[str, str]] = {}
    for folder in {name.rpartition("/")[0] for name in tree.pictures}:
        parts = folder.split("/")
        for depth in reversed(range(len(parts))):
            if not parts[depth].isdecimal() and is_label(parts[depth], meanings):
                by_folder[folder] = (label_of(parts[depth], meanings), parts[depth - 1] if depth else "")
                break
    labelled = {  # picture -> label, the folder above it
        name: found for name in tree.pictures if (found := by_folder.get(name.rpartition("/")[0])) is not None
    }
    if not labelled or len(labelled) < _SHARE * len(tree.pictures):
        return None
    splits = splits_of_paths(list(labelled))
    groups = _persons(labelled)
    entries = [
        Entry(name, label, split, tree.path(name), group=groups.get(above, ""))
        for (name, (label, above)), split in zip(labelled.items(), splits, strict=True)
    ]
    problems = left_out((name for name in tree.pictures if name not in labelled), "not in the folder of an emotion")
    said = f"{len(groups):,} folders above those of the emotions, such as {min(groups)!r}" if groups else ""
    return Source("nested folders", entries, problems, has_groups=bool(groups), name_groups=said)


def _persons(labelled: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return the folders that look like persons, each as its own group; none if they do not."""
    sizes = Counter(above for _, above in labelled.values())
    emotions: dict[str, set[str]] = {}
    for label, above in labelled.values():
        emotions.setdefault(above, set()).add(label.casefold())
    several = sum(len(labels) > 1 for labels in emotions.values())
    plausible = (
        "" not in sizes
        and len(sizes) >= _MIN_GROUPS
        and several >= _SHARE * len(sizes)
        and max(sizes.values()) <= _MAX_SHARE * len(labelled)
    )
    return {above: above for above in sizes} if plausible else {}
