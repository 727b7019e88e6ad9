"""A drawn set: its counts, its wrong and true labels, and its difficulty."""

import hashlib
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bimodal.data.sampling import SFEW
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.synthetic.dataset import NO_FACE, DrawnSet, class_counts, draw_set, write_set
from bimodal.synthetic.photograph import Difficulty, draw_face


def largest_remainder(count: int) -> list[int]:
    """Apportion in exact fractions; a class whose share is less than one gets one first."""
    exact = [Fraction(share * count, sum(SFEW["train"])) for share in SFEW["train"]]
    seats = [int(share) for share in exact]
    order = sorted(range(len(exact)), key=lambda i: (seats[i] - exact[i], i))
    for i in order[: count - sum(seats)]:
        seats[i] += 1
    return seats


@pytest.mark.parametrize("count", [18, 60, 100, 215, 216, 400, 890, 891, 1500])
def test_class_counts_are_those_of_the_largest_remainder(count: int) -> None:
    assert class_counts(count).tolist() == largest_remainder(count)


def test_every_class_has_a_face_and_the_counts_add_up() -> None:
    for count in range(7, 200):
        counts = class_counts(count)
        assert counts.sum() == count
        assert counts.min() >= 1


def digest(drawn: DrawnSet) -> str:
    parts = (drawn.images, drawn.given, drawn.true, drawn.is_face)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def test_a_seed_draws_the_same_bytes_in_another_process() -> None:
    here = digest(draw_set(24, no_face=0.1, seed=5, size=48))
    code = (
        "import hashlib; from bimodal.synthetic.dataset import draw_set; d = draw_set(24, no_face=0.1, seed=5, size=48);"
        "parts = (d.images, d.given, d.true, d.is_face);"
        "print(hashlib.sha256(b''.join(p.tobytes() for p in parts)).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert there == here
    assert digest(draw_set(24, no_face=0.1, seed=6, size=48)) != here


def test_a_picture_depends_on_its_place_and_emotion_not_on_the_set() -> None:
    few, many = draw_set(20, seed=3, size=32), draw_set(50, wrong=0.5, seed=3, size=32)
    same = np.flatnonzero(few.true == many.true[:20])
    assert len(same) > 0
    np.testing.assert_array_equal(few.images[same], many.images[same])


def test_streams_and_places_share_no_picture() -> None:
    images = np.concatenate([draw_set(20, seed=3, size=32, stream=stream).images for stream in (0, 1, 2)])
    assert len({image.tobytes() for image in images}) == 60


@pytest.mark.parametrize("wrong", [0.0, 0.1, 0.9])
def test_the_requested_share_of_faces_has_wrong_labels(wrong: float) -> None:
    drawn = draw_set(130, wrong=wrong, no_face=0.04, seed=1, size=32)
    faces = drawn.is_face
    assert (~faces).sum() == 5
    assert (drawn.true[~faces] == NO_FACE).all()
    assert np.bincount(drawn.true[faces], minlength=7).tolist() == class_counts(125).tolist()
    assert (drawn.given != drawn.true)[faces].sum() == round(wrong * 125)
    assert set(drawn.given.tolist()) <= set(range(7))
    if wrong == 0.9:  # every other label is given, to within chance
        shifts = np.bincount((drawn.given - drawn.true)[faces & (drawn.given != drawn.true)] % 7, minlength=7)
        assert shifts[0] == 0
        assert shifts[1:].min() >= 5


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"count": 6}, "got 6"),
        ({"count": 10**9}, "got 1000000000"),
        ({"wrong": -0.1}, "got -0.1"),
        ({"wrong": 0.91}, "got 0.91"),
        ({"wrong": float("nan")}, "got nan"),
        ({"no_face": 0.6}, "got 0.6"),
        ({"seed": -1}, "got -1"),
        ({"size": 31}, "got 31"),
        ({"size": 513}, "got 513"),
        ({"val": 3}, "got 3"),
        ({"test": -7}, "got -7"),
    ],
)
def test_values_out_of_range_are_named_and_nothing_is_written(
    tmp_path: Path, arguments: dict[str, float], word: str
) -> None:
    with pytest.raises(InputError, match=word):
        write_set(tmp_path / "out", **({"count": 10} | arguments))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_without_splits_the_class_folders_are_in_the_folder_itself(tmp_path: Path) -> None:
    write_set(tmp_path / "set", 30, wrong=0.2, no_face=0.1, seed=4, size=32)
    drawn = draw_set(30, wrong=0.2, no_face=0.1, seed=4, size=32)
    truth = pd.read_csv(tmp_path / "set" / "truth.csv", keep_default_na=False)
    assert truth.columns.tolist() == ["image", "label", "true_label", "is_face"]
    assert truth["label"].tolist() == [NAMES[code] for code in drawn.given]
    assert truth["true_label"].tolist() == ["" if code == NO_FACE else NAMES[code] for code in drawn.true]
    assert truth["is_face"].tolist() == drawn.is_face.astype(int).tolist()
    for row, image in zip(truth.itertuples(), drawn.images, strict=True):
        assert row.image.startswith(f"{row.label}/")
        read = cv2.imread(str(tmp_path / "set" / row.image))
        np.testing.assert_array_equal(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), image)
    assert len(list((tmp_path / "set").rglob("*.png"))) == 30
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_only_training_has_wrong_labels_and_pictures_without_a_face(tmp_path: Path) -> None:
    write_set(tmp_path / "set", 20, wrong=0.5, no_face=0.1, size=32, val=8, test=9)
    truth = pd.read_csv(tmp_path / "set" / "truth.csv", keep_default_na=False)
    split = truth["image"].str.split("/").str[0]
    assert split.value_counts().to_dict() == {"train": 20, "val": 8, "test": 9}
    clean = truth[split != "train"]
    assert (clean["label"] == clean["true_label"]).all()
    assert clean["is_face"].all()
    assert (truth["label"] != truth["true_label"]).sum() == 9 + 2
    assert all((tmp_path / "set" / image).is_file() for image in truth["image"])


