"""Decisions about labels, and the cleaned data folder that results from them."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import COLUMNS, FILE, Manifest
from bimodal.data.tables import read_table
from bimodal.data.views import write_view
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.files import matches_checksum, write_checksum
from bimodal.label_audit.kept_edits import write_editable

_ROUND = re.compile("[1-9][0-9]{0,5}")
DECISIONS = ("keep", "remove", "relabel")
UNSURE = "unsure"
CHANGES_FILE, DECISIONS_FILE = "changes.csv", "decisions.csv"
COLUMNS_OF_DECISIONS = ("image", "decision", "label", "by", "when", "why")
COLUMNS_OF_CHANGES = ("round", "image", "change", "from", "to", "by", "why")


@dataclass(frozen=True)
class Cleaned:
    """The cleaned data folder, and how many faces were kept by a decision, removed and relabelled."""

    folder: Path
    kept: int
    removed: int
    relabelled: int


@dataclass(frozen=True, eq=False)
class Rounds:
    """All decisions of an audit.

    Attributes:
        table: `round,row,image,decision,label,by,when,why`, in the order in which they were handed in; the last decision on a face
            counts.
    """

    table: pd.DataFrame

    @classmethod
    def read(cls, file: Path | None, manifest: Manifest) -> Self:
        """Read the decisions that `write` stored; none if there is no file.

        Raises:
            InputError: the file is damaged.
        """
        if file is None or not file.is_file():
            return cls(pd.DataFrame(columns=["round", "row", *COLUMNS_OF_DECISIONS]))
        numbers = read_table(file, ("round", "image", "decision"))["round"]
        parts = []
        for number in sorted(set(numbers), key=lambda text: (len(text), text)):
            part = read_decisions(file, manifest, only=set(numbers.index[numbers == number]))
            parts.append(part.assign(round=_round(number, file)))
        return cls(pd.concat(parts, ignore_index=True)) if parts else cls.read(None, manifest)

    def with_file(self, file: Path, manifest: Manifest) -> Self:
        """Return all decisions with those of a file; decisions that change nothing are not added again.

        Raises:
            InputError: see `read_decisions`.
        """
        new = read_decisions(file, manifest)
        now = {row: (decision, label) for row, decision, label in self.current[["row", "decision", "label"]].to_numpy()}
        is_new = [
            now.get(row) != (decision, label) for row, decision, label in new[["row", "decision", "label"]].to_numpy()
        ]
        new = new[is_new].assign(round=int(self.table["round"].max()) + 1 if len(self.table) else 1)
        return self if new.empty else type(self)(pd.concat([self.table, new], ignore_index=True))

    def write(self, file: Path) -> None:
        """Store the decisions; nothing is written if there are none."""
        if len(self.table):
            write_editable(file, self.table[["round", "image", *COLUMNS_OF_DECISIONS[1:]]])

    @property
    def current(self) -> pd.DataFrame:
        """The last decision on each face, in ascending order of `row`."""
        return self.table.drop_duplicates("row", keep="last").sort_values("row", ignore_index=True)

    def judged(self, manifest: Manifest) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the training rows without removed faces, and their labels after all decisions, each int64 (n,)."""
        labels = manifest.labels.copy()
        current = self.current
        relabelled = current[current["decision"] == "relabel"]
        labels[relabelled["row"].to_numpy(dtype=np.int64)] = [NAMES.index(label) for label in relabelled["label"]]
        removed = current.loc[current["decision"] == "remove", "row"].to_numpy(dtype=np.int64)
        rows = np.setdiff1d(manifest.rows("train"), removed)
        return rows, labels[rows]


def read_decisions(
    file: Path, manifest: Manifest, only: set[int] | None = None, with_unsure: bool = False
) -> pd.DataFrame:
    """Read and check decisions: a CSV with the columns `image,decision` and optionally `label,by,when,why`.

    Args:
        file: `decision` is `keep`, `remove` or `relabel`, or empty or `unsure` where there is no decision yet; `label` is the
            new label where the decision is `relabel`.
        manifest: the audited faces.
        only: positions of the lines to read, from 0; None: all.
        with_unsure: return the lines with `unsure`, too.

    Returns:
        `row,image,decision,label,by,when,why`, in ascending order of `row`.

    Raises:
        InputError: the file cannot be read, a picture is unknown or not in training, a picture has two different
            decisions, or a decision or label is unknown. The message names the line.
    """
    table = read_table(file, ("image", "decision")).reindex(columns=list(COLUMNS_OF_DECISIONS), fill_value="")
    rows = {_plain(image): row for row, image in enumerate(manifest.table["image"])}
    decisions: dict[int, tuple[str, ...]] = {}
    for number, record in enumerate(table.itertuples(index=False), start=2):
        if only is not None and number - 2 not in only:
            continue
        where = f"{file}, line {number} ({record.image!r})"
        row = rows.get(_plain(str(record.image)))
        if row is None:
            raise InputError(f"{where}: no such picture in {manifest.root}; use the names in suspects.csv")
        split = manifest.table["split"].iat[row]
        if split != "train":
            raise InputError(
                f"{where}: this face is in split {split}, and only training labels may change: results before and after "
                "would not be comparable; take the line out"
            )
        decision = str(record.decision).strip().casefold()
        if not decision or (decision == UNSURE and not with_unsure):
            continue
        if decision not in (*DECISIONS, UNSURE):
            raise InputError(f"{where}: expected keep, remove, relabel or unsure, got {record.decision!r}")
        label = ""
        if decision == "relabel":
            label = _new_label(str(record.label), where)
            if label == manifest.table["label"].iat[row]:
                decision, label = "keep", ""
        by, when, why = (str(text).strip() for text in (record.by, record.when, record.why))
        image = str(manifest.table["image"].iat[row])
        new = (image, decision, label, by or "unnamed", when, why)
        if row in decisions and decisions[row][1:3] != new[1:3]:
            raise InputError(f"{where}: two decisions, {decisions[row][1]} and {decision}; keep one line")
        decisions[row] = new
    records = [(row, *decisions[row]) for row in sorted(decisions)]
    return pd.DataFrame(records, columns=["row", *COLUMNS_OF_DECISIONS])


