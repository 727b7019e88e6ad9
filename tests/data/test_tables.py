import logging
from pathlib import Path

import pytest

from bimodal.data import tables
from bimodal.data.table_columns import name_columns
from bimodal.data.tables import read_table
from bimodal.errors import InputError

ROWS = [["Zoë/1.png", "happy"], ["Jürgen.png", "sad"]]
TEXT = "image,label\n" + "".join(f"{image},{label}\n" for image, label in ROWS)


def rows_of(path: Path) -> list[list[str]]:
    return read_table(path, ("image", "label"))[["image", "label"]].to_numpy().tolist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_form_that_programs_save_gives_the_same(
    tmp_path: Path, encoding: str, delimiter: str, newline: str
) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT.replace(",", delimiter).replace("\n", newline).encode(encoding))
    assert rows_of(tmp_path / "a.csv") == ROWS


@pytest.mark.parametrize(
    "text",
    [
        TEXT.removesuffix("\n"),
        TEXT + ",\n",
        TEXT + "\n \n ,\t\n",
        "\n\n" + TEXT,
        TEXT.replace("image,label", " Image , LABEL "),
        TEXT.replace("\n", ",,\n"),
        TEXT.replace("image,label", "image,label,,"),
        "sep=,\n" + TEXT,
        "sep=;\r\n" + TEXT.replace(",", ";"),
        '"sep=;"\r\n' + TEXT.replace(",", ";"),
        TEXT.replace("image,label", '"image","label"').replace("Jürgen.png", '"Jürgen.png"'),
        ",image,label\n" + "".join(f"{number},{image},{label}\n" for number, (image, label) in enumerate(ROWS)),
        "image;label;note\nZoë/1.png;happy;0,5 or 0,25, as measured\nJürgen.png;sad;\n",
        "image,label,note\nZoë/1.png,happy,a; b; c; d\nJürgen.png,sad\n",
    ],
)
def test_blanks_empty_rows_and_further_columns(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8", newline="")
    assert rows_of(tmp_path / "a.csv") == ROWS


def test_windows_encoding_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT.encode("cp1252"))
    with caplog.at_level(logging.INFO, "bimodal"):
        rows_of(tmp_path / "a.csv")
    assert "a.csv is not UTF-8, and is read as Windows-1252" in caplog.text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"image,label\n", "lists no pictures"),
        (b"image,label\n,\n\n", "lists no pictures"),
        (b"image,label\na.png,b,c\n", "row 1: 3 cells for 2 columns; put a cell that contains ',' between quotation"),
        (b'image,label\n"a.png,happy\n', "a quotation mark is not closed"),
        (b'image,label\n"a.png,happy', "a quotation mark is not closed"),
        (b"image,label\na" + b"a" * 200_000 + b",happy\n", "is not a CSV file: field larger"),
        (b"image,label\na\0.png,happy\n", "UTF-8, UTF-16 or Windows-1252: it holds bytes that are 0"),
        (b"image,label\na\x81.png,happy\n", "UTF-8, UTF-16 or Windows-1252: byte 13"),
        (b"\xef\xbb\xbfimage,label\na\xfc.png,happy\n", "it begins like UTF-8 and is not"),
        (b"\xff\xfei\0m\0a", "it begins like UTF-16 and is not"),
        (b"PK\x03\x04\0\0", "is an Excel or zip file, not a CSV file; save it as CSV UTF-8"),
        (b"a," * 2000 + b"a\nb\n", "columns: expected a table"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=says) as error:
        rows_of(tmp_path / "a.csv")
    assert "\n" not in str(error.value)


def test_rows_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text(TEXT)
    monkeypatch.setattr(tables, "MAX_ROWS", 1)
    with pytest.raises(InputError, match="more than 1 rows"):
        rows_of(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["image", "label"], ["image", "label"]),
        (["Image", "LABEL "], ["image", "label"]),
        (["filename", "emotion"], ["image", "label"]),
        (["file_name", "expression", "Split"], ["image", "label", "split"]),
        (["subDirectory_filePath", "face_x", "expression"], ["image", "face_x", "label"]),
        (["", "pth", "label"], ["", "image", "label"]),
        (["path", "filename", "choice"], ["path", "image", "label"]),
        (["image", "Image", "label"], ["image", "Image", "label"]),
        (["image", "emotion", "label", "expression"], ["image", "emotion", "label", "expression"]),
    ],
)
def test_columns_under_usual_names(found: list[str], expected: list[str]) -> None:
    assert name_columns(found, ("image", "label"), "a.csv") == expected


@pytest.mark.parametrize(
    ("found", "chosen", "says"),
    [
        (["picture", "emotion", "expression"], {}, "both expression and emotion could be the labels; choose one"),
        (["image", "image", "label"], {}, "a.csv has 2 columns image; rename all but one"),
        (["image", "mood"], {}, "no column label; it has the columns image, mood: rename one of them, or choose with"),
        (
            ["image", "mood"],
            {"label": "moods"},
            "--label-column: a.csv has no column 'moods'; it has the columns image, m",
        ),
        (["image", "mood"], {"label": "image", "image": "image"}, "one column cannot be label and image"),
    ],
)
def test_columns_that_are_not_clear(found: list[str], chosen: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        name_columns(found, ("image", "label"), "a.csv", chosen)


def test_a_synonym_is_told_and_a_chosen_column_wins(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "bimodal"):
        assert name_columns(["filename", "label"], ("image", "label"), "a.csv") == ["image", "label"]
    assert caplog.messages == ["a.csv: the column filename is read as image"]
    chosen = {"label": "Emotion", "image": "b"}
    assert name_columns(["image", "b", "label", "emotion"], ("image", "label"), "a.csv", chosen) == [
        "image (2)",
        "image",
        "label (2)",
        "label",
    ]
