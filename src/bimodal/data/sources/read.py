"""Choosing the reader for a source."""

from dataclasses import replace
from pathlib import Path

from bimodal.data.labels import parse_labels
from bimodal.data.manifest import FILE
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Source
from bimodal.data.sources.fer2013 import read_fer2013
from bimodal.data.sources.formats.hub import Address, is_address
from bimodal.data.sources.formats.registry import is_format, read_format, read_format_folder, read_hub
from bimodal.data.sources.groups import group_by_name, propose_groups
from bimodal.data.sources.layouts.registry import read_folder
from bimodal.data.sources.layouts.text_lists import is_text_list, read_text_lists
from bimodal.data.sources.layouts.tree import Tree
from bimodal.data.sources.pixel_rows import is_pixel_table
from bimodal.data.sources.table import read_csv
from bimodal.errors import InputError

_WITH_COLUMNS = frozenset(("table", "imagefolder", "parquet", "webdataset", "label-studio"))
"""The kinds of sources in which --group can be the name of a column."""


def read_source(path: Path, options: PrepareOptions, scratch: Path | None = None) -> Source:
    """Read a source of any kind.

    Args:
        path: a folder of class folders, with or without splits (SFEW or another), or of a known data set; a data folder of
            `prepare`; a CSV with `image,label`; a text file with lines such as `a.jpg happy`; or `fer2013.csv`, plain or
            compressed with gzip; a file or a folder of an annotation format (`formats.registry`); or a data set on the hub of
            Hugging Face, `hf://owner/name`.
        options: `root`, `group`, `votes`, `label_from`, `labels`, `codes`, `label_pattern`, `align` and `columns` are used.
        scratch: an empty folder for pictures that are packed in a Parquet or Arrow file.

    Raises:
        InputError: the source is missing or cannot be read, or an option does not fit its kind.
    """
    if is_address(path):
        _refuse_options(path, options)
        return _with_groups(read_hub(Address.parse(str(path)), options, scratch), options)
    if not path.exists():
        raise InputError(f"no such source: {path}; expected a folder of pictures or a CSV file")
    if path.is_dir() and (path / FILE).is_file():
        path = path / FILE
    root, votes = (None if given is None else Path(given) for given in (options.root, options.votes))
    fer2013 = path.is_file() and is_pixel_table(path)
    if not fer2013 and (votes is not None or options.label_from != "fer2013"):
        raise InputError(f"--votes and --label-from are for FER2013, but {path} is another source; leave them out")
    if root is not None and (path.is_dir() or fer2013):
        raise InputError(f"--root is for a list of pictures, but {path} is none; leave it out")

    if options.label_pattern is not None and not path.is_dir():
        raise InputError(f"--label-pattern is for a folder of pictures, but {path} is none; leave it out")

    if path.is_dir():
        source = (options.label_pattern is None and read_format_folder(path, options, scratch)) or read_folder(
            path, options
        )
    elif fer2013:
        ferplus = options.label_from == "ferplus"
        source = read_fer2013(path, votes, ferplus, parse_labels(options.labels), options.codes, options.columns)
    elif path.is_file() and is_format(path):
        source = read_format(path, root, options, scratch)
    elif path.is_file() and is_text_list(path):
        source = read_text_lists(Tree.of(root or path.parent), [str(path)])
    elif path.is_file():
        group = "group" if options.group in ("auto", "none") else options.group
        source = read_csv(path, root, group, options.columns)
    else:
        raise InputError(f"expected a folder or a file, and {path} is neither")
    if options.columns and source.kind not in (*_WITH_COLUMNS, "fer2013"):
        given = " and ".join(f"--{name}-column" for name in options.columns)
        raise InputError(f"{given} is for a table, but {path} was read as {source.kind}; leave it out")
    return _with_groups(source, options)


def _with_groups(source: Source, options: PrepareOptions) -> Source:
    """Return the source with the groups that `--group` asks for."""
    if options.group in ("auto", "none"):
        return source if source.has_groups else propose_groups(source)
    if source.kind in _WITH_COLUMNS and any(entry.group for entry in source.entries):
        return source
    return replace(source, entries=group_by_name(source.entries, options.group), keep_groups_together=True)


def _refuse_options(source: Path, options: PrepareOptions) -> None:
    """Raise if an option is given that needs a file or a folder of this computer."""
    given = {"--root": options.root, "--votes": options.votes, "--label-pattern": options.label_pattern}
    named = [name for name, value in given.items() if value is not None]
    if named or options.label_from != "fer2013":
        raise InputError(
            f"{', '.join(named) or '--label-from'} cannot be used with {Address.parse(str(source))}; leave it out"
        )
