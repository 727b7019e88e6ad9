"""Choosing the layout of a folder: a known data set, folders of emotions, or file names; else a hint."""

from pathlib import Path

from bimodal.data.labels import parse_labels
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.emotion_words import is_label
from bimodal.data.sources.entry import Source
from bimodal.data.sources.file_names import form_of
from bimodal.data.sources.folders import read_folders
from bimodal.data.sources.layouts.aff_wild2 import AFF_WILD2
from bimodal.data.sources.layouts.affectnet import AFFECTNET
from bimodal.data.sources.layouts.by_name import read_names, read_pattern
from bimodal.data.sources.layouts.expw import EXPW
from bimodal.data.sources.layouts.ferplus import FERPLUS
from bimodal.data.sources.layouts.hints import hint
from bimodal.data.sources.layouts.layout import Layout
from bimodal.data.sources.layouts.nested import read_nested
from bimodal.data.sources.layouts.raf_db import RAF_DB
from bimodal.data.sources.layouts.sequences import CKPLUS, OULU_CASIA
from bimodal.data.sources.layouts.text_lists import lists_of, read_text_lists
from bimodal.data.sources.layouts.tree import Tree
from bimodal.data.sources.layouts.yolo import YOLO
from bimodal.errors import InputError
from bimodal.progress import inform

LAYOUTS: tuple[Layout, ...] = (RAF_DB, AFFECTNET, EXPW, FERPLUS, CKPLUS, OULU_CASIA, AFF_WILD2, YOLO)
"""The data sets that have label files of their own."""


def read_folder(path: Path, options: PrepareOptions) -> Source:
    """Read a folder of pictures; the first way that fits is taken.

    1. `--label-pattern`; 2. the label files of a known data set; 3. folders of emotions, or of labels that the user
    explains; 4. such folders at any depth; 5. file names of a known data set; 6. lists of pictures and labels.

    Raises:
        InputError: no way fits; the message says what the folder looks like, and what to do.
    """
    tree = Tree.of(path)
    if options.label_pattern is not None:
        return read_pattern(tree, options.label_pattern)
    for layout in LAYOUTS:
        if layout.recognise(tree):
            if options.codes is not None and layout.knows_codes:
                raise InputError(f"{path} has the layout of {layout.name}, whose labels are known; leave --codes out")
            inform(f"layout: {layout.name}; {layout.note}")
            return layout.read(tree, options)
    meanings = parse_labels(options.labels)
    source = read_folders(path, options.align, meanings)
    labels = sorted({entry.label for entry in source.entries})
    if any(is_label(label, meanings) for label in labels):
        return source
    nested = read_nested(tree, meanings)
    if nested is not None:
        inform(f"layout: the nearest folder of an emotion is the label, such as {nested.entries[0].name}")
        return nested
    form = form_of(tree.pictures or tree.files, with_label=True)
    if form is not None:
        inform(f"layout: the file names have the form of {form.name} and show the emotions")
        return read_names(tree, form)
    lists = lists_of(tree) if tree.pictures else []
    if lists:
        inform(f"layout: lists of pictures and labels: {', '.join(lists[:4])}{', ...' if len(lists) > 4 else ''}")
        return read_text_lists(tree, lists)
    raise InputError(hint(tree, labels))
