"""All training labels of an audit, ranked by how probably each is wrong."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.leakage import copies_by_row
from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.removal import TwoModes, two_modes
from bimodal.removal.two_modes import is_rare_class
from bimodal.runs.run import Run

COLUMNS = ("image", "label", "rank", "probability", "loss", "suggested", "confidence", "flags")
SUSPECT, REMOVABLE = "suspect", "removable"
"""Flags of labels that are probably wrong, and of those among them that can be removed without review."""


@dataclass(frozen=True, eq=False)
class LabelRanking:
    """The training labels of an audit, ranked.

    Attributes:
        table: one row for each training face, the most probably wrong label first; the columns are `COLUMNS`, and the
            index is the face's row in the manifest.
        modes: result of `two_modes`; its arrays follow `rows`.
        rows: (n,), the training rows of the manifest, in ascending order.
    """

    table: pd.DataFrame
    modes: TwoModes
    rows: NDArray[np.int64]

    @property
    def suspects(self) -> pd.DataFrame:
        """The faces whose labels are probably wrong."""
        return self._flagged(SUSPECT)

    @property
    def removable(self) -> pd.DataFrame:
        """The suspects that can be removed without review: more probably wrong than right, and of no rare emotion."""
        return self._flagged(REMOVABLE)

    @property
    def proposals(self) -> pd.DataFrame:
        """A decision for each suspect, in the form of `read_decisions`: remove the removable ones, keep the others."""
        suspects = self.suspects
        is_removable = suspects.index.isin(self.removable.index)
        numbers = zip(suspects["probability"], suspects["suggested"], suspects["confidence"], is_removable, strict=True)
        return pd.DataFrame(
            {
                "image": suspects["image"],
                "decision": np.where(is_removable, "remove", "keep"),
                "label": suspects["suggested"],
                "by": "bimodal two-modes",
                "why": [
                    f"wrong with probability {probability:.2f}; predicted {suggested} ({confidence:.2f})"
                    + ("" if removable else "; needs review")
                    for probability, suggested, confidence, removable in numbers
                ],
            }
        )

    @property
    def verdict(self) -> dict[str, Any]:
        """The counts and the scalar results of `two_modes`; None stands for a number that is not finite."""
        counts = {"faces": len(self.rows), "suspects": len(self.suspects), "removable": len(self.removable)}
        scalars = {name: value for name, value in asdict(self.modes).items() if np.isscalar(value)}
        return counts | {name: value if np.isfinite(value) else None for name, value in scalars.items()}

    def _flagged(self, flag: str) -> pd.DataFrame:
        return self.table[[flag in flags.split(";") for flags in self.table["flags"]]]


def rank_labels(run: Run, manifest: Manifest) -> LabelRanking:
    """Rank the training labels by the predicted probabilities of a finished run.

    Args:
        run: a run that removed no example and stored its pred_probs.
        manifest: the faces of that run.

    Raises:
        InputError: the run has no pred_probs, or was trained on other faces.
    """
    losses = run.losses
    rows = manifest.rows("train")
    if "pred_probs" not in losses or not np.array_equal(losses["rows"], rows):
        raise InputError(f"{run.path} is not the run of an audit of these faces; start again with --overwrite")
    copies = copies_by_row(manifest.pixel_digests)
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
            "flags": _flags(manifest, rows, modes, copies),
        },
        index=rows,
    )
    table = table.iloc[np.argsort(-modes.score, kind="stable")]
    table["rank"] = np.arange(1, len(table) + 1)
    return LabelRanking(table, modes, rows)


def _flags(manifest: Manifest, rows: NDArray[np.int64], modes: TwoModes, copies: dict[int, list[int]]) -> list[str]:
    """Return the flags of each training face, joined by `;`."""
    sizes = np.bincount(manifest.labels[rows], minlength=len(NAMES))
    is_rare = is_rare_class(sizes)
    splits, picture_flags = manifest.table["split"].to_numpy(), manifest.table["flag"].to_numpy()
    result = []
    for row, is_suspect, is_removable in zip(
        rows.tolist(), modes.is_label_issue.tolist(), modes.remove.tolist(), strict=True
    ):
        others = copies.get(row, ())
        flags = {
            SUSPECT: is_suspect,
            REMOVABLE: is_removable,
            str(picture_flags[row]): bool(picture_flags[row]),
            "duplicate": bool(others),
            "two-labels": any(manifest.labels[other] != manifest.labels[row] for other in others),
            "also-in-val": any(splits[other] == "val" for other in others),
            "also-in-test": any(splits[other] == "test" for other in others),
            "rare": bool(is_rare[manifest.labels[row]]),
        }
        result.append(";".join(flag for flag, holds in flags.items() if holds))
    return result


def rank_other_splits(manifest: Manifest, rows: NDArray[np.int64], pred_probs: NDArray[np.float64]) -> pd.DataFrame:
    """Return `image,split,label,loss,suggested,confidence` of validation and test faces, highest log-odds first.

    Args:
        manifest: the faces.
        rows: (n,), the rows of validation and test faces.
        pred_probs: (n,7), their predicted probabilities.
    """
    given = np.arange(len(NAMES)) == manifest.labels[rows][:, None]
    log_given = np.log(np.maximum(pred_probs[given], 1e-12))
    others = np.where(given, -1, pred_probs)
    confidence = others.max(axis=1)
    table = manifest.table.loc[rows, ["image", "split", "label"]].assign(
        loss=-log_given.round(4),
        suggested=np.array(NAMES, dtype=object)[others.argmax(axis=1)],
        confidence=confidence.round(4),
    )
    return table.iloc[np.argsort(log_given - np.log(confidence), kind="stable")]
