"""Lists without a header, and the annotations of Aff-Wild2."""

import pytest

from bimodal.errors import InputError
from tests.data.sources.layouts.conftest import Files, by, read


def test_lists_of_the_splits(files: Files) -> None:
    root = files("faces/a.jpg", "faces/b.JPG", "faces/c.jpg", "faces/d.jpg", "readme.txt=Some words, for the reader.")
    files("train.txt=faces/a.jpg happy\nfaces\\b.JPG sad\n", "val_list.txt=c.jpg,happy")
    source = read(root)
    assert source.kind == "lists"
    assert by(source.entries, "name", "label", "split") == [
        ("faces/a.jpg", "happy", "train"),
        ("faces/b.JPG", "sad", "train"),
        ("faces/c.jpg", "happy", "val"),
    ]
    assert [(problem.image, problem.problem) for problem in source.problems] == [("faces/d.jpg", "ignored")]


def test_a_list_as_the_source(files: Files) -> None:
    root = files("faces/a 1.jpg", "lists/all.txt=a 1.jpg\thappy\nb.jpg\tsad")
    source = read(root / "lists/all.txt", root=root)
    assert by(source.entries, "name", "label", "split") == [("faces/a 1.jpg", "happy", "")]
    assert [(problem.image, problem.detail) for problem in source.problems] == [("b.jpg", "no such file")]


def test_of_equal_file_names_the_path_decides(files: Files) -> None:
    root = files("x/ann/1.jpg", "x/bob/1.jpg", "list.txt=/home/me/x/bob/1.jpg happy\n../1.jpg sad\nann/1.jpg sad")
    source = read(root)
    assert by(source.entries, "name", "label") == [("x/bob/1.jpg", "happy"), ("x/ann/1.jpg", "sad")]
    assert [problem.image for problem in source.problems] == ["../1.jpg"]


def test_a_picture_that_is_listed_twice(files: Files) -> None:
    source = read(files("a.jpg", "list.txt=a.jpg happy\na.jpg sad"))
    assert by(source.entries, "label") == [("happy",)]
    assert [(problem.problem, problem.detail) for problem in source.problems] == [
        ("listed-twice", "sad in list.txt, line 2; happy before")
    ]


@pytest.mark.parametrize("line", ["a.jpg", "a.jpg 3 1", "a happy", "happy a.jpg", "x" + " " * 100_000 + "y"])
def test_other_lines(files: Files, line: str) -> None:
    with pytest.raises(InputError, match=r"list\.txt, line 2: expected a picture and a label"):
        read(files("a.jpg", f"list.txt=a.jpg 3\n{line}"))


def test_lists_without_their_pictures(files: Files) -> None:
    with pytest.raises(InputError, match=r"list\.txt names 1 picture \(a\.jpg\), none of which is in the folder"):
        read(files("b.jpg", "list.txt=a.jpg 3"))


EXPRESSIONS = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"


def test_aff_wild2(files: Files) -> None:
    root = files(
        *(f"cropped_aligned/{video}/{frame:05d}.jpg" for video in ("video1", "7-60-1920x1080") for frame in (1, 2, 4))
    )
    files(f"annotations/EXPR_Set/Train_Set/video1.txt={EXPRESSIONS}\n4\n-1\n3\n7\n")
    files(f"annotations/EXPR_Set/Validation_Set/7-60-1920x1080.txt={EXPRESSIONS}\n0\n6\n")
    source = read(root)
    assert source.kind == "aff-wild2"
    assert by(source.entries, "name", "label", "split", "group", "original_label") == [
        ("cropped_aligned/video1/00001.jpg", "Happiness", "train", "video1", "4"),
        ("cropped_aligned/video1/00004.jpg", "Other", "train", "video1", "7"),
        ("cropped_aligned/7-60-1920x1080/00001.jpg", "Neutral", "val", "7-60-1920x1080", "0"),
        ("cropped_aligned/7-60-1920x1080/00002.jpg", "Surprise", "val", "7-60-1920x1080", "6"),
    ]
    assert source.labels == {"other": "drop"}
    assert {problem.image for problem in source.problems} == {
        "cropped_aligned/video1/00002.jpg",
        "cropped_aligned/7-60-1920x1080/00004.jpg",
    }


@pytest.mark.parametrize("code", ["8", "-2", "happy", "1,2"])
def test_other_codes_than_those_of_aff_wild2(files: Files, code: str) -> None:
    with pytest.raises(InputError, match=r"video1\.txt, line 3: expected a code from -1 to 7"):
        read(files("video1/00001.jpg", f"Train_Set/video1.txt={EXPRESSIONS}\n4\n{code}"))
