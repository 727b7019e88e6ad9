"""Which column of a table is which: in upper or lower case, under other usual names, or as the user says."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bimodal.errors import InputError
from bimodal.progress import inform
from bimodal.vision.formats import is_picture_name

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("file_name", "image_path", "image_file", "image_name", "img_path", "img_name", "img"),
        *("subdirectory_file_path", "file_path", "path", "pth", "file", "picture", "photo"),
    ),
    "label": (
        *("expression", "emotion", "choice", "facial_expression", "class", "class_name", "label_name"),
        *("emotion_label", "expression_label", "emotion_name", "category", "target"),
    ),
}
"""Other names of a column, the more specific first: `subDirectory_filePath` and `expression` are AffectNet's."""
_KNOWN = (
    *("image", "label", "split", "group", "original_label", "true_label", "flag", "digest"),
    *("decision", "by", "when", "why"),
)
_SHOWN = 12


def name_columns(
    found: Sequence[str], required: Sequence[str], table: Path | str, chosen: Mapping[str, str] | None = None
) -> list[str]:
    """Return the names of a table's columns, with those that bimodal reads under bimodal's names.

    A column has a name of bimodal's in upper or lower case and with blanks for `_`. Only if no column has a required name,
    one of its `SYNONYMS` is taken, and the terminal says so.

    Args:
        found: the names in the table.
        required: the columns that must be there, such as `("image", "label")`.
        table: the table, for messages.
        chosen: the user's choice of columns, by bimodal's name: `{"label": "emotion"}`.

    Raises:
        InputError: a column is missing or there twice, or several could be the labels.

    >>> name_columns(["Filename", "Emotion ", "age"], ("image", "label"), "faces.csv")
    ['image', 'label', 'age']
    >>> name_columns(["image", "label", "emotion"], ("image", "label"), "faces.csv", {"label": "emotion"})
    ['image', 'label (2)', 'label']
    """
    names = [name.strip() for name in found]
    places = _chosen_places(names, chosen or {}, table)
    for target in dict.fromkeys((*required, *_KNOWN)):
        if target not in places and (place := _place(names, (target,), places, table)) is not None:
            places[target] = place
    for target in required:
        if target in places or target not in SYNONYMS:
            continue
        place = _place(names, SYNONYMS[target], places, table, alone=target == "label")
        if place is not None:
            places[target] = place
            inform(f"{table}: the column {names[place]} is read as {target}")
    missing = [target for target in required if target not in places]
    if missing:
        raise InputError(_missing(names, required, missing, table))
    by_place = {place: target for target, place in places.items()}
    return [by_place.get(place, _free(name, places)) for place, name in enumerate(names)]


def _chosen_places(names: list[str], chosen: Mapping[str, str], table: Path | str) -> dict[str, int]:
    places = {}
    for target, name in chosen.items():
        equal = [place for place, other in enumerate(names) if other == name.strip()]
        equal = equal or [place for place, other in enumerate(names) if folded(other) == folded(name)]
        if len(equal) != 1:
            what = "no column" if not equal else f"{len(equal)} columns"
            raise InputError(f"--{target}-column: {table} has {what} {name!r}; it has the columns {_some(names)}")
        places[target] = equal[0]
    if len(set(places.values())) < len(places):
        raise InputError(f"one column cannot be {' and '.join(places)}: choose different ones for {table}")
    return places


def _place(
    names: list[str], wanted: Sequence[str], taken: Mapping[str, int], table: Path | str, alone: bool = False
) -> int | None:
    """Return the place of the first wanted name; exact names before others. `alone`: no further one may be there."""
    free = [place for place in range(len(names)) if place not in taken.values()]
    for name in wanted:
        equal = [place for place in free if names[place] == name] or [
            place for place in free if folded(names[place]) == folded(name)
        ]
        if len(equal) > 1:
            raise InputError(f"{table} has {len(equal)} columns {name}; rename all but one")
        if equal:
            others = {folded(other) for other in wanted if other != name}
            if alone and (also := [names[place] for place in free if folded(names[place]) in others]):
                raise InputError(
                    f"{table}: both {names[equal[0]]} and {also[0]} could be the labels; choose one, such as "
                    f"--label-column {names[equal[0]]}"
                )
            return equal[0]
    return None


def _missing(names: list[str], required: Sequence[str], missing: Sequence[str], table: Path | str) -> str:
    options = [f"--{name}-column" for name in missing if name in SYNONYMS]
    if any(is_picture_name(name) for name in names):
        cure = f"its first line looks like a picture; put a line {','.join(required)} before it"
    elif options and set(required) == set(SYNONYMS):
        cure = f"rename {'one' if len(missing) == 1 else 'two'} of them, or choose with {' and '.join(options)}"
    else:
        cure = f"expected {','.join(required)} in its first line"
    return f"{table} has no column {' and no '.join(missing)}; it has the columns {_some(names)}: {cure}"


def _some(names: list[str]) -> str:
    shown = [name for name in names if name][:_SHOWN]
    return (
        ", ".join(name[:40] for name in shown) + (", ..." if len(names) > _SHOWN else "") if shown else "without names"
    )


def _free(name: str, taken: Mapping[str, int]) -> str:
    return f"{name} (2)" if name in taken else name


def folded(name: str) -> str:
    """Return a name without what differs between spellings: `file_name`, `File Name` and `fileName` are equal."""
    return re.sub(r"[\W_]+", "", name).casefold()
