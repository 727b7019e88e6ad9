"""Data sets whose labels are in lists: RAF-DB, ExpW, FERPlus, AffectNet, CK+, Oulu-CASIA."""

from pathlib import Path

import numpy as np
import pytest

from bimodal.data.sources.layouts.affectnet import read_code
from bimodal.errors import InputError
from tests.data.sources.layouts.conftest import Files, by, read


def raf_db(files: Files, content: str = "train_00001.jpg 5\ntrain_00002.jpg 4\ntest_0001.jpg 1\n") -> Path:
    names = ("train_00001", "train_00002", "test_0001")
    files(*(f"RAF-DB/basic/Image/aligned/{name}_aligned.jpg" for name in names))
    files(*(f"RAF-DB/basic/Image/original/{name}.jpg" for name in names))
    return files(f"RAF-DB/basic/EmoLabel/list_patition_label.txt={content}")


@pytest.mark.parametrize(
    ("align", "ending"), [(False, "aligned/train_00001_aligned.jpg"), (True, "original/train_00001.jpg")]
)
def test_raf_db(files: Files, align: bool, ending: str) -> None:
    source = read(raf_db(files), align=align)
    assert source.kind == "raf-db"
    assert by(source.entries, "label", "split", "original_label") == [
        ("sadness", "train", "5"),
        ("happiness", "train", "4"),
        ("surprise", "test", "1"),
    ]
    assert source.entries[0].name.endswith(f"basic/Image/{ending}")
    assert not source.problems


def test_raf_db_from_kaggle(files: Files) -> None:
    root = files("DATASET/train/5/train_00001_aligned.jpg", "DATASET/test/1/test_0002_aligned.jpg")
    files("train_labels.csv=image,label\ntrain_00001_aligned.jpg,5\n")
    assert by(read(root).entries, "label", "split", "original_label") == [
        ("surprise", "test", "1"),
        ("sadness", "train", "5"),
    ]


def test_codes_of_a_known_layout_are_not_the_users(files: Files) -> None:
    with pytest.raises(InputError, match="has the layout of RAF-DB, whose labels are known; leave --codes out"):
        read(raf_db(files), codes="affectnet")


def test_number_folders_of_unknown_sets_keep_their_numbers(files: Files) -> None:
    assert by(read(files("train/5/a.jpg", "train/1/b.jpg")).entries, "label") == [("1",), ("5",)]


@pytest.mark.parametrize(
    "line",
    [
        "train_00001.jpg 0",
        "train_00001.jpg 8",
        "train_00001.jpg",
        "../../etc/passwd 5",
        "x 5",
        "train_00001.jpg 4 1",
        "train_00001.jpg\ttrain\t5",
    ],
)
def test_other_lines_in_the_list_of_raf_db(files: Files, line: str) -> None:
    with pytest.raises(InputError, match=r"list_patition_label.txt, line 2: expected a picture and a code from 1 to 7"):
        read(raf_db(files, f"train_00002.jpg 4\n{line}\n"))


def test_raf_db_with_packed_pictures(files: Files) -> None:
    root = files("basic/EmoLabel/list_patition_label.txt=train_00001.jpg 5", "basic/Image/aligned.zip")
    with pytest.raises(InputError, match=r"none of which is in the folder; unpack Image/aligned.zip"):
        read(root)


def test_raf_db_reports_absent_and_unlisted_pictures(files: Files) -> None:
    root = raf_db(files, "train_00001.jpg 5\ntrain_00009.jpg 4\n")
    problems = {(problem.image, problem.problem) for problem in read(root).problems}
    assert ("train_00009.jpg", "unreadable") in problems
    assert ("RAF-DB/basic/Image/aligned/train_00002_aligned.jpg", "ignored") in problems
    assert not any("train_00001" in image for image, _ in problems)


def test_raf_db_compound_emotions(files: Files) -> None:
    with pytest.raises(InputError, match="compound emotions"):
        read(files("compound/EmoLabel/list_patition_label.txt=train_00001.jpg 11", "compound/Image/aligned/a.jpg"))


