"""Data sets for YOLO: boxes as shares of the picture, and names in a YAML file."""

from pathlib import Path

import pytest
from PIL import Image

from bimodal.data.sources.layouts.tree import Tree
from bimodal.data.sources.layouts.yolo import YOLO
from bimodal.errors import InputError
from tests.data.sources.layouts.conftest import Files, by, read

NAMES = "data.yaml=train: ../train/images\nnc: 3\nnames: ['Anger', 'Happy', 'Sad']"


def picture(path: Path, size: tuple[int, int] = (200, 100), orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "gray").save(path, exif=exif)


@pytest.mark.parametrize("form", ["{split}/{kind}", "{kind}/{split}"])
def test_yolo(files: Files, form: str) -> None:
    root = files(NAMES)
    for split, lines in (("train", "1 0.5 0.5 0.25 0.5\n2 0.25 0.5 0.5 1"), ("valid", "0 0.5 0.5 1 1"), ("test", "")):
        picture(root / form.format(split=split, kind="images") / "a.1.jpg")
        files(f"{form.format(split=split, kind='labels')}/a.1.txt={lines or ' '}")
    source = read(root)
    assert source.kind == "yolo"
    assert set(by(source.entries, "label", "split", "original_label", "box")) == {
        ("Happy", "train", "1", (75, 25, 50, 50)),
        ("Sad", "train", "2", (0, 0, 100, 100)),
        ("Anger", "val", "0", (0, 0, 200, 100)),
    }
    assert [(problem.problem, problem.split, problem.detail) for problem in source.problems] == [
        ("ignored", "test", "no labelled face in labels/")
    ]


def test_boxes_are_of_the_upright_picture(files: Files) -> None:
    root = files(NAMES, "labels/a.txt=1 0.5 0.25 0.5 0.5")
    picture(root / "images/a.jpg", (200, 100), orientation=6)  # a quarter turn: 100 wide and 200 high
    assert by(read(root).entries, "box") == [((25, 0, 50, 100),)]


def test_polygons(files: Files) -> None:
    root = files(NAMES, "labels/a.txt=1 0.25 0.25 0.75 0.25 0.5 0.5")
    picture(root / "images/a.jpg")
    assert by(read(root).entries, "box") == [((50, 25, 100, 25),)]


def test_names_by_number_and_without_names(files: Files) -> None:
    root = files("labels/a.txt=1 0.5 0.5 1 1")
    picture(root / "images/a.jpg")
    assert by(read(root).entries, "label") == [("1",)]
    files("classes.txt=Anger\nHappy")
    assert by(read(root).entries, "label") == [("Happy",)]
    files("data.yaml=names:\n  0: Sad\n  1: Fear")
    assert by(read(root).entries, "label") == [("Fear",)]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("labels/a.txt=happy 0.5 0.5 1 1", "a.txt, line 1: expected a class and numbers from 0 to 1"),
        ("labels/a.txt=1 50 50 100 100", "a.txt, line 1: expected a class and numbers from 0 to 1"),
        ("labels/a.txt=1 0.5 nan 1 1", "a.txt, line 1: expected a class and numbers from 0 to 1"),
        ("labels/a.txt=1 0.5", "a.txt, line 1: expected a class and numbers from 0 to 1"),
        ("data.yaml=names: 7", "expected names: "),
        ("data.yaml=a: [", "is not YAML"),
        ("data.yaml=- 1", "expected names: "),
        ("data.yaml=a: &a [x]\nnames: [*a, *a]", "is not YAML"),
    ],
)
def test_other_files(files: Files, file: str, message: str) -> None:
    root = files("labels/a.txt=1 0.5 0.5 1 1", file)
    picture(root / "images/a.jpg")
    with pytest.raises(InputError, match=message):
        read(root)


def test_a_damaged_picture_is_a_problem(files: Files) -> None:
    root = files(NAMES, "labels/a.txt=1 0.5 0.5 1 1", "labels/b.txt=2 0.5 0.5 1 1", "images/b.jpg=no picture")
    picture(root / "images/a.jpg")
    source = read(root)
    assert by(source.entries, "name") == [("images/a.jpg",)]
    assert [(problem.image, problem.problem) for problem in source.problems] == [("images/b.jpg", "unreadable")]


def test_folders_of_emotions_with_images_and_labels_in_their_names_are_no_yolo(files: Files) -> None:
    assert not YOLO.recognise(Tree.of(files("happy/images/1.png", "sad/images/2.png", "labels/notes.txt")))
