"""Reading sequences of pictures that lead from neutral to an emotion: CK+ and Oulu-CASIA. The last three pictures are read.

CK+ (Lucey et al., The extended Cohn-Kanade dataset, 2010): `cohn-kanade-images/S005/001/S005_001_00000011.png` with the
code in `Emotion/S005/001/S005_001_00000011_emotion.txt`. Oulu-CASIA (Zhao et al., Facial expression recognition from
near-infrared videos, 2011): `VL_Acropped/Strong/P001/Anger/000.jpeg`.
"""

import re
from itertools import groupby
from pathlib import PurePosixPath

from bimodal.data.label_codes import CODE_TABLES
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Source
from bimodal.data.sources.layouts.layout import Layout, codes_in_words, groups_in_words, left_out
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError

CK_MEANINGS = CODE_TABLES["ckplus"]
_LAST = 3  # as in CK+48 and in most papers on these sets
_CK_NAME = re.compile(r"(?P<sequence>(?P<person>S\d{3})_\d{3})_\d{8}", re.IGNORECASE)
_CK_LABEL = re.compile(r"(?P<sequence>(?P<person>S\d{3})_\d{3})_\d{8}_emotion", re.IGNORECASE)
_OULU = re.compile(
    r"(?P<sequence>(?:.*/)?(?:NI|VL)\w*/(?:Strong|Weak|Dark)/(?P<person>P\d{3})/(?P<label>[A-Za-z]+))/\d{3}\.\w+"
)


def _is_ckplus(tree: Tree) -> bool:
    return any(_CK_LABEL.fullmatch(PurePosixPath(file).stem) for file in tree.ending(".txt")) and any(
        _CK_NAME.fullmatch(PurePosixPath(name).stem) for name in tree.pictures
    )


def _read_ckplus(tree: Tree, options: PrepareOptions) -> Source:
    """Read the last three pictures of each labelled sequence of CK+; the subject becomes the group.

    Raises:
        InputError: a label file holds no code from 0 to 7.
    """
    codes: dict[str, str] = {}
    for file in tree.ending(".txt"):
        match = _CK_LABEL.fullmatch(PurePosixPath(file).stem)
        if match:
            codes[match["sequence"].upper()] = _ck_code(tree, file)
    sequences: dict[str, list[str]] = {}
    others = []
    for name in tree.pictures:
        match = _CK_NAME.fullmatch(PurePosixPath(name).stem)
        if match and match["sequence"].upper() in codes:
            sequences.setdefault(match["sequence"].upper(), []).append(name)
        else:
            others.append(name)
    entries = []
    for sequence, names in sequences.items():
        code = codes[sequence]
        for name in sorted(names, key=lambda name: PurePosixPath(name).stem)[-_LAST:]:
            group = sequence.partition("_")[0]
            entries.append(Entry(name, CK_MEANINGS[code], "", tree.path(name), group=group, original_label=code))
    said = groups_in_words((entry.group for entry in entries), "persons in CK+'s file names")
    problems = left_out(others, "of a sequence without a label")
    return Source("ck+", entries, problems, has_groups=True, name_groups=said)


def _ck_code(tree: Tree, file: str) -> str:
    lines = tree.lines(file)
    try:
        code = f"{float(lines[0]):g}" if len(lines) == 1 else ""  # such as 3.0000000e+00
    except ValueError:
        code = ""
    if code not in CK_MEANINGS:
        raise InputError(f"{tree.path(file)}: expected a code from 0 to 7, got {' '.join(lines)[:80]!r}")
    return code


def _is_oulu(tree: Tree) -> bool:
    return bool(tree.pictures) and all(_OULU.fullmatch(name) for name in tree.pictures)


def _read_oulu(tree: Tree, options: PrepareOptions) -> Source:
    """Read the last three pictures of each sequence of Oulu-CASIA; the subject becomes the group."""
    matches = [match for name in tree.pictures if (match := _OULU.fullmatch(name))]
    entries = []
    for _, sequence in groupby(matches, key=lambda match: match["sequence"]):
        for match in list(sequence)[-_LAST:]:
            entries.append(Entry(match[0], match["label"], "", tree.path(match[0]), group=match["person"]))
    said = groups_in_words((entry.group for entry in entries), "persons in the folders")
    return Source("oulu-casia", entries, has_groups=True, name_groups=said)


_NOTE = "the last three pictures of each sequence are read, since the first are neutral"
CKPLUS = Layout("CK+", _is_ckplus, _read_ckplus, f"{_NOTE}; its codes are {codes_in_words(CK_MEANINGS)}")
OULU_CASIA = Layout("Oulu-CASIA", _is_oulu, _read_oulu, _NOTE)
