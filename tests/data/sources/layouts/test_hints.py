"""Folders without an emotion: the error says what they look like and what to do."""

import pytest

from bimodal.errors import InputError
from tests.data.sources.layouts.conftest import Files, read


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["aligned.zip"], "holds packed files (aligned.zip); unpack them first"),
        (["Actor_01/01-01-03-02-01-02-01.mp4"], "holds videos"),
        (["X_train.npy", "y_train.npy"], "holds arrays (X_train.npy, y_train.npy)"),
        (["train/images/1.png", "valid/images/2.png"], "YOLO, which has labels/*.txt beside it and a data.yaml, or of AffectNet"),
        (["aligned/train_00001_aligned.jpg"], "looks like RAF-DB without its labels; put EmoLabel/list_patition_label.txt"),
        (["FER2013Train/fer0000000.png"], "looks like FERPlus without its votes; put fer2013new.csv"),
        (["S010/004/S010_004_00000017.png"], "looks like CK+ without its labels; unpack Emotion_labels.zip"),
        (["img001_happy.jpg", "img002_sad.jpg"], "add --label-pattern '(?i)(happy|sad)'"),
        (["imgs/1.png", "labels.csv"], "the labels may be in labels.csv; give the table itself, such as bimodal prepare"),
        (["imgs/1.png", "labels.xlsx"], "the labels may be in labels.xlsx; save it as CSV"),
        (["happy_faces/1.png", "SadFaces/1.png", "misc/1.png"], "add --labels SadFaces=sad,happy_faces=happy,misc=drop"),
        (["freude/1.png", "wut/1.png"], "give the meaning of each folder, such as --labels freude=happy (or =drop)"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_hint(files: Files, names: list[str], message: str) -> None:
    root = files(*names)
    with pytest.raises(InputError) as caught:
        read(root)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "images=" not in str(caught.value)


def test_the_command_of_the_hint_works(files: Files) -> None:
    names = ["img001_happy.jpg", "img002_Sad.jpg", "img003.jpg"]
    source = read(files(*names), label_pattern="(?i)(happy|sad)")
    assert [entry.label for entry in source.entries] == ["happy", "Sad"]


def test_the_hint_names_the_folder_that_the_paths_of_a_table_are_relative_to(files: Files) -> None:
    """The set facial_expressions of muxspace has `images/` and `data/legend.csv`."""
    root = files("images/a_1.jpg", "data/legend.csv=user.id,image,emotion\n628,a_1.jpg,anger\n")
    with pytest.raises(InputError) as caught:
        read(root)
    assert str(caught.value).endswith(f"such as bimodal prepare {root}/data/legend.csv OUT --root {root}/images")
