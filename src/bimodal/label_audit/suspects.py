"""The list that an audit ends with: every training label, the most doubtful first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.copies import pixel_hashes
from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.removal import TwoModes, two_modes
from bimodal.removal.two_modes import RARE
from bimodal.runs.run import Run

COLUMNS = ("image", "label", "rank", "probability", "loss", "suggested", "confidence", "flags")
SUSPECT, SURE = "suspect", "sure"
"""Flags of what is called wrong, and of what of it may be removed without a look."""


@dataclass(frozen=True, eq=False)
class Suspects:
    """What an audit found.

    Attributes:
        table: `COLUMNS`, a row for each training face, worst first; its index is the face's row in the manifest.
        modes: the verdict on the whole; its arrays are in the order of `rows`.
        rows: (n,), the training rows of the manifest, rising.
    """

    table: pd.DataFrame
    modes: TwoModes
    rows: NDArray[np.int64]

    @property
    def called(self) -> pd.DataFrame:
        """The faces whose labels are called wrong, worst first."""
        return self._flagged(SUSPECT)

    @property
    def sure(self) -> pd.DataFrame:
        """Those of them that may be removed without a look: wrong rather than right, and of no rare emotion."""
        return self._flagged(SURE)

    def _flagged(self, flag: str) -> pd.DataFrame:
        return self.table[[flag in flags.split(";") for flags in self.table["flags"]]]


def list_suspects(run: Run, manifest: Manifest) -> Suspects:
    """Rank the training labels of a finished run.

    Args:
        run: one that removed nobody and kept its pred_probs.
        manifest: of its faces.

    Raises:
        InputError: the run has no pred_probs, or is of other faces.
    """
    losses = run.losses
    rows = manifest.rows("train")
    if "pred_probs" not in losses or not np.array_equal(losses["rows"], rows):
        raise InputError(f"{run.path} is no run of an audit of these faces; start anew with --overwrite")
    labels = manifest.labels[rows]
    modes = two_modes(losses["pred_probs"], labels)
    names = np.array(NAMES, dtype=object)
    table = pd.DataFrame(
        {
            "image": manifest.table["image"].to_numpy()[rows],
            "label": names[labels],
            "rank": 0,
            "probability": modes.probability.round(4),
            "loss": losses["mean"].astype(np.float64).round(4),
            "suggested": names[modes.suggested],
            "confidence": modes.confidence.round(4),
            "flags": _flags(manifest, rows, modes),
        },
        index=rows,
    )
    table = table.iloc[np.argsort(-modes.score, kind="stable")]
    table["rank"] = np.arange(1, len(table) + 1)
    return Suspects(table, modes, rows)


def _flags(manifest: Manifest, rows: NDArray[np.int64], modes: TwoModes) -> list[str]:
    """Return what else is to be known of each face, joined by `;`."""
    copies = _copies(pixel_hashes(manifest), manifest.table["flag"].to_numpy() == "blank")
    sizes = np.bincount(manifest.labels[rows], minlength=len(NAMES))
    is_rare = (sizes > 0) & (sizes < RARE * sizes[sizes > 0].mean())
    splits, own = manifest.table["split"].to_numpy(), manifest.table["flag"].to_numpy()
    flags = []
    for row, is_called, is_sure in zip(rows.tolist(), modes.called.tolist(), modes.remove.tolist(), strict=True):
        twins = [twin for twin in copies.get(row, ()) if twin != row]
        found = [
            (SUSPECT, is_called),
            (SURE, is_sure),
            (str(own[row]), bool(own[row])),
            ("duplicate", bool(twins)),
            ("two-labels", any(manifest.labels[twin] != manifest.labels[row] for twin in twins)),
            ("also-in-val", any(splits[twin] == "val" for twin in twins)),
            ("also-in-test", any(splits[twin] == "test" for twin in twins)),
            ("rare", bool(is_rare[manifest.labels[row]])),
        ]
        flags.append(";".join(name for name, holds in found if holds))
    return flags


def _copies(hashes: Sequence[bytes], blank: NDArray[np.bool_]) -> dict[int, list[int]]:
    """Return, for each picture that is there several times, all rows that show it; a blank one is like no other."""
    by_hash: dict[bytes, list[int]] = {}
    for row, digest in enumerate(hashes):
        if blank[row]:
            continue
        by_hash.setdefault(digest, []).append(row)
    return {row: twins for twins in by_hash.values() if len(twins) > 1 for row in twins}
