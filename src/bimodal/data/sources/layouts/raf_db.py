"""Reading RAF-DB (Li, Deng & Du, Reliable crowdsourcing and deep locality-preserving learning, 2017).

As distributed: `basic/EmoLabel/list_patition_label.txt` with lines `train_00001.jpg 5`, and `basic/Image/aligned/`
`train_00001_aligned.jpg`. On Kaggle: `DATASET/train/5/train_00001_aligned.jpg`.
"""

import re
from pathlib import PurePosixPath

from bimodal.data.label_codes import CODE_TABLES
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Source
from bimodal.data.sources.layouts.layout import Layout, codes_in_words, left_out
from bimodal.data.sources.layouts.listed import PictureIndex, absent, check_found
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError

MEANINGS = CODE_TABLES["raf-db"]
_LISTS = ("list_patition_label.txt", "list_partition_label.txt")  # the first is as its authors spell it
_NAME = re.compile(r"(train|test)_\d{4,6}(_aligned)?", re.IGNORECASE)  # train_00001, test_0001


def _recognise(tree: Tree) -> bool:
    return bool(tree.named(*_LISTS)) or _has_number_folders(tree)


def _has_number_folders(tree: Tree) -> bool:
    paths = map(PurePosixPath, tree.pictures)  # ends at the first other path
    return bool(tree.pictures) and all(_NAME.fullmatch(path.stem) and path.parent.name in MEANINGS for path in paths)


def _read(tree: Tree, options: PrepareOptions) -> Source:
    """Read RAF-DB; its splits are train and test.

    Of the seven basic emotions, the aligned faces are read, as in most papers; with `--align` the original pictures, if
    they are there.

    Raises:
        InputError: only compound emotions are there, or the list has other lines.
    """
    lists = [name for name in tree.named(*_LISTS) if "compound" not in name.casefold()]
    if not lists and tree.named(*_LISTS):
        raise InputError(
            f"{tree.root} holds RAF-DB's compound emotions, such as happily surprised; give its folder basic"
        )
    if not lists:
        return _read_number_folders(tree)
    index = PictureIndex(tree)
    entries, problems, missing = [], [], []
    used = set()
    for number, line in enumerate(tree.lines(lists[0]), start=1):
        name, code = fields if len(fields := line.split()) == 2 else ("", "")  # other lists have a third number
        if not _NAME.fullmatch(PurePosixPath(name).stem) or code not in MEANINGS:
            raise InputError(
                f"{tree.path(lists[0])}, line {number}: expected a picture and a code from 1 to 7, such as train_00001.jpg 5, "
                f"got {line[:80]!r}"
            )
        split = "train" if name.casefold().startswith("train") else "test"
        stem = PurePosixPath(name).stem.removesuffix("_aligned")
        names = (stem, f"{stem}_aligned") if options.align else (f"{stem}_aligned", stem)
        picture = index.find(names[0], "basic") or index.find(names[1], "basic")
        if not picture:
            problems.append(absent(name, split))
            missing.append(name)
            continue
        used.add(picture)
        entries.append(Entry(picture, MEANINGS[code], split, tree.path(picture), original_label=code))
    check_found(used, missing, tree.path(lists[0]), "Image/aligned.zip")
    copies = {PurePosixPath(picture).stem.removesuffix("_aligned") for picture in used}
    others = (name for name in tree.pictures if PurePosixPath(name).stem.removesuffix("_aligned") not in copies)
    return Source("raf-db", entries, problems + left_out(others, "not in the list of labels"), has_groups=True)


def _read_number_folders(tree: Tree) -> Source:
    entries = []
    for name in tree.pictures:
        path = PurePosixPath(name)
        split = "train" if path.stem.casefold().startswith("train") else "test"
        entries.append(Entry(name, MEANINGS[path.parent.name], split, tree.path(name), original_label=path.parent.name))
    return Source("raf-db", entries, has_groups=True)


RAF_DB = Layout("RAF-DB", _recognise, _read, f"its codes are {codes_in_words(MEANINGS)}")
