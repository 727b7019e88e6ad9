"""The number of faces of each class in each split: the paper's figures 2 and 3."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import SPLITS
from bimodal.data.sources.entry import Problem
from bimodal.emotions import NAMES


def count_faces(labels: NDArray[np.int64], splits: NDArray[np.str_]) -> pd.DataFrame:
    """Return the number of faces by emotion (row) and split (column), from N codes and N names of splits.

    >>> count_faces(np.array([3, 3, 0]), np.array(["train", "val", "train"])).loc["happy"].tolist()
    [1, 1, 0]
    """
    columns = {split: np.bincount(labels[splits == split], minlength=len(NAMES)) for split in SPLITS}
    return pd.DataFrame(columns, index=pd.Index(NAMES, name="label"))


def report_missing_classes(labels: NDArray[np.int64], splits: Sequence[str]) -> list[Problem]:
    """Report each class that has pictures, but none in a split that has pictures."""
    present = set(zip(labels.tolist(), splits, strict=True))
    return [
        Problem("", split, "class-missing", f"no {NAMES[code]} picture in {split}", "kept")
        for code in sorted(set(labels.tolist()))
        for split in SPLITS
        if split in splits and (code, split) not in present
    ]


def draw_counts(counts: pd.DataFrame, path: Path) -> None:
    """Draw the counts of `count_faces` as bars in a PNG file, with a panel for each split that has faces."""
    from matplotlib.figure import Figure  # slow to load, and only needed here

    splits = [split for split in counts.columns if counts[split].sum()]
    figure = Figure(figsize=(4 * len(splits), 3.2), layout="constrained")
    for panel, split in zip(np.atleast_1d(figure.subplots(1, len(splits), sharey=True)), splits, strict=True):
        bars = panel.barh(counts.index, counts[split], color="#4c72b0", height=0.7)
        panel.bar_label(bars, padding=3, fontsize=9)
        panel.set_xlim(0, counts[split].max() * 1.18)
        panel.set_title(f"{split}: {counts[split].sum():,} faces", fontsize=11)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
        panel.tick_params(left=False, bottom=False, labelbottom=False)
    panel.invert_yaxis()  # the axis is shared
    figure.savefig(path, dpi=150)
