import os
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bimodal.vision.face import Face
from bimodal.vision.faces import Detector
from bimodal.vision.tiles import detect_in_tiles, merge_faces, tile_ranges

SHARED = Path(os.environ.get("BIMODAL_SHARED", Path(__file__).parents[2] / ".." / "shared"))
MODEL = SHARED / "models" / "face_detection_yunet_2023mar.onnx"
PHOTOGRAPHS = SHARED / "data" / "faces"


def squares(image: NDArray[np.uint8]) -> list[Face]:
    """Return a face for each bright square."""
    count, _, boxes, _ = cv2.connectedComponentsWithStats((image.max(axis=2) > 90).astype(np.uint8))
    return [face(*box) for box in boxes[1:count, :4].astype(float)]


def face(left: float, top: float, width: float, height: float, score: float = 0.9, scale: float = 1.0) -> Face:
    landmarks = np.array([[left, top], [left + width, top], [left + width / 2, top + height / 2]] + [[left, top]] * 2)
    return Face(np.array([left, top, width, height]), score, landmarks, scale)


@pytest.mark.parametrize("length", [1, 640, 1280, 1281, 2048, 5000, 8191])
@pytest.mark.parametrize("overlap", [160, 500])
def test_tiles_cover_a_side_and_share_enough(length: int, overlap: int) -> None:
    ranges = tile_ranges(length, overlap)
    assert (ranges[0][0], ranges[-1][1]) == (0, length)
    assert {end - start for start, end in ranges} == {ranges[0][1] - ranges[0][0]}
    assert ranges[0][1] <= 1280
    assert all(end - start >= overlap for (_, end), (start, _) in pairwise(ranges))


@pytest.mark.parametrize("side", [2500, 5000])
def test_each_small_square_is_found_once_wherever_it_lies(side: int) -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((1900, 2500, 3), np.uint8)
    wanted = []
    for row in range(9):
        for column in range(12):
            left, top = 205 * column + int(rng.integers(60)), 210 * row + int(rng.integers(60))
            image[top : top + 120, left : left + 120] = 200
            wanted.append((left, top, 120, 120))
    found = [tuple(one.box.astype(int).tolist()) for one in detect_in_tiles(image, squares, side)]
    assert sorted(found) == sorted(wanted)


def test_boxes_and_landmarks_are_those_of_the_whole_picture() -> None:
    image = np.zeros((3000, 4000, 3), np.uint8)
    image[2600:2800, 3500:3700] = 200
    (found,) = detect_in_tiles(image, squares, 2000)
    np.testing.assert_allclose(found.box, [3500, 2600, 200, 200])
    np.testing.assert_allclose(found.landmarks[2], [3600, 2700])
    assert found.scale == 0.5
    assert detect_in_tiles(image * 0, squares, 2000) == []


def test_large_faces_are_those_of_the_first_look() -> None:
    image = np.zeros((1500, 2000, 3), np.uint8)
    image[100:500, 100:500] = 200
    assert detect_in_tiles(image, squares, 2000) == []
    large, again = face(100, 100, 400, 400, 0.9, 0.32), face(700, 700, 80, 80, 0.7, 0.32)
    part, precise, new = face(200, 200, 90, 90), face(702, 698, 82, 80), face(1500, 20, 60, 60)
    merged = merge_faces([large, again], [part, precise, new], 2000)
    assert merged == [large, precise, new], "the largest first, a part of a face dropped, the more precise one kept"
    assert merge_faces([large, again], [], 2000) == [large, again]


class Recorder(Detector):
    """A YuNet that counts the pixels that it sees."""

    pixels = 0

    def _detect(self, image: NDArray[np.uint8], scale: float = 1.0, threshold: float | None = None) -> list[Face]:
        self.pixels += round(image.shape[0] * scale) * round(image.shape[1] * scale)
        return super()._detect(image, scale, threshold)


def crowd(columns: int, rows: int, side: int) -> NDArray[np.uint8]:
    """Return a photograph of 3 megapixels with as many faces of a side."""
    paths = sorted((PHOTOGRAPHS / "happy").glob("*.jpg"))[::40]
    image = np.full((1500, 2000, 3), (90, 110, 100), np.uint8)
    for number in range(columns * rows):
        one = np.asarray(Image.open(paths[number % len(paths)]).convert("RGB").resize((side, side)))
        left, top = 20 + (number % columns) * (1960 // columns), 20 + (number // columns) * (1460 // rows)
        image[top : top + side, left : left + side] = one
    return image


@pytest.mark.skipif(not MODEL.exists() or not PHOTOGRAPHS.is_dir(), reason="no YuNet or no photographs")
def test_small_faces_in_a_large_photograph_are_found_and_others_cost_nothing() -> None:
    group = crowd(12, 8, 50)
    assert len(Detector(MODEL, coarse=True, side=640).detect(group)) < 10
    assert len(Detector(MODEL, coarse=True).detect(group)) > 80
    assert len(Detector(MODEL, coarse=True).detect(crowd(1, 1, 50))) == 1
    once = 640 * 480
    for columns, rows, side, allowed in ((1, 1, 1400, 0.2), (3, 2, 400, 1.2)):
        automatic, first = Recorder(MODEL, coarse=True), Recorder(MODEL, coarse=True, side=640)
        picture = crowd(columns, rows, side)
        assert len(automatic.detect(picture)) == len(first.detect(picture)) == columns * rows
        assert automatic.pixels == first.pixels <= allowed * once, "an ordinary picture is searched once"
    empty = Recorder(MODEL, coarse=True)
    assert empty.detect(np.full((1500, 2000, 3), 90, np.uint8)) == []
    assert empty.pixels < 5.2 * once, "a pass at 1,280 pixels, but no tiles"
