"""Decisions about labels, and the cleaned data folder that results from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bimodal.data.manifest import COLUMNS, FILE, Manifest
from bimodal.data.tables import read_table
from bimodal.data.views import write_view
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError

DECISIONS = ("keep", "remove", "relabel")
CHANGES_FILE, DECISIONS_FILE = "changes.csv", "decisions.csv"
COLUMNS_OF_DECISIONS = ("image", "decision", "label", "by", "why")
COLUMNS_OF_CHANGES = ("image", "change", "from", "to", "by", "why")


@dataclass(frozen=True)
class Cleaned:
    """The cleaned data folder, and how many faces were kept by a decision, removed and relabelled."""

    folder: Path
    kept: int
    removed: int
    relabelled: int


def read_decisions(file: Path, manifest: Manifest) -> pd.DataFrame:
    """Read and check decisions: a CSV with the columns `image,decision` and optionally `label,by,why`.

    Args:
        file: `decision` is `keep`, `remove` or `relabel`; `label` is the new label where the decision is `relabel`.
        manifest: the audited faces.

    Returns:
        `row,decision,label,by,why`, in ascending order of `row`.

    Raises:
        InputError: the file cannot be read, a picture is unknown or not in training, a picture has two different
            decisions, or a decision or label is unknown. The message names the line.
    """
    table = read_table(file, ("image", "decision")).reindex(columns=list(COLUMNS_OF_DECISIONS), fill_value="")
    rows = {image: row for row, image in enumerate(manifest.table["image"])}
    decisions: dict[int, tuple[str, str, str, str]] = {}
    for number, record in enumerate(table.itertuples(index=False), start=2):
        where = f"{file}, line {number} ({record.image!r})"
        row = rows.get(str(record.image))
        if row is None:
            raise InputError(f"{where}: no such picture in {manifest.root}; use the names in suspects.csv")
        split = manifest.table["split"].iat[row]
        if split != "train":
            raise InputError(
                f"{where}: this face is in split {split}, and only training labels may change: results before and after "
                "would not be comparable; take the line out"
            )
        decision = str(record.decision).strip().casefold()
        if decision not in DECISIONS:
            raise InputError(f"{where}: expected keep, remove or relabel, got {record.decision!r}")
        label = ""
        if decision == "relabel":
            label = _new_label(str(record.label), where)
            if label == manifest.table["label"].iat[row]:
                decision, label = "keep", ""
        new = (decision, label, str(record.by).strip() or "unnamed", str(record.why).strip())
        if row in decisions and decisions[row][:2] != new[:2]:
            raise InputError(f"{where}: two decisions, {decisions[row][0]} and {decision}; keep one line")
        decisions[row] = new
    records = [(row, *decisions[row]) for row in sorted(decisions)]
    return pd.DataFrame(records, columns=["row", *COLUMNS_OF_DECISIONS[1:]])


def _new_label(label: str, where: str) -> str:
    try:
        return NAMES[code_of(label)]
    except InputError:
        raise InputError(f"{where}: expected a new label, one of {', '.join(NAMES)}, got {label!r}") from None


def write_cleaned(manifest: Manifest, decisions: pd.DataFrame, folder: Path) -> Cleaned:
    """Write a data folder with the decisions applied; its pictures are links to those of the manifest.

    All changes are recorded: `manifest.csv` has `original_label`, `changed_by` and `why` for relabelled faces,
    `changes.csv` lists every change including those of earlier audits, and `decisions.csv` lists all decisions of this
    audit. Validation and test faces stay as they are.

    Args:
        manifest: the audited faces.
        decisions: from `read_decisions`.
        folder: a new folder.

    Raises:
        InputError: the folder exists, or fewer than two emotions would be left in training.
    """
    if folder.exists():
        raise InputError(f"{folder} exists; move it away, so that earlier decisions are not lost")
    before = read_table(manifest.root / FILE, ("image",)).reindex(columns=["changed_by", "why"], fill_value="")
    table = manifest.table.assign(changed_by=before["changed_by"].to_numpy(), why=before["why"].to_numpy())
    decisions = decisions.assign(image=table["image"].to_numpy()[decisions["row"].to_numpy(dtype=np.int64)])
    changes = decisions[decisions["decision"] != "keep"].rename(columns={"decision": "change", "label": "to"})
    changes["from"] = table["label"].to_numpy()[changes["row"].to_numpy(dtype=np.int64)]
    changes = changes[list(COLUMNS_OF_CHANGES)]
    if (manifest.root / CHANGES_FILE).is_file():  # these faces were cleaned before
        earlier = read_table(manifest.root / CHANGES_FILE, COLUMNS_OF_CHANGES)[list(COLUMNS_OF_CHANGES)]
        changes = pd.concat([earlier, changes], ignore_index=True)
    relabelled, removed = (decisions[decisions["decision"] == name] for name in ("relabel", "remove"))
    for record in relabelled.to_dict("records"):
        row = int(record["row"])
        original = table["original_label"].iat[row] or table["label"].iat[row]  # the first label stays the original
        columns = ["original_label", "label", "changed_by", "why"]
        table.loc[row, columns] = [original, record["label"], record["by"], record["why"]]
    table = table.drop(index=removed["row"].to_list()).reset_index(drop=True)
    left = table[table["split"] == "train"]["label"].nunique()
    if left < 2:
        raise InputError(
            f"the decisions leave training faces of {left} emotion(s), and training needs two; keep more faces"
        )
    further = {CHANGES_FILE: changes, DECISIONS_FILE: decisions[list(COLUMNS_OF_DECISIONS)]}
    write_view(manifest, table, folder, columns=(*COLUMNS, "changed_by", "why"), further=further)
    return Cleaned(folder, int((decisions["decision"] == "keep").sum()), len(removed), len(relabelled))
