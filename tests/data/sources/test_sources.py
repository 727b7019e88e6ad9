import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Source
from bimodal.data.sources.fer2013 import CODES
from bimodal.data.sources.read import read_source
from bimodal.errors import InputError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def read(path: Path, **options: Any) -> Source:
    return read_source(path, PrepareOptions(**options))


def by(entries: list[Entry], *fields: str) -> list[tuple[str, ...]]:
    return [tuple(getattr(entry, field) for field in fields) for entry in entries]


def test_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, "happy/b.png", "happy/a.JPG", "happy/deep/c.bmp", "Sad/d.png")
    touch(tmp_path, "happy/.hidden.png", "happy/notes.txt", ".git/x.png", "__MACOSX/happy/a.png", "list.csv")
    source = read(tmp_path)
    assert source.kind == "folders"
    assert by(source.entries, "name", "label", "split") == [
        ("Sad/d.png", "Sad", ""),
        ("happy/a.JPG", "happy", ""),
        ("happy/b.png", "happy", ""),
        ("happy/deep/c.bmp", "happy", ""),
    ]
    ignored = {problem.image for problem in source.problems}
    assert ignored == {"happy/.hidden.png", "happy/notes.txt", ".git", "__MACOSX", "list.csv"}


def test_split_folders(tmp_path: Path) -> None:
    touch(tmp_path, "train/happy/1.png", "Validation/happy/2.png", "TEST/sad/3.png", "extra/happy/4.png")
    source = read(tmp_path)
    assert source.kind == "folders"
    assert by(source.entries, "split", "label") == [("train", "happy"), ("val", "happy"), ("test", "sad")]
    assert [problem.image for problem in source.problems] == ["extra"]


@pytest.mark.parametrize("kind", ["", "_Aligned_Faces"])
def test_sfew(tmp_path: Path, kind: str) -> None:
    touch(tmp_path, f"Train{kind}/Angry/About_A_Boy_000310240_00000007.png", f"Val{kind}/Sad/Juno_001_12.png")
    touch(tmp_path, f"Test{kind}/unknown_1.png")
    source = read(tmp_path)
    assert source.kind == "sfew"
    assert not source.keep_groups_together
    assert by(source.entries, "label", "split", "group") == [("Angry", "train", "About_A_Boy"), ("Sad", "val", "Juno")]
    assert ("ignored", "a split without class folders") in {(p.problem, p.detail) for p in source.problems}


def test_aligned_faces_are_preferred_unless_prepare_aligns(tmp_path: Path) -> None:
    for kind in ("", "_Aligned_Faces"):
        touch(tmp_path, f"Train{kind}/Angry/A_1_1.png", f"Val{kind}/Sad/B_1_1.png")
    assert {entry.name.split("/")[0] for entry in read(tmp_path).entries} == {
        "Train_Aligned_Faces",
        "Val_Aligned_Faces",
    }
    assert {entry.name.split("/")[0] for entry in read(tmp_path, align=True).entries} == {"Train", "Val"}


def test_truth_of_a_drawn_set(tmp_path: Path) -> None:
    touch(tmp_path, "happy/1.png", "happy/2.png", "sad/3.png")
    (tmp_path / "truth.csv").write_text(
        "image,label,true_label,is_face\nhappy/1.png,happy,fear,1\nhappy/2.png,happy,,0\n"
    )
    assert by(read(tmp_path).entries, "true_label") == [("fear",), ("no face",), ("",)]


