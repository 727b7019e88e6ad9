from pathlib import Path

import pandas as pd
import pytest

from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from tests.data.conftest import Noise


def lost(folder: Path) -> Path:
    folder.mkdir()
    (folder / "bad.png").write_text("no picture")
    (folder / "list.csv").write_text("image,label\n=1.png,happy\nb.png,sad\nbad.png,sad\n")
    return folder / "list.csv"


def test_the_first_reasons_are_quoted_and_all_are_written_beside_out(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        prepare(lost(tmp_path / "s"), tmp_path / "data")
    text = str(error.value)
    assert "found no readable picture; 3 pictures left out: =1.png (unreadable: " in text
    assert "bad.png (unreadable: " in text
    assert f"{tmp_path / 'data'}-problems.csv lists all" in text
    assert not (tmp_path / "data").exists()
    table = pd.read_csv(tmp_path / "data-problems.csv", keep_default_na=False)
    assert table["image"].tolist() == ["'=1.png", "b.png", "bad.png"]
    assert table["problem"].tolist() == ["unreadable"] * 3


def test_a_table_of_an_earlier_call_is_replaced_but_no_other_file(tmp_path: Path) -> None:
    source, table = lost(tmp_path / "s"), tmp_path / "data-problems.csv"
    table.write_text("image,split,problem,detail,action\nold\n")
    with pytest.raises(InputError, match="lists all"):
        prepare(source, tmp_path / "data")
    assert "old" not in table.read_text()
    table.write_text("my own notes\n")
    with pytest.raises(InputError, match="3 pictures left out") as error:
        prepare(source, tmp_path / "data")
    assert "lists all" not in str(error.value)
    assert table.read_text() == "my own notes\n"


def test_no_table_is_written_if_nothing_was_left_out(tmp_path: Path, noise: Noise) -> None:
    noise(tmp_path / "s" / "happy" / "1.png", 1)
    with pytest.raises(InputError, match=r"expected at least two emotions in .* found happy$"):
        prepare(tmp_path / "s", tmp_path / "data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]


@pytest.mark.parametrize("is_edited", [False, True])
def test_a_later_success_deletes_the_table_unless_it_was_edited(tmp_path: Path, noise: Noise, is_edited: bool) -> None:
    source, table = lost(tmp_path / "s"), tmp_path / "data-problems.csv"
    with pytest.raises(InputError, match="lists all"):
        prepare(source, tmp_path / "data")
    if is_edited:
        table.write_text(table.read_text() + "my,own,line,,\n")
    for number in range(20):
        noise(tmp_path / "faces" / ("happy", "sad")[number % 2] / f"{number}.png", number)
    prepare(tmp_path / "faces", tmp_path / "data", val_share=0.2, test_share=0.2)
    left = {path.name for path in tmp_path.iterdir()} - {"s", "faces", "data"}
    assert left == ({"data-problems.csv"} if is_edited else set())


def test_a_table_that_bimodal_did_not_write_stays(tmp_path: Path, noise: Noise) -> None:
    for number in range(20):
        noise(tmp_path / "faces" / ("happy", "sad")[number % 2] / f"{number}.png", number)
    (tmp_path / "data-problems.csv").write_text("image,split,problem,detail,action\n")
    prepare(tmp_path / "faces", tmp_path / "data", val_share=0.2, test_share=0.2)
    assert (tmp_path / "data-problems.csv").exists()