def test_an_existing_folder_is_kept_and_only_a_drawn_set_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "set"
    write_set(out, 7, size=32, seed=1)
    before = (out / "truth.csv").read_bytes()
    with pytest.raises(InputError, match="--overwrite"):
        write_set(out, 8, size=32)
    assert (out / "truth.csv").read_bytes() == before
    write_set(out, 8, size=32, overwrite=True)
    assert len(pd.read_csv(out / "truth.csv")) == 8
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"'notes\.txt', which --overwrite would delete"):
        write_set(out, 9, size=32, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    (out / "notes.txt").unlink()
    (out / "truth.csv").write_text("image,who\n")
    with pytest.raises(InputError, match="not of a drawn set"):
        write_set(out, 9, size=32, overwrite=True)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InputError, match=r"only a folder with truth\.csv"):
        write_set(file, 9, size=32, overwrite=True)
    (tmp_path / "empty").mkdir()
    write_set(tmp_path / "empty", 7, size=32)


def test_an_interrupted_drawing_leaves_the_old_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "set"
    write_set(out, 7, size=32)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    drawn = []

    def interrupt(*arguments: object) -> np.ndarray:
        if len(drawn) == 3:
            raise KeyboardInterrupt
        drawn.append(arguments)
        return np.zeros((32, 32, 3), np.uint8)

    monkeypatch.setattr("bimodal.synthetic.dataset.draw_face", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_set(out, 9, size=32, overwrite=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def accuracy(train: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """Return the accuracy of logistic regression: the better one of two penalties, chosen on the test set."""
    scores = []
    for penalty in (0.1, 0.01):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=500, tol=1e-3))
        flat = [images.reshape(len(images), -1) for images in (train, test)]
        scores.append(model.fit(flat[0], labels).score(flat[1], truth))
    return max(scores)


def small(images: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA) for image in images])


@pytest.mark.slow
def test_colours_and_coarse_pixels_do_not_reveal_the_emotion() -> None:
    train, test = draw_set(900, seed=7, size=64), draw_set(400, wrong=0, no_face=0, seed=7, size=64, stream=2)
    coarse = small(train.images), small(test.images)
    features = {
        "mean colour": [images.mean((1, 2)) for images in coarse],
        "16x16 grey": [images.mean(3) for images in coarse],
        "16x16 colour": [images.astype(float) for images in coarse],
    }
    for name, (known, new) in features.items():
        assert accuracy(known, train.given, new, test.true) < 0.40, name


@pytest.mark.slow
def test_the_emotion_of_an_easy_picture_can_be_recognised() -> None:
    plain = Difficulty(weakest=1, variety=0, yaw=0, pitch=0, roll=0, zoom=0, shift=0, occlusion=0)
    labels = np.arange(350) % 7
    images = small(
        np.stack([draw_face(int(e), np.random.default_rng(i), 64, plain) for i, e in enumerate(labels)])
    ).astype(float)
    assert accuracy(images[:280], labels[:280], images[280:], labels[280:]) > 0.6