def test_expw_has_an_entry_for_each_face(files: Files) -> None:
    root = files("image/origin/a_1.jpg", "image/origin/b.jpg", "image/origin/c.jpg")
    files(
        "label/label.lst=a_1.jpg 0 10 20 60 80 91.5 3\na_1.jpg 1 0 5 15 12 50.1 0\nb.jpg 0 1 2 3 4 5 6\nd.jpg 0 1 2 3 4 5 6\n"
    )
    source = read(root)
    assert by(source.entries, "name", "label", "original_label", "box") == [
        ("image/origin/a_1.jpg", "happy", "3", (20, 10, 40, 70)),
        ("image/origin/a_1.jpg", "angry", "0", (5, 0, 10, 12)),
        ("image/origin/b.jpg", "neutral", "6", (2, 1, 1, 3)),
    ]
    assert [(problem.image, problem.problem) for problem in source.problems] == [
        ("d.jpg", "unreadable"),
        ("image/origin/c.jpg", "ignored"),
    ]


@pytest.mark.parametrize("line", ["a.jpg 0 1 2 3 4 5 7", "a.jpg 0 1 2 nan 4 5 6", "a.jpg 3", "0 1 2 3 4 5 6"])
def test_other_lines_in_label_lst(files: Files, line: str) -> None:
    with pytest.raises(InputError, match=r"label.lst, line 1: expected picture, face, top, left"):
        read(files("a.jpg", f"label.lst={line}"))


FERPLUS_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


@pytest.mark.parametrize("lists", ["a list for each folder", "fer2013new.csv"])
def test_ferplus_folders(files: Files, lists: str) -> None:
    root = files(
        "data/FER2013Train/fer0000000.png", "data/FER2013Valid/fer0028638.png", "data/FER2013Test/fer0032220.png"
    )
    if lists == "fer2013new.csv":
        rows = ["Training,fer0000000.png,4,0,0,6,0,0,0,0,0,0", "Training,,0,0,0,0,0,0,0,0,0,10",
                "PublicTest,fer0028638.png,0,0,0,0,0,0,0,9,1,0", "PrivateTest,fer0032220.png,0,9,0,1,0,0,0,0,0,0"]  # fmt: skip
        files("\n".join([f"fer2013new.csv={FERPLUS_HEADER}", *rows]))
    else:
        files('data/FER2013Train/label.csv=fer0000000.png,"(0, 0, 48, 48)",4,0,0,6,0,0,0,0,0,0')
        files('data/FER2013Valid/label.csv=fer0028638.png,"(0, 0, 48, 48)",0,0,0,0,0,0,0,9,1,0')
        files('data/FER2013Test/label.csv=fer0032220.png,"(0, 0, 48, 48)",0,9,0,1,0,0,0,0,0,0')
    source = read(root)
    assert set(by(source.entries, "name", "label", "split", "votes")) == {
        ("data/FER2013Train/fer0000000.png", "sadness", "train", "sadness:6 neutral:4"),
        ("data/FER2013Valid/fer0028638.png", "contempt", "val", "contempt:9 unknown:1"),
        ("data/FER2013Test/fer0032220.png", "happiness", "test", "happiness:9 sadness:1"),
    }
    assert source.labels["contempt"] == "drop"
    assert source.drop_duplicates


@pytest.mark.parametrize(
    "row", ["fer0.png,box,1,2", "fer0.png,box,4,0,0,6,0,0,0,0,0,x", "fer0.png,b,4,0,0,-6,0,0,0,0,0,0"]
)
def test_other_rows_in_the_lists_of_ferplus(files: Files, row: str) -> None:
    with pytest.raises(InputError, match=r"label.csv, line 1: expected a picture, its box and 10 numbers of votes"):
        read(files("FER2013Train/fer0.png", f"FER2013Train/label.csv={row}"))


def test_affectnet(files: Files) -> None:
    codes = {"train_set": {"0": "1", "1": "7", "2": "8"}, "val_set": {"3": "0"}}
    for split, pictures in codes.items():
        for name, code in pictures.items():
            root = files(f"{split}/images/{name}.jpg", f"{split}/annotations/{name}_exp.npy")
            np.save(root / split / "annotations" / f"{name}_exp.npy", np.array(code))
            np.save(root / split / "annotations" / f"{name}_aro.npy", np.array("0.5"))
    files("val_set/images/9.jpg")
    source = read(root)
    assert by(source.entries, "name", "label", "split", "original_label") == [
        ("train_set/images/0.jpg", "happiness", "train", "1"),
        ("train_set/images/1.jpg", "contempt", "train", "7"),
        ("train_set/images/2.jpg", "none", "train", "8"),
        ("val_set/images/3.jpg", "neutral", "val", "0"),
    ]
    assert source.labels["none"] == "drop"
    assert [(problem.image, problem.detail) for problem in source.problems] == [
        ("val_set/images/9.jpg", "no annotation *_exp.npy")
    ]


