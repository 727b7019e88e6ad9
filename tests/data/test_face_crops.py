"""Faces by the boxes of a source; a detector of bright squares stands for YuNet."""

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from bimodal.data.face_crops import align_face, wrong_box
from bimodal.data.manifest import Manifest
from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from bimodal.vision.face import Face
from bimodal.vision.faces import Detector

SHARED = Path(os.environ.get("BIMODAL_SHARED", Path(__file__).parents[2] / ".." / "shared"))
MODEL = SHARED / "models" / "face_detection_yunet_2023mar.onnx"


class Squares:
    """Reports each square that is brighter than the background, the largest first."""

    def __init__(self, model: Path | None = None) -> None: ...

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        count, _, boxes, _ = cv2.connectedComponentsWithStats((image.max(axis=2) > 90).astype(np.uint8))
        faces = []
        for left, top, width, height, _ in boxes[1:count].astype(float):
            x = left + width * np.array([0.3, 0.7, 0.5, 0.35, 0.65])
            y = top + height * np.array([0.4, 0.4, 0.6, 0.75, 0.75])
            faces.append(Face(np.array([left, top, width, height]), 0.9, np.stack([x, y], axis=1)))
        return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


RED, GREEN = (40, 30, 100), (200, 60, 60)
"""Left, top and side of the two faces of each picture."""


def two_faces(seed: int, second: int = 60) -> NDArray[np.uint8]:
    """Return a large red and a smaller green square of coarse noise on black."""
    random = np.random.default_rng(seed)
    image = np.zeros((160, 300, 3), np.uint8)
    for channel, (left, top, side) in enumerate((RED, (*GREEN[:2], second))):
        image[top : top + side, left : left + side, channel] = cv2.resize(
            random.integers(100, 256, (6, 6)).astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST
        )
    return image


def write(folder: Path, header: str, *rows: str, count: int = 12) -> Path:
    """Write pictures of two faces, and a table with these rows for each, `{i}` being the picture's number."""
    folder.mkdir()
    lines = [header]
    for i in range(count):
        Image.fromarray(two_faces(i)).save(folder / f"{i}.png")
        lines += [row.format(i=i) for row in rows]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder / "labels.csv"


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / name, keep_default_na=False, dtype=str)


BOTH = ("{i}.png,happy,40,30,100,100", "{i}.png,angry,200,60,60,60")


@pytest.mark.parametrize("align", [False, True])
def test_each_face_of_a_picture_is_an_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, align: bool) -> None:
    monkeypatch.setattr("bimodal.data.inspection.Detector", Squares)
    source = write(tmp_path / "s", "image,label,face_x,face_y,face_width,face_height", *BOTH)
    out = tmp_path / "out"
    prepare(source, out, align=align, detector="x" if align else None, size=48)
    manifest, origins = table(out, "manifest.csv"), table(out, "origins.csv")
    assert manifest["image"].nunique() == len(manifest) == 24
    for image, label, box in zip(manifest["image"], manifest["label"], origins["box"], strict=True):
        pixels = np.asarray(Image.open(out / image))
        red, green = pixels[..., 0].mean(), pixels[..., 1].mean()
        assert (red > 4 * green) if label == "happy" else (green > 4 * red)
        assert box == {"happy": "40 30 100 100", "angry": "200 60 60 60"}[label]
        if align:
            assert pixels.shape == (48, 48, 3)
        else:
            side = {"happy": 120, "angry": 72}[label]  # a margin of a tenth on each side
            assert pixels.shape[:2] == (side, side)
    assert table(out, "problems.csv").empty
    by_picture = pd.DataFrame({"split": manifest["split"], "origin": origins["origin"]}).groupby("origin")["split"]
    assert (by_picture.nunique() == 1).all(), "the faces of a picture are in one split"
    read = Manifest.read(out)
    again = Manifest(read.root, read.table.assign(digest=""), read.labels)
    assert read.pixel_digests == again.pixel_digests
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["images"]


