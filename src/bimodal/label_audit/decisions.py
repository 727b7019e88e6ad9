"""What people decided about suspects, and the cleaned data folder that follows from it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bimodal.data.manifest import COLUMNS, FILE, Manifest, read_table
from bimodal.data.views import write_view
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError

DECISIONS = ("keep", "remove", "relabel")
CHANGES, TAKEN = "changes.csv", "decisions.csv"
CHANGE_COLUMNS = ("image", "change", "from", "to", "by", "why")
_NOBODY = "unnamed"


@dataclass(frozen=True)
class Cleaned:
    """What was changed: how many faces were kept on purpose, removed and relabelled, and where the cleaned data lie."""

    folder: Path
    kept: int
    removed: int
    relabelled: int


def read_decisions(file: Path, manifest: Manifest) -> pd.DataFrame:
    """Read and check decisions: a CSV with `image,decision` and optionally `label,by,why`.

    `decision` is `keep`, `remove` or `relabel`; `label` the new label of what is relabelled.

    Returns:
        `row,decision,label,by,why`, in the order of the rows.

    Raises:
        InputError: the file cannot be read; a picture is unknown, not for training, or decided twice in different ways;
            a decision or a label is unknown. The message names the line.
    """
    table = read_table(file, ("image", "decision")).reindex(
        columns=["image", "decision", "label", "by", "why"], fill_value=""
    )
    rows = {image: row for row, image in enumerate(manifest.table["image"])}
    splits = manifest.table["split"].to_numpy()
    decided: dict[int, tuple[str, str, str, str]] = {}
    for number, record in enumerate(table.itertuples(index=False), start=2):
        where = f"{file}, line {number} ({record.image!r})"
        row = rows.get(str(record.image))
        if row is None:
            raise InputError(f"{where}: no such picture in {manifest.root}; name them as suspects.csv does")
        if splits[row] != "train":
            raise InputError(
                f"{where}: this face is in split {splits[row]}, and only training labels are changed: else the measure "
                "would change with what it measures"
            )
        decision = str(record.decision).strip().casefold()
        if decision not in DECISIONS:
            raise InputError(f"{where}: expected keep, remove or relabel, got {record.decision!r}")
        label = ""
        if decision == "relabel":
            try:
                label = NAMES[code_of(str(record.label))]
            except InputError:
                raise InputError(
                    f"{where}: expected a label to give, one of {', '.join(NAMES)}, got {record.label!r}"
                ) from None
            if label == manifest.table["label"].iat[row]:
                decision, label = "keep", ""
        new = (decision, label, str(record.by).strip() or _NOBODY, str(record.why).strip())
        if row in decided and decided[row][:2] != new[:2]:
            raise InputError(f"{where}: decided twice, as {decided[row][0]} and as {decision}; keep one line")
        decided[row] = new
    records = [(row, *decided[row]) for row in sorted(decided)]
    return pd.DataFrame(records, columns=["row", "decision", "label", "by", "why"])


def write_cleaned(manifest: Manifest, decisions: pd.DataFrame, folder: Path) -> Cleaned:
    """Write a data folder with the decisions carried out; the pictures are links to those of the manifest.

    Each change can be traced: `manifest.csv` has `original_label`, `changed_by` and `why` of what was relabelled, and
    `changes.csv` lists every change, also of earlier cleanings; `decisions.csv` what was decided this time, with what was kept
    on purpose. Validation and test are as before.

    Args:
        manifest: what was audited.
        decisions: from `read_decisions`.
        folder: new.

    Raises:
        InputError: the folder exists, or nothing would be left to train on.
    """
    if folder.exists():
        raise InputError(f"{folder} exists; move it away, so that what was decided before is not lost")
    earlier = read_table(manifest.root / FILE, ("image",)).reindex(columns=["changed_by", "why"], fill_value="")
    table = manifest.table.assign(changed_by=earlier["changed_by"].to_numpy(), why=earlier["why"].to_numpy())
    relabelled = decisions[decisions["decision"] == "relabel"]
    removed = decisions[decisions["decision"] == "remove"]
    changes = []
    for record in decisions[decisions["decision"] != "keep"].to_dict("records"):
        row = int(record["row"])
        old = table["label"].iat[row]
        changes.append((table["image"].iat[row], record["decision"], old, record["label"], record["by"], record["why"]))
    rows = relabelled["row"].to_numpy(dtype=np.int64)
    first = table["original_label"].to_numpy(dtype=object)[rows]  # what it was called first stays its original
    before = table["label"].to_numpy(dtype=object)[rows]
    table.loc[rows, "original_label"] = np.where(first == "", before, first)
    table.loc[rows, "label"] = relabelled["label"].to_numpy(dtype=object)
    table.loc[rows, "changed_by"] = relabelled["by"].to_numpy(dtype=object)
    table.loc[rows, "why"] = relabelled["why"].to_numpy(dtype=object)
    table = table.drop(index=removed["row"].to_list()).reset_index(drop=True)
    left = table[table["split"] == "train"]["label"].nunique()
    if left < 2:
        raise InputError(f"after these decisions the training faces would show {left} emotion(s); two are needed")
    log = pd.DataFrame(changes, columns=list(CHANGE_COLUMNS))
    if (manifest.root / CHANGES).is_file():  # these faces were cleaned before
        before_that = read_table(manifest.root / CHANGES, CHANGE_COLUMNS)[list(CHANGE_COLUMNS)]
        log = pd.concat([before_that, log], ignore_index=True)
    taken = decisions.assign(image=manifest.table["image"].to_numpy()[decisions["row"].to_numpy(dtype=np.int64)])
    further = {CHANGES: log, TAKEN: taken[["image", "decision", "label", "by", "why"]]}
    write_view(manifest, table, folder, columns=(*COLUMNS, "changed_by", "why"), further=further)
    return Cleaned(folder, int((decisions["decision"] == "keep").sum()), len(removed), len(relabelled))