def _plain(image: str) -> str:
    r"""Return a name without what programs change on the way: `\` for `/`, blanks around it, and the form of its letters."""
    return unicodedata.normalize("NFC", image.strip().replace("\\", "/"))


def _round(text: str, file: Path) -> int:
    if not _ROUND.fullmatch(text):
        raise InputError(f"{file} is damaged: expected a number from 1 in the column round, got {text!r}")
    return int(text)


def _new_label(label: str, where: str) -> str:
    try:
        return NAMES[code_of(label)]
    except InputError:
        raise InputError(f"{where}: expected a new label, one of {', '.join(NAMES)}, got {label!r}") from None


def write_cleaned(manifest: Manifest, rounds: Rounds, folder: Path, checksum: Path) -> Cleaned:
    """Write a data folder with all decisions applied; its pictures are links to those of the manifest.

    A cleaned folder of an earlier round is replaced, unless somebody edited its manifest or added files. All changes are
    recorded: `manifest.csv` has `original_label`, `changed_by` and `why` for relabelled faces, `changes.csv` lists the
    changes of every round, including those of earlier audits, and `decisions.csv` lists the last decision on each face.
    Validation and test faces stay as they are.

    Args:
        manifest: the audited faces.
        rounds: the decisions.
        folder: the folder to write.
        checksum: the file with the checksum of the cleaned manifest, by which an edited one is recognised.

    Raises:
        InputError: the folder was edited, or fewer than two emotions would be left in training.
    """
    if folder.exists() and not matches_checksum(folder / FILE, checksum):
        raise InputError(f"{folder} was edited or is of another audit; move it away, so that nothing is lost")
    before = read_table(manifest.root / FILE, ("image",)).reindex(columns=["changed_by", "why"], fill_value="")
    table = manifest.table_with_digests.assign(changed_by=before["changed_by"].to_numpy(), why=before["why"].to_numpy())
    changes = _changes(manifest, rounds)
    current = rounds.current
    relabelled, removed = (current[current["decision"] == name] for name in ("relabel", "remove"))
    for record in relabelled.to_dict("records"):
        row = int(record["row"])
        original = table["original_label"].iat[row] or table["label"].iat[row]  # the first label stays the original
        changed = ["original_label", "label", "changed_by", "why"]
        table.loc[row, changed] = [original, record["label"], record["by"], record["why"]]
    table = table.drop(index=removed["row"].to_list()).reset_index(drop=True)
    left = table[table["split"] == "train"]["label"].nunique()
    if left < 2:
        raise InputError(
            f"the decisions leave training faces of {left} emotion(s), and training needs two; keep more faces"
        )
    further = {DECISIONS_FILE: current[list(COLUMNS_OF_DECISIONS)]} | ({CHANGES_FILE: changes} if len(changes) else {})
    columns = (*COLUMNS, "changed_by", "why")
    write_view(manifest, table, folder, columns=columns, further=further, overwrite=True, replaced=(CHANGES_FILE,))
    write_checksum(folder / FILE, checksum)
    return Cleaned(folder, int((current["decision"] == "keep").sum()), len(removed), len(relabelled))


def _changes(manifest: Manifest, rounds: Rounds) -> pd.DataFrame:
    """Return every change of a label, `COLUMNS_OF_CHANGES`, after those of the audits that made these data."""
    earlier = pd.DataFrame(columns=list(COLUMNS_OF_CHANGES))
    if (manifest.root / CHANGES_FILE).is_file():
        earlier = _earlier_changes(manifest.root / CHANGES_FILE)
    first_round = max((int(number) for number in earlier["round"]), default=0)
    given = manifest.table["label"].to_numpy()
    labels: dict[int, str] = {}
    changes = []
    for record in rounds.table.to_dict("records"):
        row = int(record["row"])
        before = labels.get(row, given[row])
        after = {"keep": given[row], "remove": "", "relabel": record["label"]}[record["decision"]]
        if after != before:
            number = first_round + int(record["round"])
            changes.append((number, record["image"], record["decision"], before, after, record["by"], record["why"]))
        labels[row] = after
    return pd.concat([earlier, pd.DataFrame(changes, columns=list(COLUMNS_OF_CHANGES))], ignore_index=True)


def _earlier_changes(file: Path) -> pd.DataFrame:
    """Return the changes that earlier audits recorded in a data folder, all text.

    Raises:
        InputError: the file is damaged; the message names the row.
    """
    table = read_table(file, COLUMNS_OF_CHANGES)[list(COLUMNS_OF_CHANGES)]
    for number, record in enumerate(table.to_dict("records"), start=1):
        _round(record["round"], file)
        is_change = record["change"] in DECISIONS and record["from"] in ("", *NAMES) and record["to"] in ("", *NAMES)
        if not is_change:
            given = ", ".join(repr(record[name]) for name in ("change", "from", "to"))
            raise InputError(f"{file}, row {number}: expected keep, remove or relabel and two emotions, got {given}")
    return table
