"""Reading the boxes of faces from the columns of a table."""

import math
import re
from collections.abc import Sequence

import pandas as pd

from bimodal.vision.boxes import Box

BAD_BOX = "impossible-box"
"""The problem of a row whose box is no box, or lies outside of its picture."""
_COLUMN = re.compile(r"(?P<prefix>(?:face_?box|bounding_?box|bbox|face|box|bb)_)?(?P<name>[a-z]+_?[a-z]*[0-2]?)")
_CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
    ("x1", "y1", "x2", "y2"),
    ("x0", "y0", "x1", "y1"),
)
_SIZES = tuple(
    (*first, *size)
    for size in (("width", "height"), ("w", "h"))
    for first in (("x", "y"), ("left", "top"), ("xmin", "ymin"))
)
_TEXT = re.compile(r"(face_?)?(bbox|box|bounding_?box)(_?xy(wh|xy))?")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_EMPTY = frozenset({"", "null", "none", "nan", "na", "[]"})


def read_boxes(frame: pd.DataFrame) -> list[Box | str | None]:
    """Return the box of each row: `Box`; None if the row or the table has none; or a text that says why it is no box.

    Recognised, in upper or lower case, with or without `face_` or `bbox_` before them: `x,y,width,height`, `x,y,w,h`,
    `left,top,width,height`, `left,top,right,bottom`, `xmin,ymin,xmax,ymax`, `x1,y1,x2,y2`; and one column `bbox`, such as
    `[12, 30, 64, 64]`: left, top, width, height, or two corners if it is called `bbox_xyxy`. All are pixels.

    >>> read_boxes(pd.DataFrame({"xmin": ["5", ""], "ymin": ["6", ""], "xmax": ["25", ""], "ymax": ["16", ""]}))
    [(5.0, 6.0, 20.0, 10.0), None]
    >>> read_boxes(pd.DataFrame({"bbox": ["[1, 2, 0, 4]"]}))
    ['the box 1 2 0 4 has no area']
    """
    columns = [str(column) for column in frame.columns]
    four, corners = box_columns(columns)
    if len(four) == 1:
        values: list[list[str]] = [_split(text) for text in frame[four[0]].astype(str)]
    elif four:
        values = frame[list(four)].astype(str).to_numpy().tolist()
    else:
        return [None] * len(frame)
    return [_box(row, corners) for row in values]


def box_columns(columns: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Return the four columns of a box, or the one, and whether they hold two corners; the four are empty if there is none.

    The four must have the same prefix. Two corners are preferred, because `width` and `height` beside them are those of the
    picture, and so is a prefix.
    """
    by_prefix: dict[str, dict[str, str]] = {}
    for column in columns:
        if match := _COLUMN.fullmatch(_plain(column)):
            by_prefix.setdefault(match["prefix"] or "", {}).setdefault(match["name"].replace("_", ""), column)
    for prefix in sorted(by_prefix, key=lambda prefix: prefix == ""):
        for quadruples, corners in ((_CORNERS, True), (_SIZES, False)):
            for names in quadruples:
                if all(name in by_prefix[prefix] for name in names):
                    return tuple(by_prefix[prefix][name] for name in names), corners
    for column in columns:
        if match := _TEXT.fullmatch(_plain(column)):
            return (column,), match[4] == "xy"
    return (), False


def _plain(column: str) -> str:
    return re.sub(r"[\s-]+", "_", column.strip().casefold())


def _split(text: str) -> list[str]:
    return [""] * 4 if text.strip().casefold() in _EMPTY else _NUMBER.findall(text) or [text]


def _box(texts: list[str], corners: bool) -> Box | str | None:
    texts = [text.strip() for text in texts]
    if all(text.casefold() in _EMPTY for text in texts):
        return None
    shown = " ".join(text or "?" for text in texts)[:80]
    try:
        a, b, c, d = (float(text) for text in texts)
    except ValueError:
        return f"the box {shown} is not four numbers"
    if not all(map(math.isfinite, (a, b, c, d))):
        return f"the box {shown} is not four numbers"
    if corners:
        c, d = c - a, d - b
    if c <= 0 or d <= 0:
        return f"the box {shown} has no area"
    return a, b, c, d