@pytest.mark.parametrize("array", [np.array("4"), np.array([4]), np.array(4.0), np.array(b"4"), np.array(4, np.uint8)])
def test_codes_of_affectnet(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "0_exp.npy", array)
    assert read_code(tmp_path / "0_exp.npy") == "4"


@pytest.mark.parametrize(
    "array", [np.array("11"), np.array(1.5), np.array(np.nan), np.array("happy"), np.arange(3), np.array(None)]
)
def test_other_arrays_than_codes_of_affectnet(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "0_exp.npy", array)  # np.array(None) is saved as a pickle
    with pytest.raises(InputError, match="expected a number from 0 to 10"):
        read_code(tmp_path / "0_exp.npy")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"x" * 5000,
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999,), }",
        b"\x93NUMPY\x01\x00\x08\x00{'descr'",
    ],
    ids=["empty", "cut", "large", "a shape of 80 GB", "a cut header"],
)
def test_hostile_files_of_affectnet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0_exp.npy").write_bytes(content)
    with pytest.raises(InputError, match="expected a number from 0 to 10"):
        read_code(tmp_path / "0_exp.npy")


def test_a_damaged_annotation_is_a_problem(files: Files) -> None:
    root = files("images/0.jpg", "images/1.jpg", "annotations/0_exp.npy", "annotations/1_exp.npy")
    np.save(root / "annotations/0_exp.npy", np.array("4"))
    source = read(root)
    assert by(source.entries, "name", "label") == [("images/0.jpg", "fear")]
    assert [(problem.image, problem.problem) for problem in source.problems] == [("images/1.jpg", "ignored")]


def test_ckplus(files: Files) -> None:
    names = [
        f"cohn-kanade-images/S{person:03d}/001/S{person:03d}_001_{frame:08d}.png"
        for person in (5, 10, 11)
        for frame in range(1, 6)
    ]
    root = files(*names, "cohn-kanade-images/S005/002/S005_002_00000001.png")
    for person, code in ((5, 3), (10, 7), (11, 2)):
        files(f"Emotion/S{person:03d}/001/S{person:03d}_001_00000005_emotion.txt=   {code:.7e}")
    source = read(root)
    assert by(source.entries, "label", "group", "original_label") == [
        *[("disgust", "S005", "3")] * 3,
        *[("surprise", "S010", "7")] * 3,
        *[("contempt", "S011", "2")] * 3,
    ]
    assert source.entries[0].name.endswith("S005_001_00000003.png")
    assert [problem.image for problem in source.problems] == ["cohn-kanade-images/S005/002/S005_002_00000001.png"]
    assert source.name_groups == "3 persons in CK+'s file names, such as 'S005'"


@pytest.mark.parametrize("content", ["9.0000000e+00", "nan", "1 2", "happy", "2.5"])
def test_other_codes_than_those_of_ckplus(files: Files, content: str) -> None:
    with pytest.raises(InputError, match="expected a code from 0 to 7"):
        read(files("S005_001_00000001.png", f"S005_001_00000001_emotion.txt={content}"))


def test_oulu_casia(files: Files) -> None:
    root = files(
        *(f"OriginalImg/VL/Strong/P{person:03d}/Anger/{frame:03d}.jpeg" for person in (1, 2, 3) for frame in range(5))
    )
    source = read(root)
    assert by(source.entries, "name", "label", "group")[:4] == [
        ("OriginalImg/VL/Strong/P001/Anger/002.jpeg", "Anger", "P001"),
        ("OriginalImg/VL/Strong/P001/Anger/003.jpeg", "Anger", "P001"),
        ("OriginalImg/VL/Strong/P001/Anger/004.jpeg", "Anger", "P001"),
        ("OriginalImg/VL/Strong/P002/Anger/002.jpeg", "Anger", "P002"),
    ]
