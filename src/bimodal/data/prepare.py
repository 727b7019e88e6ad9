"""From any source of labelled faces to a data folder, with a report of every problem."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bimodal.buckets import is_bucket, local_copy
from bimodal.data.counts import report_missing_classes
from bimodal.data.data_folder import (
    CONTENT,
    MARKS,
    UNPACKED,
    store_pictures,
    write_problems,
    write_source_info,
    write_tables,
)
from bimodal.data.face_crops import NO_FACE, SEVERAL_FACES
from bimodal.data.inspection import Example, columns, inspect
from bimodal.data.inspection_log import inspection_log
from bimodal.data.label_codes import NO_EMOTION, words_of_numbers
from bimodal.data.labels import parse_labels, translate
from bimodal.data.leakage import first_copies, report_copies, report_groups
from bimodal.data.manifest import BLANK
from bimodal.data.naming import printable
from bimodal.data.near_duplicates import Thumbnails, report_near_duplicates, similar_groups
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sampling import draw_sample, wanted_counts
from bimodal.data.sources.entry import Problem, Source
from bimodal.data.sources.formats.hub import is_address
from bimodal.data.sources.read import read_source
from bimodal.data.splits import divide, linked_groups
from bimodal.data.too_few import check_emotions, forget_problems
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.files import staged_folder
from bimodal.progress import inform
from bimodal.text import plural

_FLAGS = {
    BLANK: "a single colour",
    NO_FACE: "no face found; the middle of the picture taken",
    SEVERAL_FACES: "two or more faces of similar size, and no box that says which one is labelled; the largest taken",
}
_NO_FACE_IN_BOX = "no face found in the box; the box taken"


@dataclass(frozen=True, eq=False)
class Prepared:
    """The result of `prepare`.

    Attributes:
        out: the data folder.
        kind: the kind of the source, such as `folders`, `table`, `fer2013` or `raf-db`.
        counts: the number of faces by emotion (row) and split (column).
        problems: the table in `problems.csv`.
        not_sampled: the number of pictures that `sample` left out.
        test_of_val: the share of the source's validation split that became the test split; 0 if none did.
        name_groups: the groups that `group="auto"` found or `"none"` found in the file names; `""` if none.
    """

    out: Path
    kind: str
    counts: pd.DataFrame
    problems: pd.DataFrame
    not_sampled: int
    test_of_val: float
    name_groups: str = ""


def prepare(
    source: str | Path,
    out: str | Path,
    options: PrepareOptions | None = None,
    *,
    overwrite: bool = False,
    **changes: Any,
) -> Prepared:
    """Write a data folder from a source of labelled faces; docs/architecture.md lists its files.

    The same source, options and seed give the same folder, byte for byte.

    Args:
        source: a folder of class folders, a CSV with `image,label`, SFEW, `fer2013.csv`, a data folder, a file of an
            annotation format, `hf://owner/name`, or any of these in a bucket, `s3://bucket/faces`; docs/data.md lists them.
        out: the folder to write. An error or Ctrl-C leaves no part of it. After Ctrl-C, or if the process is killed, a hidden
            folder beside it keeps what is known of the pictures, and the same call continues from there.
        options: the options; default `PrepareOptions()`.
        overwrite: replace `out` if it is a data folder and holds nothing else.
        changes: fields of `PrepareOptions` that differ from `options`, such as `val_share=0.2`.

    Raises:
        InputError: the source or an option cannot be used.
        OSError: the disk is full, or a permission is missing.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> for i in range(20):
    ...     label = ("happy", "sad")[i % 2]
    ...     (folder / "faces" / label).mkdir(parents=True, exist_ok=True)
    ...     Image.linear_gradient("L").rotate(i).save(folder / "faces" / label / f"{i}.png")
    >>> prepare(folder / "faces", folder / "data", val_share=0.2, test_share=0.2).counts.loc["happy"].to_dict()
    {'train': 6, 'val': 2, 'test': 2}
    """
    options = replace(options or PrepareOptions(), **changes)
    if is_bucket(source):
        source = local_copy(source)
    source, out = Path(source) if is_address(source) else Path(os.path.abspath(source)), Path(os.path.abspath(out))
    _check_apart(source, out, options)
    with staged_folder(out, overwrite, CONTENT, MARKS) as folder, inspection_log(out, options) as log:
        (folder / UNPACKED).mkdir()
        loaded = _read(source, out, options, folder / UNPACKED)
        examples, label_problems = _label(loaded, options)
        loaded.entries.clear()  # the examples have them, and those that get a split are new
        examples, unreadable, thumbnails = inspect(examples, log, options)
        problems = loaded.problems + label_problems + unreadable
        drop = options.duplicates == "drop" or (options.duplicates == "auto" and loaded.drop_duplicates)
        if drop:
            examples, copies = _drop_copies(examples)
            problems += copies
        check_emotions(source, out, columns(examples)[2].tolist(), problems)
        examples, test_of_val = _split(examples, thumbnails, loaded, options)
        before = len(examples)
        if options.sample is not None:
            examples, short = _sample(examples, options.sample, options.seed)
            problems += short
            check_emotions(source, out, columns(examples)[2].tolist(), problems)
        images = store_pictures(examples, folder, options.store, options.link)
        problems = _with_new_names(problems, examples, images) + _report_kept(examples, thumbnails, images, drop)
        del thumbnails
        table = write_problems(problems, folder)
        counts = write_tables(examples, images, folder)
        write_source_info(folder, loaded.origin or str(source), loaded.kind, options, loaded.name_groups)
    forget_problems(out)
    return Prepared(out, loaded.kind, counts, table, before - len(examples), test_of_val, loaded.name_groups)


def _check_apart(source: Path, out: Path, options: PrepareOptions) -> None:
    """Raise if OUT lies in the source, where it would be read, or if replacing OUT would delete a file to read."""
    real = out.resolve()
    inside = source.is_dir() and real.is_relative_to(source.resolve())
    given = [Path(path) for path in (source, options.root, options.votes, options.detector) if path is not None]
    if inside or any(path.resolve().is_relative_to(real) for path in given):
        raise InputError(f"OUT ({out}) and the files to read must not lie in each other; choose another folder")


def _read(source: Path, out: Path, options: PrepareOptions, scratch: Path) -> Source:
    """Read the source; raise if it needs another option or lists pictures of OUT."""
    loaded = read_source(source, options, scratch)
    if options.link and not all(isinstance(entry.content, Path) for entry in loaded.entries):
        raise InputError(
            f"--link needs pictures that are files, and {loaded.origin or source} holds them itself; leave --link out"
        )
    if any(isinstance(entry.content, Path) and entry.content.is_relative_to(out) for entry in loaded.entries):
        raise InputError(f"{source} lists pictures of {out}, which would be replaced; choose another folder")
    if loaded.name_groups:
        kept = "each stays in one split that prepare makes; --group none switches this off"
        inform(f"groups: {loaded.name_groups}; {'they may be in several splits' if options.group == 'none' else kept}")
    return loaded


def _label(loaded: Source, options: PrepareOptions) -> tuple[list[Example], list[Problem]]:
    """Translate the labels; leave out the pictures whose label the user, or the source, wants dropped."""
    no_emotion = NO_EMOTION if options.codes == "affectnet" else {}
    meanings = {**no_emotion, **loaded.labels, **parse_labels(options.labels)}
    words = _words_of_numbers(loaded, meanings, options)
    codes: dict[str, int | None] = {}
    examples, problems = [], []
    for entry in loaded.entries:
        if entry.label not in codes:
            try:
                codes[entry.label] = translate(words.get(entry.label, entry.label), meanings)
            except InputError as error:
                raise InputError(f"{printable(entry.name)}: {error}") from error
        code = codes[entry.label]
        if code is None:
            problems.append(Problem(entry.name, entry.split, "label-dropped", f"labelled {entry.label}", "left out"))
            continue
        if not entry.original_label and not _is_known(entry.label, code):
            entry = replace(entry, original_label=entry.label.strip())
        examples.append(Example(entry, code))
    return examples, problems


def _words_of_numbers(loaded: Source, meanings: Mapping[str, str], options: PrepareOptions) -> dict[str, str]:
    words = words_of_numbers(Counter(entry.label for entry in loaded.entries), meanings, options.codes)
    if options.codes and not words:
        inform(f"--codes {options.codes} is not used, because no label is a number that needs it")
    return words


def _is_known(label: str, code: int) -> bool:
    """Return whether a label means this emotion without the user's help; other labels are worth recording."""
    try:
        return code_of(label) == code
    except InputError:
        return False


