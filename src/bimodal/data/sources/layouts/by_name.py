"""Reading pictures whose file names show the emotion: those of known data sets, or those that the user's pattern finds."""

from dataclasses import replace

from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.file_names import NameForm
from bimodal.data.sources.groups import search_rule
from bimodal.data.sources.layouts.layout import groups_in_words, left_out, splits_of_paths
from bimodal.data.sources.layouts.tree import Tree
from bimodal.errors import InputError


def read_names(tree: Tree, form: NameForm) -> Source:
    """Read the pictures whose names have the form of a known data set; the person becomes the group."""
    names = [name for name in tree.pictures or tree.files if form.code_of(name)]
    labels = [form.meaning_of(form.code_of(name)) for name in names]
    source = _labelled(tree, names, labels, f"the name has not the form of {form.name}")
    persons = [form.person_of(name) for name in names]
    entries = [
        replace(entry, group=person, original_label=code if (code := form.code_of(entry.name)).isdecimal() else "")
        for entry, person in zip(source.entries, persons, strict=True)
    ]
    said = groups_in_words(persons, f"persons in the file names, which have the form of {form.name}")
    dropped = dict.fromkeys(form.drop, "drop")
    return replace(
        source, kind=form.name.casefold(), entries=entries, labels=dropped, has_groups=True, name_groups=said
    )


def read_pattern(tree: Tree, rule: str) -> Source:
    """Read the pictures in whose names a regular expression finds the label; others are reported as ignored.

    Raises:
        InputError: the rule is no regular expression, or finds no label.
    """
    find = search_rule(rule, "--label-pattern")
    labels = {name: label for name in tree.pictures if (label := find(name))}
    if not labels:
        example = f", such as {tree.pictures[0]!r}" if tree.pictures else f": {tree.root} holds no pictures"
        raise InputError(
            f"--label-pattern {rule!r} matches no file name{example}; expected a regular expression for names without "
            "their ending, whose first bracket is the label"
        )
    return _labelled(tree, list(labels), list(labels.values()), f"--label-pattern {rule!r} finds no label in its name")


def _labelled(tree: Tree, names: list[str], labels: list[str], why: str) -> Source:
    entries = [
        Entry(name, label, split, tree.path(name))
        for name, label, split in zip(names, labels, splits_of_paths(names), strict=True)
    ]
    known = set(names)
    problems = left_out((name for name in tree.pictures if name not in known), why)
    problems += [
        Problem(name, "", "ignored", "not a picture", "left out")
        for name in sorted(set(tree.files).difference(tree.pictures, known))
    ]
    return Source("names", entries, problems)
