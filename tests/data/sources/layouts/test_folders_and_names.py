"""Wrapper folders, emotions at any depth, and file names that show emotion and person."""

from pathlib import Path

import pytest

from bimodal.errors import InputError
from tests.data.sources.layouts.conftest import Files, by, read


@pytest.mark.parametrize(
    "prefix", ["archive/", "archive/archive/", "archive/data/archive/", "My Drive/faces (1)/"], ids=str
)
@pytest.mark.parametrize("split", ["", "train/", "train/train/"])
def test_lone_folders_are_entered(files: Files, prefix: str, split: str) -> None:
    source = read(
        files(f"{prefix}{split}happy/1.png", f"{prefix}{split}sad/2.png", "__MACOSX/happy/._1.png", "README.md")
    )
    name = "train" if split else ""
    assert by(source.entries, "name", "label", "split") == [
        (f"{prefix}{split}happy/1.png", "happy", name),
        (f"{prefix}{split}sad/2.png", "sad", name),
    ]
    assert {problem.image for problem in source.problems} == {"__MACOSX", "README.md"}


def test_a_lone_folder_that_the_user_names_is_a_class(files: Files) -> None:
    source = read(files("freude/session 1/1.png"), labels="freude=happy")
    assert by(source.entries, "label") == [("freude",)]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train_set", "train"),
        ("Val-Data", "val"),
        ("test_images", "test"),
        ("validation", "val"),
        ("train_afew", "train"),
        ("raf_test", "test"),
    ],
)
def test_names_of_splits(files: Files, folder: str, split: str) -> None:
    assert by(read(files(f"{folder}/0_angry/1.png")).entries, "label", "split") == [("angry", split)]


def test_duplicates_of_the_splits_in_the_archive_are_ignored(files: Files) -> None:
    """The Kaggle set "Face expression recognition dataset" holds `images/images` beside `images/train`."""
    source = read(
        files(*(f"images/{inner}{split}/happy/1.jpg" for inner in ("", "images/") for split in ("train", "validation")))
    )
    assert by(source.entries, "name", "split") == [
        ("images/train/happy/1.jpg", "train"),
        ("images/validation/happy/1.jpg", "val"),
    ]
    assert [problem.image for problem in source.problems] == ["images/images"]


def test_emotions_below_persons(files: Files) -> None:
    names = [f"data/P{person:03d}/{label}/1.jpg" for person in range(4) for label in ("Anger", "Happiness")]
    source = read(files(*names, "data/P000/extra.txt"))
    assert by(source.entries, "name", "label", "group")[2:4] == [
        ("data/P001/Anger/1.jpg", "Anger", "P001"),
        ("data/P001/Happiness/1.jpg", "Happiness", "P001"),
    ]
    assert source.name_groups == "4 folders above those of the emotions, such as 'P000'"


def test_emotions_below_views_are_no_persons(files: Files) -> None:
    source = read(files(*(f"{view}/{label}/1.jpg" for view in ("front", "left") for label in ("happy", "sad"))))
    assert set(by(source.entries, "label", "group")) == {("happy", ""), ("sad", "")}


