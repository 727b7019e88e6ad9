"""Reading ExpW (Zhang et al., From facial expression recognition to interpersonal relation prediction, 2018).

`label.lst` has a line for each face: picture, number of the face, top, left, right, bottom, confidence, code.
"""

import math

from bimodal.data.label_codes import CODE_TABLES
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Source
from bimodal.data.sources.layouts.layout import Layout, codes_in_words, left_out
from bimodal.data.sources.layouts.listed import PictureIndex, absent, check_found
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError

MEANINGS = CODE_TABLES["expw"]
_LIST = "label.lst"


def _recognise(tree: Tree) -> bool:
    return bool(tree.named(_LIST))


def _read(tree: Tree, options: PrepareOptions) -> Source:
    """Read ExpW, an entry for each face, with its box.

    Raises:
        InputError: the list has other lines, or names no picture of the folder.
    """
    index = PictureIndex(tree)
    list_path = tree.path(tree.named(_LIST)[0])
    entries, problems, missing = [], [], []
    used = set()
    for number, line in enumerate(tree.lines(tree.named(_LIST)[0]), start=1):
        parts = line.rsplit(maxsplit=7)
        try:
            top, left, right, bottom = (float(value) for value in parts[2:6])
            good = len(parts) == 8 and parts[7] in MEANINGS and all(map(math.isfinite, (top, left, right, bottom)))
        except ValueError:
            good = False
        if not good:
            raise InputError(
                f"{list_path}, line {number}: expected picture, face, top, left, right, bottom, confidence and a code from "
                f"0 to 6, got {line[:80]!r}"
            )
        picture = index.find(parts[0])
        if not picture:
            problems.append(absent(parts[0], ""))
            missing.append(parts[0])
            continue
        used.add(picture)
        box = (left, top, right - left, bottom - top)
        entries.append(Entry(picture, MEANINGS[parts[7]], "", tree.path(picture), original_label=parts[7], box=box))
    check_found(used, missing, list_path, "image.7z")
    others = (name for name in tree.pictures if name not in used)
    return Source("expw", entries, problems + left_out(others, "not in label.lst"), has_groups=True)


EXPW = Layout(
    "ExpW", _recognise, _read, f"an example for each face of {_LIST}; its codes are {codes_in_words(MEANINGS)}"
)