def test_groups_from_names(tmp_path: Path) -> None:
    touch(tmp_path, "happy/Ann_Lee_0001.png", "happy/Ann_Lee-2.png", "sad/s07_x.png", "sad/none.png")
    groups = [entry.group for entry in read(tmp_path, group="name-before-number").entries]
    assert groups == ["Ann_Lee", "Ann_Lee", "", ""]
    assert [entry.group for entry in read(tmp_path, group=r"^s(\d+)").entries] == ["", "", "", "07"]
    with pytest.raises(InputError, match="matches no file name"):
        read(tmp_path, group="zzz")
    with pytest.raises(InputError, match="regular expression"):
        read(tmp_path, group="(")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "no pictures found"),
        (("happy/a.txt",), "no pictures found"),
        (("a.png",), "move the pictures into a folder for each emotion"),
        (("train/x.png",), "move the pictures into a folder for each emotion"),
    ],
)
def test_no_classes(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_csv(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("image,label,split,group,person\nnan,happy,Training,film,Ann\nsub/../b.png,Sad,val,,Bob\n")
    source = read(table)
    assert source.kind == "table"
    assert by(source.entries, "name", "label", "split", "group") == [
        ("nan", "happy", "train", "film"),
        ("b.png", "Sad", "val", ""),
    ]
    assert source.entries[1].content == tmp_path / "b.png"
    assert by(read(table, group="person").entries, "group") == [("Ann",), ("Bob",)]
    assert by(read(table, group="^(b)").entries, "group") == [("",), ("b",)]


def test_csv_lists_a_picture_twice(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image,label\na.png,happy\n./a.png,sad\n")
    source = read(tmp_path / "list.csv")
    assert by(source.entries, "name", "label") == [("a.png", "happy")]
    assert [(p.image, p.problem, p.detail) for p in source.problems] == [
        ("a.png", "listed-twice", "sad in row 2, happy in row 1")
    ]


@pytest.mark.parametrize("image", ["../a.png", "/etc/passwd", "x/../../a.png", ".", "a\0b"])
def test_csv_paths_that_leave(tmp_path: Path, image: str) -> None:
    (tmp_path / "list.csv").write_text(f"image,label\n{image},happy\n")
    with pytest.raises(InputError, match=r"--root|CSV"):
        read(tmp_path / "list.csv")


def test_csv_root(tmp_path: Path) -> None:
    table, root = tmp_path / "a" / "list.csv", tmp_path / "pictures"
    root.mkdir()
    table.parent.mkdir()
    table.write_text(f"image,label\n{root}/1.png,happy\n2.png,happy\n")
    assert [entry.content for entry in read(table, root=root).entries] == [root / "1.png", root / "2.png"]
    table.write_text("image,label\n../a/list.csv,happy\n")
    with pytest.raises(InputError, match="put the pictures under it"):
        read(table, root=root)
    with pytest.raises(InputError, match="--root is for a list"):
        read(root, root=root)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image\na\n", "no column label"),
        ("name,feeling\na,b\n", "no column image and no label; it has the columns name, feeling"),
        ("a.png,happy\nb.png,sad\n", "its first line looks like a picture; put a line image,label before it"),
        ("image,label,split\na,happy,train\nb,happy,\n", "row 2: no split"),
        ("image,label,split\na,happy,later\n", "row 1: unknown split 'later'"),
    ],
)
def test_csv_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        read(tmp_path / "list.csv")


def fer(path: Path, rows: list[tuple[int, int, str]], header: str = "emotion,pixels,Usage") -> Path:
    lines = [header, *(f"{emotion},{' '.join([str(grey)] * 2304)},{usage}" for emotion, grey, usage in rows)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()) if path.suffix == ".gz" else "\n".join(lines).encode())
    return path


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013.csv.gz"])
def test_fer2013(tmp_path: Path, name: str) -> None:
    path = fer(tmp_path / name, [(code, 10 * code, "Training") for code in range(7)] + [(6, 200, "PrivateTest")])
    source = read(path)
    assert source.kind == "fer2013"
    assert source.drop_duplicates
    assert [entry.label for entry in source.entries] == [*CODES, "neutral"]
    assert CODES == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert Counter(entry.split for entry in source.entries) == {"train": 7, "test": 1}
    np.testing.assert_array_equal(source.entries[3].content, np.full((48, 48), 30, np.uint8))


def test_fer2013_columns_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "icml_face_data.csv"
    path.write_text("emotion, Usage, pixels\n3,PublicTest," + " ".join(["7"] * 2304) + "\n")
    assert by(read(path).entries, "label", "split", "name") == [("happy", "test", "fer0000000.png")]


VOTES = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