def _drop_copies(examples: list[Example]) -> tuple[list[Example], list[Problem]]:
    names, splits, codes = columns(examples)
    first = first_copies([example.digest for example in examples], splits)
    problems = report_copies(names, codes, splits, first, "left out")
    return [example for row, example in enumerate(examples) if first[row] == row], problems


def _split(
    examples: list[Example], thumbnails: Thumbnails, loaded: Source, options: PrepareOptions
) -> tuple[list[Example], float]:
    """Make the splits that the source lacks: test from val if the source has one (as in the paper), else from train.

    Returns the examples, and the share of val that became test.
    """
    given = {example.entry.split for example in examples} - {""}
    val_share = loaded.val_share if options.val_share is None else options.val_share
    test_share, test_of_val = options.test_share, 0.0
    if not examples or given >= {"train", "val", "test"}:
        return examples, 0
    if given and "train" not in given:
        raise InputError(f"the source has a {' and a '.join(sorted(given))} split, but none to train on; add train")
    if "val" in given:
        test_of_val = 0.5 if test_share is None else test_share
        if not test_of_val:
            return examples, 0
        divided, shares = "val", {"test": test_of_val, "val": 1 - test_of_val}  # of an odd number, test has one more
    elif "test" in given:
        divided, shares = "train", {"train": 1 - val_share, "val": val_share}
    else:
        divided = "train" if given else ""
        test_share = 0.15 if test_share is None else test_share
        shares = {"train": 1 - val_share - test_share, "val": val_share, "test": test_share}
    if shares.get("train", 1) <= 0:
        raise InputError("--val-share and --test-share leave no pictures to train on; make them smaller")

    rows = [row for row, example in enumerate(examples) if example.entry.split == divided]
    keys: list[Sequence[object]] = [[examples[row].digest for row in rows]]
    if loaded.keep_groups_together and options.group != "none":
        keys.append([examples[row].entry.group or None for row in rows])
    keys.append([examples[row].entry.name if examples[row].entry.box else None for row in rows])  # faces of one picture
    if loaded.keep_groups_together and not options.keep_near_duplicates:
        keys.append(similar_groups(_of(thumbnails, [examples[row] for row in rows])))
    groups = linked_groups(*keys)
    codes = np.array([examples[row].code for row in rows], dtype=np.int64)
    result = list(examples)
    for row, split in zip(rows, divide(codes, shares, options.seed, groups), strict=True):
        result[row] = replace(examples[row], entry=replace(examples[row].entry, split=str(split)))
    return result, test_of_val