def test_repeated_and_impossible_boxes_are_reported(tmp_path: Path) -> None:
    source = write(tmp_path / "s", "image,label,x,y,w,h", *BOTH)
    extra = ["0.png,sad,40,30,100,100", "1.png,sad,290,150,80,80", "2.png,sad,0.1,0.2,0.5,0.5", "3.png,sad,1,1,0,5"]
    source.write_text(source.read_text() + "\n".join(extra) + "\n")
    prepare(source, tmp_path / "out")
    problems = table(tmp_path / "out", "problems.csv")
    found = {(problem, image): detail for problem, image, detail in problems[["problem", "image", "detail"]].to_numpy()}
    assert found == {
        ("listed-twice", "0.png"): "sad in row 25, happy in row 1",
        ("impossible-box", "3.png"): "the box 1 1 0 5 has no area",
        ("impossible-box", "1.png"): "the box 290 150 80 80 lies outside of the picture, which has 300 x 160 pixels",
        ("impossible-box", "2.png"): "the box 0.1 0.2 0.5 0.5 is smaller than 4 pixels; boxes are in pixels, not in "
        "shares of the picture",
    }
    assert len(table(tmp_path / "out", "manifest.csv")) == 24


def test_several_faces_without_a_box_are_flagged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bimodal.data.inspection.Detector", Squares)
    for i in range(12):
        second = 80 if i == 3 else 60  # of a larger one of 100: 0.64 and 0.36 of its area
        path = tmp_path / "s" / ("happy", "sad")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(two_faces(i, second)).save(path)
    prepare(tmp_path / "s", tmp_path / "out", align=True, detector="x")
    manifest, problems = table(tmp_path / "out", "manifest.csv"), table(tmp_path / "out", "problems.csv")
    flagged = manifest.loc[manifest["flag"] == "several-faces", "image"].tolist()
    assert [Path(image).name for image in flagged] == ["3.png"]
    problems = problems[problems["problem"] == "several-faces"].reset_index()
    assert problems[["problem", "image", "action"]].to_numpy().tolist() == [
        ["several-faces", flagged[0], "kept, flagged"]
    ]
    assert "the largest taken" in problems["detail"][0]


def test_the_detected_face_must_overlap_the_box() -> None:
    image = two_faces(0)
    face, flag = align_face(image, (190, 50, 80, 80), Squares(), 40, 0.1)  # a loose box
    assert flag == ""
    assert face[..., 1].mean() > 100
    face, flag = align_face(image, (240, 10, 50, 50), Squares(), 40, 0.0)  # beside the green face
    assert flag == "no-face"
    assert face.shape == (40, 40, 3)
    np.testing.assert_array_equal(face, cv2.resize(image[10:60, 240:290], (40, 40), interpolation=cv2.INTER_AREA))


def test_a_box_must_lie_in_the_picture() -> None:
    assert wrong_box((-20, -20, 60, 60), 100, 100) == ""
    assert "outside" in wrong_box((-60, -60, 80, 80), 100, 100)
    assert "outside" in wrong_box((1e12, 0, 80, 80), 100, 100)
    assert "outside" in wrong_box((0, 0, 1e12, 1e12), 100, 100)


def test_links_and_boxes_exclude_each_other(tmp_path: Path) -> None:
    source = write(tmp_path / "s", "image,label,x,y,w,h", *BOTH)
    with pytest.raises(InputError, match="--link keeps the pictures"):
        prepare(source, tmp_path / "out", link=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not MODEL.exists(), reason=f"no YuNet at {MODEL}")
def test_a_small_face_is_aligned_by_its_box_in_photographs() -> None:
    folder = SHARED / "data" / "faces"
    if not folder.is_dir():
        pytest.skip(f"no photographs at {folder}")
    detector = Detector(MODEL)
    photograph = np.asarray(Image.open(sorted((folder / "happy").glob("*.jpg"))[0]).convert("RGB"))
    large, small = cv2.resize(photograph, (900, 900)), cv2.resize(photograph, (120, 120)) // 2
    image = np.full((1000, 2400, 3), 120, np.uint8)
    image[50:950, 50:950], image[700:820, 2000:2120] = large, small
    bright, flag = align_face(image, None, detector, 96, 0.1)
    dark, flag_of_box = align_face(image, (2010, 710, 100, 100), detector, 96, 0.1)
    assert flag == flag_of_box == ""
    middle = slice(24, 72)
    np.testing.assert_allclose(dark[middle, middle].mean(), bright[middle, middle].mean() / 2, rtol=0.1)
