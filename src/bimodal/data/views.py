"""Views of a data folder: the same pictures with other splits or labels, as links instead of copies."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import COLUMNS, FILE, Manifest
from bimodal.data.shards import FOLDER as SHARDS
from bimodal.emotions import CODES, NAMES
from bimodal.errors import InputError
from bimodal.files import staged_folder, write_csv

RECORDS = ("problems.csv", "source.json")
"""The records of `prepare` that a view links to: unreadable pictures, the source, and whether the faces are aligned."""


def write_view(
    source: Manifest,
    table: pd.DataFrame,
    folder: Path,
    columns: Sequence[str] = COLUMNS,
    further: Mapping[str, pd.DataFrame] | None = None,
    overwrite: bool = False,
    records: Sequence[str] = RECORDS,
    replaced: Sequence[str] = (),
) -> None:
    """Write a data folder whose pictures are links to those of another data folder.

    Unless `overwrite` is set, an existing view is kept; only its links are renewed if the other folder has moved.

    Args:
        source: the manifest of the other folder.
        table: the table of the new manifest: rows of `source.table` with other splits or labels.
        folder: the folder to write.
        columns: the columns of the table to write to the manifest.
        further: more tables to write to the folder, by file name.
        overwrite: replace an existing view that holds nothing else.
        records: the records of the other folder to link to; those that it lacks are left out.
        replaced: names of further tables that an existing view may hold; `overwrite` deletes them.

    Raises:
        InputError: the folder to replace holds other files.
    """
    further = further or {}
    if not overwrite and (folder / FILE).is_file():
        for link in folder.iterdir():
            if link.is_symlink() and link.readlink() != source.root / link.name:
                link.unlink()
                link.symlink_to(source.root / link.name)
        return
    tops, old_tops = (_tops(source, each) for each in (table, source.table))
    content = (FILE, *RECORDS, *further, *replaced, *old_tops, ".cache")
    with staged_folder(folder, overwrite, content=content, marks=(FILE,)) as new:
        for name in sorted(tops | {name for name in records if (source.root / name).is_file()}):
            (new / name).symlink_to(source.root / name)
        cache = source.root / ".cache"
        if table["image"].equals(source.table["image"]):  # so that both use the same decoded pictures
            with suppress(OSError):  # the folder is read-only
                cache.mkdir(exist_ok=True)
            if cache.is_dir():
                (new / ".cache").symlink_to(cache)
        for name, frame in further.items():
            write_csv(new / name, frame)
        write_csv(new / FILE, table[list(columns)])


def _tops(source: Manifest, table: pd.DataFrame) -> set[str]:
    """Return the names in a data folder that its pictures are under."""
    if source.places is not None:
        return {SHARDS}
    return {image.partition("/")[0] for image in table["image"]}


def with_wrong_labels(
    table: pd.DataFrame, share: float, seed: int, confusions: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """Return the table of a manifest with wrong labels for a random share of the training faces.

    The label before the change is recorded in `original_label`, and in `true_label` unless that is known already.

    Args:
        table: the table of a manifest.
        share: the share of training faces that get a wrong label, 0 to 1; rounded to whole faces.
        seed: random seed for the choice of faces and labels.
        confusions: float (7, 7), for each true emotion (row) the relative frequency of each wrong label (column); the
            diagonal is ignored. Default: all other emotions in the table are equally likely.

    Raises:
        InputError: all faces have the same label.

    >>> table = pd.DataFrame({"label": ["happy", "sad"] * 5, "split": "train", "original_label": "", "true_label": ""})
    >>> wrong = with_wrong_labels(table, 0.4, seed=0)
    >>> int((wrong["label"] != table["label"]).sum()), int((wrong["true_label"] == table["label"]).sum())
    (4, 10)
    """
    random = np.random.default_rng(np.random.SeedSequence((seed, round(1e6 * share))))
    labels = table["label"].map(CODES).to_numpy(np.int64)
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(f"expected faces of at least two emotions to exchange labels, but all are {NAMES[classes[0]]}")
    rows = np.flatnonzero(table["split"].to_numpy() == "train")
    chosen = np.sort(random.permutation(rows)[: round(share * len(rows))])
    new = labels.copy()
    if confusions is None:
        position = np.searchsorted(classes, labels[chosen])
        new[chosen] = classes[(position + random.integers(1, len(classes), len(chosen))) % len(classes)]
    else:
        chances = confusions * (1 - np.eye(len(NAMES)))
        for row in chosen:
            chance = chances[labels[row]]
            new[row] = random.choice(len(NAMES), p=chance / chance.sum())
    result = table.assign(label=np.array(NAMES)[new])
    result["true_label"] = np.where(table["true_label"] == "", table["label"], table["true_label"])
    original = table["original_label"].to_numpy(dtype=object).copy()
    original[chosen] = table["label"].to_numpy(dtype=object)[chosen]
    result["original_label"] = original
    return result


def view_name(fold: str, noise: float, seed: int) -> str:
    """Return the folder name of a view: of a division into splits, with a share of wrong labels (0 to 1) and their seed.

    >>> view_name("own", 0.0, 3), view_name("own", 0.2, 3)
    ('own', 'own-wrong-20-seed-3')
    """
    return f"{fold}-wrong-{percent_of(noise)}-seed-{seed}" if noise else fold


def percent_of(share: float) -> str:
    """Return a share in percent, as in folder names.

    >>> percent_of(0.2), percent_of(0.125)
    ('20', '12.5')
    """
    return f"{100 * share:g}"
