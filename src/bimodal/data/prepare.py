"""From any source of faces to a data folder: the manifest, the pictures, and a report of every problem."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

import bimodal
from bimodal.data.counts import count_faces, draw_counts
from bimodal.data.inspect_pictures import Example, in_threads, look_at
from bimodal.data.labels import translate
from bimodal.data.manifest import COLUMNS, FILE, SPLITS
from bimodal.data.naming import Names, printable
from bimodal.data.options import PrepareOptions
from bimodal.data.problems import first_copies, report_classes, report_copies, report_groups
from bimodal.data.sampling import draw_sample, wanted_counts
from bimodal.data.sources import Problem, Source, read_source
from bimodal.data.splits import divide, together
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.files import staged_folder

MARKS = (FILE, "source.json")
OURS = (
    *(*MARKS, "images", "problems.csv", "origins.csv", "counts.csv", "counts.png", ".cache"),
    *(f"{split}_labels.csv" for split in SPLITS),
)
"""All that a data folder of ours holds at its top."""
PROBLEMS = ("image", "split", "problem", "detail", "action")


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did.

    Attributes:
        out: the data folder.
        kind: of the source.
        counts: faces by emotion (row) and split (column).
        problems: what is in `problems.csv`.
        not_sampled: how many pictures `sample` left out.
        test_of_val: the share of the source's val that became test; 0 if none did.
    """

    out: Path
    kind: str
    counts: pd.DataFrame
    problems: pd.DataFrame
    not_sampled: int
    test_of_val: float


def prepare(source: Path, out: Path, options: PrepareOptions | None = None) -> Prepared:
    """Write a data folder from a source; docs/architecture.md lists its files.

    The same source, options and seed give the same folder, byte for byte.

    Args:
        source: a folder or a file, see `bimodal.data.sources.read_source`.
        out: the folder to write; it is there at the end, whole, or not at all.
        options: see the command line.

    Raises:
        InputError: the source or an option cannot be used.
        OSError: disk full, no permission.
    """
    options = options or PrepareOptions()
    source, out = Path(os.path.abspath(source)), Path(os.path.abspath(out))
    _keep_apart(source, out, options)
    with staged_folder(out, options.overwrite, OURS, MARKS) as folder:
        found = read_source(
            source,
            root=options.root,
            group=options.group,
            votes=options.votes,
            label_from=options.label_from,
            raw=options.align,
        )
        if options.link and found.kind == "fer2013":
            raise InputError("--link needs pictures that are files, and FER2013 is one table")
        if any(isinstance(entry.content, Path) and entry.content.is_relative_to(out) for entry in found.entries):
            raise InputError(f"{source} lists pictures of {out}, which would be replaced; choose another folder")
        problems = list(found.problems)
        examples = _labelled(found, {**found.labels, **options.labels}, problems)
        examples = look_at(examples, folder, options, problems)
        drop = found.drop_duplicates if options.duplicates is None else options.duplicates == "drop"
        if drop:
            examples = _without_copies(examples, problems)
        examples, test_of_val = _split(examples, found, options)
        before = len(examples)
        if options.sample is not None:
            examples = _sampled(examples, options.sample, options.seed, problems)
        if len({example.code for example in examples}) < 2:
            raise InputError(
                f"expected at least two emotions in {source}, found "
                f"{' and '.join({NAMES[example.code] for example in examples}) or 'no readable picture'}"
            )
        images = _store(examples, folder, options)
        problems = _renamed(problems, examples, images) + _report(examples, images, drop)
        table = pd.DataFrame([asdict(problem) for problem in problems], columns=list(PROBLEMS))
        table.to_csv(folder / "problems.csv", index=False)
        counts = _write_tables(examples, images, folder)
        _write_origin(folder, source, found.kind, options)
        draw_counts(counts, folder / "counts.png")
    return Prepared(out, found.kind, counts, table, before - len(examples), test_of_val)


