import numpy as np
import pytest

from bimodal.vision.boxes import Box, clip_box, cut_box, iou, square_of_box, with_margin


def test_iou_against_counted_pixels() -> None:
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.integers(0, 12, (40, 2)), rng.integers(1, 12, (40, 2))], axis=1)
    masks = np.zeros((len(boxes), 24, 24), bool)
    for mask, (left, top, width, height) in zip(masks, boxes, strict=True):
        mask[top : top + height, left : left + width] = True
    for row in range(len(boxes)):
        counted = (masks & masks[row]).sum(axis=(1, 2)) / (masks | masks[row]).sum(axis=(1, 2))
        np.testing.assert_allclose(iou(tuple(map(float, boxes[row])), boxes.astype(float)), counted)


def test_a_box_is_cut_where_it_says_and_clipped_to_the_picture() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[5:15, 10:18] = 200
    assert (cut_box(image, (10, 5, 8, 10)) == 200).all()
    assert cut_box(image, (-4, -4, 10, 10)).shape == (6, 6, 3)
    assert clip_box((30, 0, 5, 5), 20, 30) is None
    assert clip_box((3.3, 2.9, 0.1, 0.2), 20, 30) == (3, 2, 4, 4), "each pixel that the box touches"
    with pytest.raises(ValueError, match="outside of a picture of 30 x 20"):
        cut_box(image, (40, 0, 5, 5))


@pytest.mark.parametrize("size", [5, 80])
def test_a_square_keeps_the_proportions_and_is_black_outside(size: int) -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    square = square_of_box(image, (-20, -20, 40, 40), size)
    assert square.shape == (size, size, 3)
    half = round(size / 2)
    assert (square[half:, half:] == 200).all()
    assert (square[:half] == 0).all()
    assert (square[:, :half] == 0).all()
    assert (square_of_box(image, (5, 5, 20, 20), size) == 200).all()


@pytest.mark.parametrize("box", [(-1e9, -1e9, 2e9, 2e9), (39, 39, 1e9, 1e9), (0, 0, 1e-3, 1e-3)])
def test_a_box_of_any_size_takes_little_memory(box: Box) -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    if clip_box(box, 40, 40):
        assert square_of_box(image, with_margin(box, 0), 16).shape == (16, 16, 3)
    else:
        with pytest.raises(ValueError, match="outside"):
            square_of_box(image, box, 16)
