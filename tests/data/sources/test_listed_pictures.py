import unicodedata
from pathlib import Path

import pytest

from bimodal.data.sources.listed_pictures import ListedPictures
from bimodal.data.sources.table import read_csv
from bimodal.errors import InputError

COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "Zoë.png"), unicodedata.normalize("NFD", "Zoë.png")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(folder: Path, listed: str) -> str:
    path, unclear = ListedPictures(folder, "hint").find(listed)
    return f"? {unclear}" if unclear else path.relative_to(folder).as_posix()


@pytest.mark.parametrize(
    ("file", "listed"),
    [
        ("happy/1.png", "happy/1.png"),
        ("happy/1.png", "./happy//1.png"),
        ("happy/1.png", r"happy\1.png"),
        ("happy/1.png", r".\happy\1.png"),
        ("happy/1.png", " happy/1.png\t"),
        ("happy/1.PNG", "happy/1.png"),
        ("Happy/1.jpg", "happy/1.JPG"),
        ("happy/1.jpg", "happy/1"),
        ("happy/1.jpg", r"HAPPY\1"),
        ("happy/a.b.jpg", "happy/a.b"),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        (DECOMPOSED, COMPOSED.upper()),
        (" a.png", " a.png"),
        (r"a\b.png", r"a\b.png"),
        ("happy/none.png", "happy/none.png"),
    ],
)
def test_other_spellings_are_found(tmp_path: Path, file: str, listed: str) -> None:
    assert found(touch(tmp_path, file), listed) == file


def test_the_exact_name_comes_first_and_several_others_are_unclear(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "A.png", "A.PNG", "b.jpg", "b.png", "c.txt", "c.jpg", "d.txt")
    assert found(tmp_path, "A.PNG") == "A.PNG"
    assert found(tmp_path, "a.Png") == "? several files fit: A.PNG, A.png, a.png"
    assert found(tmp_path, "b") == "? several files fit: b.jpg, b.png"
    assert found(tmp_path, "c") == "c.jpg"
    assert found(tmp_path, "d") == "d", "a text is no picture"
    assert found(tmp_path, "b.webp") == "b.webp", "another ending is another picture"


@pytest.mark.parametrize("listed", ["../a.png", r"..\a.png", "/etc/passwd", r"C:\faces\a.png", "a\0.png", "", " ", "."])
def test_no_path_leaves_the_folder(tmp_path: Path, listed: str) -> None:
    touch(tmp_path, "a.png", "in/b.png")
    with pytest.raises(InputError, match=r"hint|the path of the picture is empty"):
        found(tmp_path / "in", listed)


def test_two_spellings_of_a_picture_are_one(tmp_path: Path) -> None:
    touch(tmp_path, "Happy/A.png", "b.png", "c.jpg", "c.png")
    (tmp_path / "list.csv").write_text("image,label\nhappy/a,happy\nHAPPY\\A.PNG,sad\nb.png,sad\nc,sad\n")
    source = read_csv(tmp_path / "list.csv")
    assert [(entry.name, entry.label) for entry in source.entries] == [("Happy/A.png", "happy"), ("b.png", "sad")]
    assert [(problem.image, problem.problem) for problem in source.problems] == [
        ("Happy/A.png", "listed-twice"),
        ("c", "unreadable"),
    ]


def test_group_column_in_another_spelling(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "list.csv").write_text("Image;Label;Person ID\na.png;sad;Ann\n")
    assert [entry.group for entry in read_csv(tmp_path / "list.csv", group="person_id").entries] == ["Ann"]
