"""Reading AffectNet as distributed (Mollahosseini, Hasani & Mahoor, AffectNet, 2019): a NumPy file for each picture.

`train_set/images/123.jpg` has its code in `train_set/annotations/123_exp.npy`.
"""

from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from bimodal.data.label_codes import CODE_TABLES, NO_EMOTION
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.layouts.layout import Layout, codes_in_words, left_out, splits_of_paths
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError
from bimodal.progress import track

MEANINGS = CODE_TABLES["affectnet"]
_ENDING = "_exp.npy"
_MAX_BYTES = 4096  # a header has 128 bytes


def _recognise(tree: Tree) -> bool:
    return "annotations" in tree.folders and any(file.endswith(_ENDING) for file in tree.files)


def _read(tree: Tree, options: PrepareOptions) -> Source:
    """Read AffectNet; its validation set becomes the validation split, half of which becomes the test split by default.

    Raises:
        InputError: no picture has an annotation.
    """
    annotations = {file.removesuffix(_ENDING): file for file in tree.files if file.endswith(_ENDING)}
    codes: dict[str, str] = {}
    problems: list[Problem] = []
    without = []
    for name in track(tree.pictures, "reading annotations", len(tree.pictures)):
        path = PurePosixPath(name)
        annotation = annotations.get((path.parent.parent / "annotations" / path.stem).as_posix())
        if annotation is None:
            without.append(name)
            continue
        try:
            codes[name] = read_code(tree.path(annotation))
        except InputError as error:
            problems.append(Problem(name, "", "ignored", str(error), "left out"))
    if not codes:
        raise InputError(
            f"no picture in {tree.root} has an annotation: expected images/0.jpg beside annotations/0{_ENDING}, as in AffectNet"
        )
    entries = [
        Entry(name, MEANINGS[code], split, tree.path(name), original_label=code)
        for (name, code), split in zip(codes.items(), splits_of_paths(list(codes)), strict=True)
    ]
    problems += left_out(without, f"no annotation *{_ENDING}")
    return Source("affectnet", entries, problems, NO_EMOTION, has_groups=True)


def read_code(path: Path) -> str:
    """Return the code, `"0"` to `"10"`, in a NumPy file of one number or text; no pickle is read.

    Raises:
        InputError: the file holds something else.
    """
    with path.open("rb") as stream:
        content = stream.read(_MAX_BYTES + 1)
    try:
        if len(content) > _MAX_BYTES:
            raise ValueError("too large")
        header = BytesIO(content)
        version = np.lib.format.read_magic(header)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ]
        shape, _, dtype = read_header(header)
        if shape not in ((), (1,)) or dtype.kind not in "UiufS" or dtype.itemsize > 64:  # no objects, no large arrays
            raise ValueError(f"shape {shape} of {dtype}")
        value = np.frombuffer(content, dtype, 1, header.tell())[0]
        text = value.decode("ascii") if isinstance(value, bytes) else str(value)
        code = str(int(float(text)))
        if code not in MEANINGS or float(code) != float(text):
            raise ValueError(f"the value {text[:20]!r}")
    except Exception as error:  # NumPy's reader of headers raises many kinds of errors, of tokenize too
        raise InputError(f"{path.name}: expected a number from 0 to 10, got {error}") from error
    return code


AFFECTNET = Layout("AffectNet", _recognise, _read, f"its codes are {codes_in_words(MEANINGS)}")
