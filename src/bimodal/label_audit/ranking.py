"""All training labels of an audit, ranked by how probably each is wrong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.leakage import copies_by_row
from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.label_audit.judge import Judgement, other_rows
from bimodal.removal.issues import LabelIssues
from bimodal.removal.two_modes import is_rare_class

COLUMNS = ("image", "label", "rank", "probability", "loss", "suggested", "confidence", "flags")
SUSPECT, REMOVABLE, DECIDED = "suspect", "removable", "decided"
"""Flags: the label is probably wrong; it can be removed without review, too; somebody decided about it."""


@dataclass(frozen=True, eq=False)
class LabelRanking:
    """The training labels of an audit, ranked.

    Attributes:
        table: one row for each training face, the most probably wrong label first; the columns are `COLUMNS`, and the
            index is the face's row in the manifest. `probability` is NaN if no label issues were found: then there is no
            evidence of any wrong label, and the ranks only give an order.
        judgement: what was judged, and how; its arrays follow `rows`.
    """

    table: pd.DataFrame
    judgement: Judgement

    @property
    def issues(self) -> LabelIssues:
        """The label issues; the arrays follow `rows`."""
        return self.judgement.issues

    @property
    def rows(self) -> NDArray[np.int64]:
        """The judged rows of the manifest, (n,), in ascending order."""
        return self.judgement.rows

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
        """A line for each suspect, in the form of `read_decisions`: remove the removable ones, no decision on the others."""
        suspects = self.suspects
        is_removable = suspects.index.isin(self.removable.index)
        numbers = zip(suspects["probability"], suspects["suggested"], suspects["confidence"], is_removable, strict=True)
        return pd.DataFrame(
            {
                "image": suspects["image"],
                "decision": np.where(is_removable, "remove", ""),
                "label": suspects["suggested"],
                "by": "bimodal audit",
                "why": [
                    f"wrong with probability {probability:.2f}; probably {suggested} ({confidence:.2f})"
                    + ("" if removable else "; needs review")
                    for probability, suggested, confidence, removable in numbers
                ],
            }
        )

    @property
    def verdict(self) -> dict[str, Any]:
        """The counts and the scalar results of the judgement; None stands for a number that is not finite."""
        counts = {"faces": len(self.rows), "suspects": len(self.suspects), "removable": len(self.removable)}
        values: dict[str, Any] = {name: value for name, value in vars(self.issues).items() if np.isscalar(value)}
        judgement = self.judgement
        if judgement.check is not None:
            values |= {"held_out_accuracy": judgement.accuracy, **vars(judgement.check)}
        return counts | {name: value if np.isfinite(value) else None for name, value in values.items()}

    def _flagged(self, flag: str) -> pd.DataFrame:
        return self.table[[flag in flags.split(";") for flags in self.table["flags"]]]


def rank_labels(manifest: Manifest, judgement: Judgement) -> LabelRanking:
    """Rank judged labels; those that a person has decided about come last.

    Args:
        manifest: the faces.
        judgement: of the training labels.
    """
    rows, issues = judgement.rows, judgement.issues
    names = np.array(NAMES, dtype=object)
    position = np.arange(len(rows))
    given, suggested = (judgement.pred_probs[position, labels] for labels in (judgement.labels, issues.suggested))
    found = issues.has_label_issues
    table = pd.DataFrame(
        {
            "image": manifest.table["image"].to_numpy()[rows],
            "label": names[judgement.labels],
            "rank": 0,
            "probability": issues.probability.round(4) if found else np.nan,
            "loss": -np.log(np.maximum(given, 1e-12)).round(4),
            "suggested": names[issues.suggested],
            "confidence": (issues.confidence if found else suggested).round(4),
            "flags": _flags(manifest, judgement),
        },
        index=rows,
    )
    table = table.iloc[np.lexsort((-issues.score, judgement.decided))]
    table["rank"] = np.arange(1, len(table) + 1)
    return LabelRanking(table, judgement)


def _flags(manifest: Manifest, judgement: Judgement) -> list[str]:
    """Return the flags of each judged face, joined by `;`."""
    is_rare = is_rare_class(np.bincount(judgement.labels, minlength=len(NAMES)))
    splits, picture_flags = manifest.table["split"].to_numpy(), manifest.table["flag"].to_numpy()
    copies = copies_by_row(manifest.pixel_digests)
    result = []
    for position, row in enumerate(judgement.rows.tolist()):
        others = copies.get(row, ())
        flags = {
            SUSPECT: judgement.issues.is_label_issue[position],
            REMOVABLE: judgement.issues.remove[position],
            DECIDED: judgement.decided[position],
            str(picture_flags[row]): bool(picture_flags[row]),
            "duplicate": bool(others),
            "two-labels": any(manifest.labels[other] != manifest.labels[row] for other in others),
            "also-in-val": any(splits[other] == "val" for other in others),
            "also-in-test": any(splits[other] == "test" for other in others),
            "rare": is_rare[judgement.labels[position]],
        }
        result.append(";".join(flag for flag, holds in flags.items() if holds))
    return result


def rank_other_splits(manifest: Manifest, pred_probs: NDArray[np.float64]) -> pd.DataFrame:
    """Return `image,split,label,loss,suggested,confidence` of validation and test faces, highest log-odds first.

    Args:
        manifest: the faces.
        pred_probs: (m,7), the predicted probabilities of these faces.
    """
    rows = other_rows(manifest)
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