@pytest.mark.parametrize(
    ("names", "kind", "labels", "persons"),
    [
        (("AF01/AF01HAS.JPG", "BF01/BF01ANFL.JPG", "AM07/AM07AFHR.JPG"), "KDEF", "happy angry afraid", "F01 F01 M07"),
        (("KA.HA1.29.tiff", "KL.SU3.160.tiff", "YM.FE2.10.tiff"), "JAFFE", "happy surprise fear", "KA KL YM"),
        (
            ("Rafd090_01_Caucasian_female_angry_frontal.jpg", "Rafd045_12_Moroccan_male_happy_left.jpg"),
            "RaFD",
            "angry happy",
            "01 12",
        ),
        (("004_o_m_a_a.jpg", "066_y_f_s_b.jpg"), "FACES", "angry sad", "004 066"),
        (("01F_AN_C.BMP", "45M_SP_O.BMP"), "NimStim", "angry surprise", "01F 45M"),
        (("CFD-WM-001-014-HO.jpg", "CFD-AF-200-228-N.jpg"), "Chicago Face Database", "happy neutral", "WM-001 AF-200"),
        (("subject01.happy", "subject02.wink", "subject03.normal"), "Yale faces", "happy wink neutral", "SUBJECT01 SUBJECT02 SUBJECT03"),
        (
            ("Actor_24/01-01-03-02-01-02-24_frame_10.png", "Actor_02/01-01-08-01-01-01-02.png"),
            "RAVDESS",
            "happy surprised",
            "24 02",
        ),
        (("1001_IEO_ANG_HI_0001.jpg", "1091_WSI_NEU_XX.jpg"), "CREMA-D", "angry neutral", "1001 1091"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)  # fmt: skip
def test_names_of_known_sets(files: Files, names: tuple[str, ...], kind: str, labels: str, persons: str) -> None:
    source = read(files(*(f"faces/{name}" for name in names)))
    assert source.kind == kind.casefold()
    found = {entry.name.removeprefix("faces/"): (entry.label, entry.group) for entry in source.entries}
    assert found == dict(zip(names, zip(labels.split(), persons.split(), strict=True), strict=True))


def test_yale_conditions_that_are_no_emotion_are_dropped(files: Files) -> None:
    assert read(files("subject01.happy", "subject01.wink", "subject01.glasses")).labels["wink"] == "drop"


def test_ravdess_keeps_the_number_as_the_original_label(files: Files) -> None:
    assert by(read(files("01-01-03-02-01-02-24.png")).entries, "original_label") == [("03",)]


def test_names_that_do_not_fit_are_reported(files: Files) -> None:
    names = [f"AF{number:02d}HAS.JPG" for number in range(10, 30)]
    source = read(files(*names, "group photo.jpg", "notes.txt"))
    assert len(source.entries) == 20
    assert {(problem.image, problem.problem) for problem in source.problems} == {
        ("group photo.jpg", "ignored"),
        ("notes.txt", "ignored"),
    }


@pytest.mark.parametrize(
    ("names", "person"),
    [
        ([f"happy/S{n:03d}_004_00000017.png" for n in range(5)], "S003"),  # CK+48
        ([f"happy/A{sex}{n:02d}HAS.JPG" for sex in "FM" for n in (1, 3)], "M03"),
        ([f"happy/{name}.HA1.1.tiff" for name in ("KA", "KL", "YM")], "KL"),
    ],
)
def test_persons_of_known_names_in_folders_of_emotions(files: Files, names: list[str], person: str) -> None:
    source = read(files(*names))
    assert person in {entry.group for entry in source.entries}
    assert source.name_groups.startswith(f"{len(names)} persons in the file names")


def test_label_pattern(files: Files) -> None:
    root = files("train/img001_wut.jpg", "val/img002_freude.jpg", "val/img003.jpg", "val/list.txt")
    source = read(root, label_pattern="_([a-z]+)$", labels="wut=angry,freude=happy")
    assert by(source.entries, "name", "label", "split") == [
        ("train/img001_wut.jpg", "wut", "train"),
        ("val/img002_freude.jpg", "freude", "val"),
    ]
    assert [(problem.image, problem.problem) for problem in source.problems] == [
        ("val/img003.jpg", "ignored"),
        ("val/list.txt", "ignored"),
    ]


def test_label_pattern_with_groups_from_names(files: Files) -> None:
    source = read(files("ann-happy-1.png", "ann-sad-2.png"), label_pattern="happy|sad", group="^[a-z]+")
    assert by(source.entries, "label", "group") == [("happy", "ann"), ("sad", "ann")]


@pytest.mark.parametrize(
    ("rule", "message"), [("(", "--label-pattern '\\(' is no regular"), ("q(z)", "such as 'a.png'")]
)
def test_bad_label_pattern(files: Files, rule: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(files("a.png"), label_pattern=rule)


def test_label_pattern_is_for_folders(tmp_path: Path) -> None:
    table = tmp_path / "faces.csv"
    table.write_text("image,label\na.png,happy\n")
    with pytest.raises(InputError, match="--label-pattern is for a folder"):
        read(table, label_pattern="x")
