"""Layouts from public reports and Kaggle, in small: each is read with the right labels, or refused with what to do."""

import pytest

from bimodal.errors import InputError
from tests.data.sources.layouts.conftest import Files, by, read


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(
            ["data/raf-db/train/1/train_00001_aligned.jpg", "data/raf-db/valid/4/test_0001_aligned.jpg"],
            [("surprise", "train"), ("happiness", "test")],
            id="Talented-Q/POSTER_V2 issue 25: RAF-DB in folders of codes",
        ),
        pytest.param(
            ["face/train_afew/Angry/000046280/001.jpg", "face/val_afew/Fear/000104160/001.jpg"],
            [("Angry", "train"), ("Fear", "val")],
            id="Open-Debin/Emotion-FAN: frames of AFEW",
        ),
        pytest.param(
            ["train/0_frustrated/1.png", "train/3_happy/2.png", "test/5_surprise/3.png"],
            [("surprise", "test"), ("0_frustrated", "train"), ("happy", "train")],
            id="plusoneee/revgrad-learningemotion: numbers before the names",
        ),
        pytest.param(
            ["MMAFEDB/train/angry/1.jpg", "MMAFEDB/valid/sad/2.jpg", "MMAFEDB/test/happy/3.jpg"],
            [("happy", "test"), ("angry", "train"), ("sad", "val")],
            id="MMA-FED of Kaggle",
        ),
        pytest.param(
            ["dataset/dataset/neutrality/1.jpg", "dataset/dataset/happiness/2.jpg"],
            [("happiness", ""), ("neutrality", "")],
            id="Natural Human Face Images of Kaggle",
        ),
        pytest.param(
            ["001/happiness/take000/img_0001.jpg", "002/anger/take000/img_0001.jpg"],
            [("happiness", ""), ("anger", "")],
            id="MUG: subject, emotion, take",
        ),
        pytest.param(
            ["processed/train/anger/1.jpg", "processed/val/contempt/2.jpg", "processed/train.csv=a,b"],
            [("anger", "train"), ("contempt", "val")],
            id="UTS-SSTC/Facial-Emotion-Recognition-HCI: splits with CSV files beside them",
        ),
        pytest.param(["suprise/1.jpg", "fearful/2.jpg"], [("fearful", ""), ("suprise", "")], id="misspelt folders"),
        pytest.param(
            ["images/image_2.jpg", "images/image_3.jpg", "train.txt=image_2.jpg 2\nimage_3.jpg 1"],
            [("2", "train"), ("1", "train")],
            id="IvonaTau/emotionaldan issue 1: a list without a header",
        ),
        pytest.param(
            ["images/FER2013Train/fer0000000.png", "images/FER2013Train/label.csv=fer0000000.png,box,4,0,0,6,0,0,0,0,0,0"],
            [("sadness", "train")],
            id="joh-fischer/emotion-recognition-CNN: FERPlus below images/",
        ),
    ],
)  # fmt: skip
def test_read(files: Files, names: list[str], expected: list[tuple[str, str]]) -> None:
    assert sorted(by(read(files(*names)).entries, "label", "split")) == sorted(expected)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(
            ["Image/aligned/train_00001_aligned.jpg", "EmoLabel/list_patition_label.txt=train_00001.jpg 4 1"],
            "line 1: expected a picture and a code from 1 to 7",
            id="hangyu94/Ada-CM issue 5: the list of RAF-DB with other codes and a third number",
        ),
        pytest.param(
            ["data/train/images/1.jpg", "data/train/images/2.jpg"],
            "give the whole data set, or a CSV with the columns image,label",
            id="SainingZhang/DDAMFN issue 18: AffectNet's images/, which other tools read as one class",
        ),
        pytest.param(
            ["img001_anger.jpg", "img002_happiness.jpg"],
            "add --label-pattern '(?i)(anger|happiness)'",
            id="revqx/fer-cvdl-practical: RAF-DB with labels in the names",
        ),
        pytest.param(
            ["images/a.jpg", "data/legend.csv=user.id,image,emotion\n628,a.jpg,anger"],
            "/data/legend.csv OUT --root ",
            id="muxspace/facial_expressions: legend.csv beside images/",
        ),
        pytest.param(
            ["cohn-kanade-images/S010/001/S010_001_00000001.png", "cohn-kanade-images/S011/001/S011_001_00000001.png"],
            "looks like CK+ without its labels",
            id="Tathagatd96/Facial-Emotion-Recognition-using-Machine-Learning issue 2: CK+ without Emotion/",
        ),
    ],
)
def test_refused(files: Files, names: list[str], message: str) -> None:
    root = files(*names)
    with pytest.raises(InputError) as caught:
        read(root)
    assert message in str(caught.value)