def _keep_apart(source: Path, out: Path, options: PrepareOptions) -> None:
    """Refuse an OUT that would be read as source, or whose replacement would take the source with it."""
    real = out.resolve()
    inside = source.is_dir() and real.is_relative_to(source.resolve())
    given = filter(None, (source, options.root, options.votes, options.detector))
    if inside or any(place.resolve().is_relative_to(real) for place in given):
        raise InputError(f"OUT ({out}) and what is read must not lie in each other; choose another folder")


def _labelled(found: Source, own: Mapping[str, str], problems: list[Problem]) -> list[Example]:
    """Translate the labels; report what the user, or the source, wants left out."""
    codes: dict[str, int | None] = {}
    examples = []
    for entry in found.entries:
        if entry.label not in codes:
            try:
                codes[entry.label] = translate(entry.label, own)
            except InputError as error:
                raise InputError(f"{printable(entry.name)}: {error}") from error
        code = codes[entry.label]
        if code is None:
            detail = f"labelled {entry.label}"
            problems.append(Problem(entry.name, entry.split, "label-dropped", detail, "left out"))
            continue
        if not entry.original_label and not _means(entry.label, code):
            entry = replace(entry, original_label=entry.label.strip())
        examples.append(Example(entry, code))
    return examples


def _means(label: str, code: int) -> bool:
    """Say whether a label means this emotion without the user's help; otherwise it is worth keeping."""
    try:
        return code_of(label) == code
    except InputError:
        return False


def _without_copies(examples: list[Example], problems: list[Problem]) -> list[Example]:
    names, splits, codes = _columns(examples)
    first = first_copies([example.digest for example in examples], splits)
    problems += report_copies(names, codes, splits, first, "left out")
    return [example for row, example in enumerate(examples) if first[row] == row]


def _split(examples: list[Example], found: Source, options: PrepareOptions) -> tuple[list[Example], float]:
    """Make the splits that the source lacks: test out of val where it has one (the paper), else out of train.

    Returns the examples, and the share of val that became test.
    """
    has = {example.entry.split for example in examples} - {""}
    val_share = found.val_share if options.val_share is None else options.val_share
    test_share, test_of_val = options.test_share, 0.0
    if not examples or has >= {"train", "val", "test"}:
        return examples, 0
    if has and "train" not in has:
        raise InputError(f"the source has a {' and a '.join(sorted(has))} split, but none to train on")
    if "val" in has:
        test_of_val = 0.5 if test_share is None else test_share
        if not test_of_val:
            return examples, 0
        divided, shares = "val", {"test": test_of_val, "val": 1 - test_of_val}  # of an odd number, test has one more
    elif "test" in has:
        divided, shares = "train", {"train": 1 - val_share, "val": val_share}
    else:
        divided = "train" if has else ""
        test_share = 0.15 if test_share is None else test_share
        shares = {"train": 1 - val_share - test_share, "val": val_share, "test": test_share}
    if shares.get("train", 1) <= 0:
        raise InputError("--val-share and --test-share leave nothing to train on")

    rows = [row for row, example in enumerate(examples) if example.entry.split == divided]
    groups = [examples[row].entry.group or None if found.groups_bind else None for row in rows]
    units = together(groups, [examples[row].digest for row in rows])
    codes = np.array([examples[row].code for row in rows], dtype=np.int64)
    result = list(examples)
    for row, split in zip(rows, divide(codes, shares, options.seed, units), strict=True):
        result[row] = replace(examples[row], entry=replace(examples[row].entry, split=str(split)))
    return result, test_of_val


def _sampled(examples: list[Example], sample: str, seed: int, problems: list[Problem]) -> list[Example]:
    _, split_list, codes = _columns(examples)
    splits = np.array(split_list)
    wanted = wanted_counts(sample, codes, splits)
    keep = draw_sample(codes, splits, wanted, seed)
    for split, by_class in wanted.items():
        for code, count in enumerate(by_class):
            there = int(((splits == split) & (codes == code)).sum())
            if there < count:
                detail = f"{count} {NAMES[code]} pictures wanted, {there} are there"
                problems.append(Problem("", split, "sample-short", detail, "all taken"))
    return [example for example, kept in zip(examples, keep, strict=True) if kept]