def _of(thumbnails: Thumbnails, examples: list[Example]) -> Thumbnails:
    """Return the thumbnails of examples; of all examples, without a copy, which takes half a gigabyte for a million."""
    rows = np.array([example.thumbnail for example in examples], dtype=np.int64)
    return thumbnails if np.array_equal(rows, np.arange(len(thumbnails))) else thumbnails[rows]


def _sample(examples: list[Example], sample: str, seed: int) -> tuple[list[Example], list[Problem]]:
    """Draw the sample; report each class of a split that has fewer pictures than the sample wants."""
    _, split_names, codes = columns(examples)
    splits = np.array(split_names)
    wanted = wanted_counts(sample, codes, splits)
    kept = draw_sample(codes, splits, wanted, seed)
    problems = []
    for split, by_class in wanted.items():
        for code, count in enumerate(by_class):
            available = int(((splits == split) & (codes == code)).sum())
            if available < count:
                detail = f"{plural(int(count), f'{NAMES[code]} picture')} wanted, {available:,} available"
                problems.append(Problem("", split, "sample-short", detail, "all taken"))
    return [example for example, is_kept in zip(examples, kept, strict=True) if is_kept], problems


def _with_new_names(problems: list[Problem], examples: list[Example], images: list[str]) -> list[Problem]:
    """Name the pictures of earlier problems by their paths in the data folder, if they are in it, once."""
    named = {problem.image for problem in problems}
    pairs = [(each.entry.name, image) for each, image in zip(examples, images, strict=True) if each.entry.name in named]
    count = Counter(name for name, _ in pairs)
    new = {name: image for name, image in pairs if count[name] == 1}
    return [
        replace(problem, image=new.get(problem.image, printable(problem.image)), detail=printable(problem.detail))
        for problem in problems
    ]


def _report_kept(examples: list[Example], thumbnails: Thumbnails, images: list[str], dropped: bool) -> list[Problem]:
    """Report the problems of the pictures that are kept, in their final splits."""
    _, splits, codes = columns(examples)
    problems = [
        Problem(image, example.entry.split, example.flag, _flag_detail(example), "kept, flagged")
        for image, example in zip(images, examples, strict=True)
        if example.flag
    ]
    if not dropped:
        first = first_copies([example.digest for example in examples], splits)
        problems += report_copies(images, codes, splits, first, "kept")
    digests = [example.digest for example in examples]
    problems += report_near_duplicates(images, splits, digests, _of(thumbnails, examples))
    problems += report_groups(images, splits, [example.entry.group for example in examples])
    return problems + report_missing_classes(codes, splits)


def _flag_detail(example: Example) -> str:
    return _NO_FACE_IN_BOX if example.flag == NO_FACE and example.entry.box else _FLAGS[example.flag]
