import csv
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from bimodal.cells import from_cell, to_cell
from bimodal.data.tables import read_table
from bimodal.files import write_csv
from bimodal.runs.read import Column, read_csv

DANGEROUS = [
    "=1+1",
    "+cmd",
    "-a.png",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "'=1",
    "''@a",
    '=HYPERLINK("http://x","y")',
]
HARMLESS = ["a.png", "", "'tis", "'", "a=b", "-1", "+1.5e3", "-.5", "Zoë", "1-2"]


@pytest.mark.parametrize("text", [*DANGEROUS, *HARMLESS])
def test_a_text_is_read_back_the_same(text: str) -> None:
    assert from_cell(to_cell(text)) == text


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert to_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_and_numbers_stay(text: str) -> None:
    assert to_cell(text) == text


def test_both_readers_undo_what_the_writer_does(tmp_path: Path) -> None:
    texts = [*DANGEROUS, *HARMLESS]
    table = pd.DataFrame({"image": texts, "loss": [-0.25] * len(texts), "row": range(-3, len(texts) - 3)})
    write_csv(tmp_path / "a.csv", table)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        cells = [row[0] for row in csv.reader(file)][1:]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n＝")] == ["-1", "+1.5e3", "-.5"]
    assert read_table(tmp_path / "a.csv", ("image",))["image"].tolist() == texts
    back = read_csv(tmp_path / "a.csv", {"image": Column(), "loss": Column(float), "row": Column(int)})
    assert back["image"].tolist() == texts
    assert back["loss"].tolist() == table["loss"].tolist()
    assert back["row"].tolist() == table["row"].tolist()
    assert table["image"].tolist() == texts, "the caller's table is unchanged"


def test_numbers_are_written_as_before(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [-1.5, None], "b": [1, -2], "c": [True, False]})
    write_csv(tmp_path / "a.csv", table, float_format="%.2f")
    expected = StringIO()
    table.to_csv(expected, index=False, float_format="%.2f")
    assert (tmp_path / "a.csv").read_text() == expected.getvalue()