def _store(examples: list[Example], folder: Path, options: PrepareOptions) -> list[str]:
    """Put the pictures under `images/split/label/`; return their paths relative to the folder."""
    names = Names()
    images = []
    for example in examples:
        place = f"images/{example.entry.split}/{NAMES[example.code]}"
        images.append(names.give(place, example.entry.name, ".png" if example.aligned else None))
    for place in sorted({os.path.dirname(image) for image in images}):
        (folder / place).mkdir(parents=True)

    def store(pair: tuple[Example, str]) -> None:
        example, image = pair
        path, content = folder / image, example.entry.content
        if example.aligned is not None:
            os.rename(example.aligned, path)
        elif not isinstance(content, Path):
            Image.fromarray(content).save(path)
        elif options.link:
            path.symlink_to(content)
        else:
            shutil.copyfile(content, path)

    in_threads(store, list(zip(examples, images, strict=True)), "storing pictures")
    shutil.rmtree(folder / "aligned", ignore_errors=True)
    return images


def _renamed(problems: list[Problem], examples: list[Example], images: list[str]) -> list[Problem]:
    """Name the pictures of earlier problems as the manifest does, where they are in it."""
    new = {example.entry.name: image for example, image in zip(examples, images, strict=True)}
    return [
        replace(problem, image=new.get(problem.image, printable(problem.image)), detail=printable(problem.detail))
        for problem in problems
    ]


def _report(examples: list[Example], images: list[str], dropped: bool) -> list[Problem]:
    """Report what is wrong among the pictures that were kept, in their final splits."""
    _, splits, codes = _columns(examples)
    why = {"blank": "a single colour", "no-face": "no face found; the middle of the picture taken"}
    problems = [
        Problem(image, example.entry.split, example.flag, why[example.flag], "kept, flagged")
        for image, example in zip(images, examples, strict=True)
        if example.flag
    ]
    if not dropped:
        first = first_copies([example.digest for example in examples], splits)
        problems += report_copies(images, codes, splits, first, "kept")
    problems += report_groups(images, splits, [example.entry.group for example in examples])
    return problems + report_classes(codes, splits)


def _write_tables(examples: list[Example], images: list[str], folder: Path) -> pd.DataFrame:
    _, splits, codes = _columns(examples)
    entries = [example.entry for example in examples]
    manifest = pd.DataFrame(
        {
            "image": images,
            "label": [NAMES[code] for code in codes],
            "split": splits,
            "group": [printable(entry.group) for entry in entries],
            "original_label": [printable(entry.original_label) for entry in entries],
            "true_label": [printable(entry.true_label) for entry in entries],
            "flag": [example.flag for example in examples],
        },
        columns=list(COLUMNS),
    )
    manifest.to_csv(folder / FILE, index=False)
    paper = pd.DataFrame({"image": images, "label": codes})
    for split in SPLITS:
        paper[manifest["split"] == split].to_csv(folder / f"{split}_labels.csv", index=False)
    origins = {
        "image": images,
        "origin": [printable(entry.name) for entry in entries],
        "second_opinion": [entry.second_opinion for entry in entries],
        "votes": [entry.votes for entry in entries],
    }
    pd.DataFrame(origins).to_csv(folder / "origins.csv", index=False)
    counts = count_faces(codes, np.array(splits))
    counts.to_csv(folder / "counts.csv")
    return counts


def _write_origin(folder: Path, source: Path, kind: str, options: PrepareOptions) -> None:
    told = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}
    content = {"source": printable(str(source)), "kind": kind, "version": bimodal.__version__, "options": told}
    (folder / "source.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _columns(examples: list[Example]) -> tuple[list[str], list[str], NDArray[np.int64]]:
    names = [example.entry.name for example in examples]
    splits = [example.entry.split for example in examples]
    return names, splits, np.array([example.code for example in examples], dtype=np.int64)