def test_ferplus(tmp_path: Path) -> None:
    path = fer(tmp_path / "f.csv", [(0, 1, "Training"), (3, 2, "Training"), (4, 3, "PublicTest"), (4, 4, "PublicTest")])
    votes = tmp_path / "fer2013new.csv"
    rows = ["Training,a,6,0,0,1,3,0,0,0,0,0", "Training,b,4,4,0,1,0,0,0,0,0,1", "PublicTest,c,0,0,0,1,0,0,0,9,0,0"]
    rows.append("PublicTest,,0,0,0,0,0,0,0,0,0,10")
    votes.write_text(VOTES + "\n".join(rows) + "\n")
    second = ["neutral", "undecided", "contempt", "NF"]
    source = read(path, votes=votes)
    assert [entry.second_opinion for entry in source.entries] == second
    assert by(source.entries, "label", "original_label") == [("angry", ""), ("happy", ""), ("sad", ""), ("sad", "")]
    source = read(path, votes=votes, label_from="ferplus")
    assert [entry.label for entry in source.entries] == second
    assert [entry.original_label for entry in source.entries] == ["angry", "happy", "sad", "sad"]
    assert set(source.labels) >= {"contempt", "undecided", "NF", "unknown"}

    votes.write_text(VOTES + "\n".join(rows[:3]) + "\n")
    with pytest.raises(InputError, match="expected the votes of"):
        read(path, votes=votes)
    votes.write_text(VOTES + "\n".join([*rows, rows[-1]]) + "\n")
    with pytest.raises(InputError, match="expected the votes of"):
        read(path, votes=votes)
    votes.write_text(VOTES + "\n".join([rows[2], *rows[1:]]) + "\n")
    with pytest.raises(InputError, match="differ at row 1"):
        read(path, votes=votes)
    votes.write_text(VOTES + "Training,a,many,0,0,1,3,0,0,0,0,0\n")
    with pytest.raises(InputError, match="whole numbers"):
        read(path, votes=votes)
    with pytest.raises(InputError, match="--votes"):
        read(path, label_from="ferplus")


@pytest.mark.parametrize(
    "pixels", ["1 2 3", "", " ".join(["1"] * 2303 + ["x"]), " ".join(["256"] * 2304), " ".join(["-1"] * 2304)]
)
def test_fer2013_reports_a_damaged_row(tmp_path: Path, pixels: str) -> None:
    path = fer(tmp_path / "f.csv", [(0, 1, "Training")])
    path.write_text(path.read_text() + f"\n3,{pixels},Training\n")
    source = read(path)
    assert len(source.entries) == 1
    assert [(p.image, p.problem) for p in source.problems] == [("fer0000001.png", "unreadable")]


@pytest.mark.parametrize("row", ["0,1,Later", "0,1", "0,1,Training,more", '0,"1'])
def test_fer2013_refused(tmp_path: Path, row: str) -> None:
    path = fer(tmp_path / "f.csv", [(0, 1, "Training")])
    path.write_text(path.read_text() + "\n" + row + "\n")
    with pytest.raises(InputError):
        read(path)


def pixel_table(path: Path, labels: list[str], header: str = "emotion,pixels") -> Path:
    return fer(path, [(label, grey, "Training") for grey, label in enumerate(labels, 20)], header)  # type: ignore[misc]


def test_fer2013_labels_of_the_user_apply_to_its_numbers(tmp_path: Path) -> None:
    path = pixel_table(tmp_path / "f.csv", ["0", "3", "6"], "emotion,pixels,Usage")
    assert [entry.label for entry in read(path, labels={"6": "sad"}).entries] == ["angry", "happy", "6"]
    assert [entry.label for entry in read(path, codes="bimodal").entries] == ["0", "3", "6"]


def test_fer2013_with_other_numbers_gets_no_meaning_unless_the_user_explains_them(tmp_path: Path) -> None:
    path = pixel_table(tmp_path / "ckextended.csv", ["0", "3", "7"], "emotion,pixels,Usage")
    assert [entry.label for entry in read(path).entries] == ["0", "3", "7"]
    assert [entry.label for entry in read(path, labels={"7": "drop"}).entries] == ["angry", "happy", "7"]


@pytest.mark.parametrize("header", ["emotion,pixels,Usage", "Label;Pixels;usage", "expression\tpixels\tUsage"])
def test_pixel_tables_with_words_and_other_delimiters(tmp_path: Path, header: str) -> None:
    path = pixel_table(tmp_path / "f.csv", ["Anger", "happiness"], "emotion,pixels,Usage")
    delimiter = next(each for each in ",;\t" if each in header)
    _, *rows = path.read_text().splitlines()
    path.write_bytes("\r\n".join([header, "", *(row.replace(",", delimiter) for row in rows), ""]).encode("utf-16"))
    assert by(read(path).entries, "label", "split") == [("Anger", "train"), ("happiness", "train")]


