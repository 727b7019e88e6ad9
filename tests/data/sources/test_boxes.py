import pandas as pd
import pytest

from bimodal.data.sources.boxes import read_boxes


def boxes(columns: str, *rows: str) -> list[object]:
    return list(read_boxes(pd.DataFrame([row.split(";") for row in rows], columns=columns.split(";"))))


@pytest.mark.parametrize(
    "columns",
    [
        "face_x;face_y;face_width;face_height", "Face X;Face Y;Face Width;Face Height", "x;y;w;h", "x;y;width;height",
        "left;top;width;height", "bbox_left;bbox_top;bbox_width;bbox_height", "xmin;ymin;width;height",
    ],
)  # fmt: skip
def test_corner_and_size(columns: str) -> None:
    assert boxes(columns, "10;20;30;40", "1.5;2;3;4e0") == [(10, 20, 30, 40), (1.5, 2, 3, 4)]


@pytest.mark.parametrize(
    "columns",
    [
        "xmin;ymin;xmax;ymax", "x_min;y_min;x_max;y_max", "left;top;right;bottom", "x1;y1;x2;y2", "x0;y0;x1;y1",
        "face_box_left;face_box_top;face_box_right;face_box_bottom",
    ],
)  # fmt: skip
def test_two_corners(columns: str) -> None:
    assert boxes(columns, "10;20;40;60") == [(10, 20, 30, 40)]


@pytest.mark.parametrize(
    "text", ["10 20 30 40", "[10, 20, 30, 40]", "(10.0,20,30,40)", "{'x': 10, 'y': 20, 'w': 30, 'h': 40}"]
)
def test_one_column(text: str) -> None:
    assert boxes("bbox", text) == [(10, 20, 30, 40)]
    assert boxes("face_bbox", text) == [(10, 20, 30, 40)]
    assert boxes("bbox_xyxy", text) == [(10, 20, 20, 20)]


def test_the_size_of_the_picture_is_not_that_of_the_box() -> None:
    columns = "filename;width;height;class;xmin;ymin;xmax;ymax"  # as TensorFlow's tables of objects
    assert boxes(columns, "a.png;640;480;happy;1;2;11;22") == [(1, 2, 10, 20)]
    assert boxes("face_x;face_y;width;height", "1;2;640;480") == [None], "a point, and the picture"
    assert boxes("image;width;height", "a.png;640;480") == [None]
    assert boxes("x;y;width;height;face_x;face_y;face_w;face_h", "0;0;9;9;1;2;3;4") == [(1, 2, 3, 4)]


def test_a_row_without_a_box_and_rows_with_a_wrong_one() -> None:
    got = boxes(
        "x;y;w;h",
        "NULL;NULL;NULL;NULL",
        ";;;",
        "1;2;3;",
        "1;2;three;4",
        "1;2;nan;4",
        "1;2;inf;4",
        "1;2;-3;4",
        "9;9;0;4",
    )
    assert got[:2] == [None, None]
    assert got[2:6] == [
        f"the box {text} is not four numbers" for text in ("1 2 3 ?", "1 2 three 4", "1 2 nan 4", "1 2 inf 4")
    ]
    assert got[6:] == ["the box 1 2 -3 4 has no area", "the box 9 9 0 4 has no area"]
    assert boxes("xmin;ymin;xmax;ymax", "5;5;4;9") == ["the box 5 5 4 9 has no area"]
    assert boxes("bbox", "1 2 3", "1 2 3 4 5", "face", "none") == [
        "the box 1 2 3 is not four numbers",
        "the box 1 2 3 4 5 is not four numbers",
        "the box face is not four numbers",
        None,
    ]
