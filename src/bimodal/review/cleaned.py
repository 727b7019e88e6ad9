"""The cleaned data folder that results from a review."""

import pandas as pd

from bimodal.files import sha256_of
from bimodal.label_audit.audit import CLEANED, CLEANED_SUM, DECIDED
from bimodal.label_audit.decisions import DECISIONS, Cleaned, Rounds, write_cleaned
from bimodal.label_audit.kept_edits import remove_editable
from bimodal.locks import locked
from bimodal.review.exchange import TAKEN_OVER, decisions_table
from bimodal.review.opened import OpenAudit
from bimodal.review.store import Store


def write_cleaned_set(opened: OpenAudit, store: Store) -> Cleaned:
    """Write the data folder `cleaned` in the audit folder with the decisions of the review, and the audit's `decisions.csv`.

    A decision that was undone leaves no trace in them. Faces with `unsure` stay as they are.

    Raises:
        InputError: another call works in the folder, `cleaned` was edited, or too few emotions would be left.
        OSError: the disk is full.
    """
    folder = opened.folder
    with locked(folder):
        rounds = rounds_of(opened, store)
        cleaned = write_cleaned(opened.manifest, rounds, folder / CLEANED, folder / CLEANED_SUM)
        if len(rounds.table):
            rounds.write(folder / DECIDED)
            store.set_note(TAKEN_OVER, sha256_of(folder / DECIDED))
        else:
            remove_editable(folder / DECIDED)
    return cleaned


def rounds_of(opened: OpenAudit, store: Store) -> Rounds:
    """Return the decisions of a review as those of an audit: earlier rounds as far as they still hold, and a new one.

    Raises:
        InputError: the decisions of the audit are damaged.
    """
    earlier = Rounds.read(opened.folder / DECIDED, opened.manifest).table
    table = decisions_table(store, opened.manifest)
    table = table[table["decision"].isin(DECISIONS)]
    given = opened.manifest.table.set_index("image")["label"]
    same = (table["decision"] == "relabel") & (table["label"] == given[table["image"]].to_numpy())
    table.loc[same, ["decision", "label"]] = ["keep", ""]
    rows = {image: row for row, image in enumerate(opened.manifest.table["image"])}
    key = ["image", "decision", "label"]
    now = set(table[key].itertuples(index=False, name=None))
    last = earlier.drop_duplicates("row", keep="last")
    holds = [line in now for line in last[key].itertuples(index=False, name=None)]
    kept = earlier[earlier["row"].isin(last.loc[holds, "row"])]
    new = table[~table["image"].isin(kept["image"])]
    number = int(earlier["round"].max()) + 1 if len(earlier) else 1
    new = new.assign(row=[rows[image] for image in new["image"]], round=number)
    return Rounds(pd.concat([kept, new[earlier.columns]], ignore_index=True) if len(kept) else new[earlier.columns])