def test_pixel_table_without_usage_has_no_splits(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("emotion,pixels\n" + "".join(f"{code},{' '.join([str(code)] * 2304)}\n" for code in range(7)))
    source = read(path)
    assert by(source.entries, "label", "split") == [(name, "") for name in CODES]
    assert source.keep_groups_together


def test_pixel_table_with_a_chosen_column(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"emotion,second,pixels\n0,sad,{' '.join(['9'] * 2304)}\n")
    assert [entry.label for entry in read(path, label_column="Second").entries] == ["sad"]


def test_a_table_of_pictures_with_a_column_pixels_is_no_pixel_table(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("path,emotion,pixels\na.png,happy,2304\n")
    assert by(read(path).entries, "name", "label") == [("a.png", "happy")]


def test_columns_are_for_tables(tmp_path: Path) -> None:
    touch(tmp_path, "happy/1.png")
    with pytest.raises(InputError, match="--label-column is for a table"):
        read(tmp_path, label_column="emotion")


def test_fer2013_truncated_or_with_endless_lines(tmp_path: Path) -> None:
    path = fer(tmp_path / "f.csv.gz", [(0, grey, "Training") for grey in range(99)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="damaged"):
        read(path)
    path.write_bytes(gzip.compress(b"emotion,pixels,Usage\n0," + b"1 " * 50_000_000))
    with pytest.raises(InputError):
        read(path)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such source"):
        read(tmp_path / "none")
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\xff")
    with pytest.raises(InputError, match="not a CSV"):
        read(tmp_path / "x.png")
    touch(tmp_path, "happy/1.png")
    with pytest.raises(InputError, match="for FER2013"):
        read(tmp_path, votes=tmp_path / "x.png")


@pytest.mark.parametrize(
    ("name", "group"),
    [("Ann_Lee{person:c}_{number:04}", "Ann_Lee{person:c}"), ("S{person:03}_{number:03}_00000017", "S{person:03}")],
)
def test_names_show_groups(tmp_path: Path, name: str, group: str) -> None:
    people = [(person, number) for person in range(65, 80) for number in range(3)]
    touch(tmp_path, *(f"{('happy', 'sad')[n % 2]}/{name.format(person=p, number=n)}.png" for p, n in people))
    source = read(tmp_path)
    assert Counter(entry.group for entry in source.entries) == {group.format(person=p): 3 for p in range(65, 80)}
    assert source.name_groups.startswith("15 ")
    assert read(tmp_path, group="none") == source  # the groups are known, but prepare does not keep them together


@pytest.mark.parametrize(
    "names",
    [
        [f"{number:05}" for number in range(60)],
        [f"{prefix}_{number}" for prefix in ("img", "IMAGE", "happy", "Sadness", "dsc") for number in range(12)],
        [f"{number}_{k}" for number in range(20) for k in range(3)],
        [f"Ann{chr(97 + k % 9)}_{k}" for k in range(60)],  # 9 groups
        [f"Ann{chr(97 + k % 26)}{chr(97 + k // 26)}_{k}" for k in range(60)],  # each name once
        [f"Ann{chr(97 + max(0, k - 40))}_{k}" for k in range(60)],  # one group has two thirds
    ],
)
def test_implausible_groups_are_not_used(tmp_path: Path, names: list[str]) -> None:
    touch(tmp_path, *(f"happy/{name}.png" for name in names))
    source = read(tmp_path)
    assert {entry.group for entry in source.entries} == {""}
    assert source.name_groups == ""


def test_the_groups_of_a_csv_are_kept(tmp_path: Path) -> None:
    rows = [f"Ann{chr(97 + k % 12)}_{k}.png,happy" for k in range(36)]
    (tmp_path / "list.csv").write_text("image,label,group\n" + "".join(f"{row},g{k}\n" for k, row in enumerate(rows)))
    assert [entry.group for entry in read(tmp_path / "list.csv").entries] == [f"g{k}" for k in range(36)]
    (tmp_path / "list.csv").write_text("image,label\n" + "\n".join(rows) + "\n")
    assert len({entry.group for entry in read(tmp_path / "list.csv").entries}) == 12
