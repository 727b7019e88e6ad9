"""Views of a data folder: the same pictures under other splits or labels, without a copy of any."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import COLUMNS, FILE, Manifest
from bimodal.emotions import CODES, NAMES
from bimodal.errors import InputError
from bimodal.files import staged_folder

_CARRIED = ("problems.csv", "source.json")
"""What a data folder says beside its manifest: pictures that could not be read, where it came from, whether it was aligned."""


def write_view(
    source: Manifest,
    table: pd.DataFrame,
    folder: Path,
    columns: Sequence[str] = COLUMNS,
    further: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write a data folder whose pictures are links to another's.

    One that is there is left as it is, but for links that lead to where the other folder was before.

    Args:
        source: the manifest of the other folder.
        table: the new manifest's table: rows of the other's, with other splits or labels.
        folder: where to write.
        columns: of the table, which go into the manifest.
        further: more tables to write beside it, by the names of their files.
    """
    if (folder / FILE).is_file():
        for link in folder.iterdir():
            if link.is_symlink() and link.readlink() != source.root / link.name:
                link.unlink()
                link.symlink_to(source.root / link.name)
        return
    with staged_folder(folder) as new:
        tops = {image.partition("/")[0] for image in table["image"]}
        for name in sorted(tops | {name for name in _CARRIED if (source.root / name).is_file()}):
            (new / name).symlink_to(source.root / name)
        cache = source.root / ".cache"
        if table["image"].equals(source.table["image"]):  # the decoded pictures are the same, too
            with suppress(OSError):  # a folder that may not be written to
                cache.mkdir(exist_ok=True)
            if cache.is_dir():
                (new / ".cache").symlink_to(cache)
        for name, other in (further or {}).items():
            other.to_csv(new / name, index=False)
        table.to_csv(new / FILE, index=False, columns=list(columns))


def with_wrong_labels(
    table: pd.DataFrame, share: float, seed: int, confusions: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """Give a share of the training faces another label, each of the others with the same chance or as confused.

    What a face was called before stands in `original_label`, and in `true_label` unless the truth is known already.

    Args:
        table: of a manifest.
        share: 0 to 1, of the training faces; rounded to whole faces.
        seed: of which faces, and which labels.
        confusions: (7,7), a row for each emotion: how often it is taken for each other; its own entry is ignored.

    Raises:
        InputError: all faces show the same emotion.

    >>> table = pd.DataFrame({"label": ["happy", "sad"] * 5, "split": "train", "original_label": "", "true_label": ""})
    >>> wrong = with_wrong_labels(table, 0.4, seed=0)
    >>> int((wrong["label"] != table["label"]).sum()), int((wrong["true_label"] == table["label"]).sum())
    (4, 10)
    """
    random = np.random.default_rng(np.random.SeedSequence((seed, round(1e6 * share))))
    labels = table["label"].map(CODES).to_numpy(np.int64)
    classes: Any = np.unique(labels)
    if len(classes) < 2:
        raise InputError(
            f"wrong labels need at least two emotions to choose from, and all faces are {NAMES[classes[0]]}"
        )
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
    """Return the folder's name of a view: the fold, and which wrong labels it has.

    >>> view_name("own", 0.0, 3), view_name("own", 0.2, 3)
    ('own', 'own-wrong-20-seed-3')
    """
    return f"{fold}-wrong-{percent_of(noise)}-seed-{seed}" if noise else fold


def percent_of(share: float) -> str:
    """Say a share of wrong labels as folders' names do.

    >>> percent_of(0.2), percent_of(0.125)
    ('20', '12.5')
    """
    return f"{100 * share:g}"
