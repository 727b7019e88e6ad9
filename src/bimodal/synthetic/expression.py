"""Facial action units: how each moves the brows, lids, nose, mouth and folds of a face.

The action units are those of the Facial Action Coding System (Ekman & Friesen, 1978), and the units of each emotion are
those of the basic emotions in the tables of the same authors.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bimodal.errors import InputError
from bimodal.synthetic.curves import Points
from bimodal.synthetic.person import Person

EMOTION_UNITS: Mapping[int, tuple[int, ...]] = {
    0: (4, 5, 7, 23),  # angry
    1: (9, 15, 16),  # disgust
    2: (1, 2, 4, 5, 7, 20, 26),  # fear
    3: (6, 12),  # happy
    4: (),  # neutral
    5: (1, 4, 15),  # sad
    6: (1, 2, 5, 26),  # surprise
}
"""The action units of each emotion, by code."""

UNITS: Mapping[int, str] = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    12: "lip corner puller",
    15: "lip corner depressor",
    16: "lower lip depressor",
    20: "lip stretcher",
    23: "lip tightener",
    25: "lips part",
    26: "jaw drop",
    43: "eyes closed",
}
"""The action units that can be drawn. 25 and 43 belong to no emotion; they occur when a person speaks or blinks."""


@dataclass(frozen=True)
class Shape:
    """The shape of a face with an expression: curves (n, 2) in the person's units, and depths of folds from 0 to 1.

    The brow and the lids are on the right side of the picture, from the nose outwards; the other side is their mirror
    image. The curves of the mouth run from the left corner to the right one.
    """

    brow: Points
    upper_lid: Points
    lower_lid: Points
    lip_top: Points  # upper edge of the upper lip
    mouth_top: Points  # lower edge of the upper lip
    mouth_bottom: Points  # upper edge of the lower lip
    lip_bottom: Points  # lower edge of the lower lip
    gap: float  # the height of the open mouth
    jaw_drop: float  # the distance that the chin has moved down
    nostril_lift: float  # the distance that the wings of the nose have moved up
    upper_teeth: float  # the share of the gap that they fill
    lower_teeth: float
    forehead: float
    forehead_middle: float
    frown: float
    nose_wrinkle: float
    crow_feet: float
    eye_bag: float
    cheek: float
    nasolabial: float
    corner_fold: float
    chin_fold: float


def shape_of(person: Person, strengths: Mapping[int, float]) -> Shape:
    """Return the shape of a person's face whose action units have these strengths, 0 to 1; missing units are at rest.

    Raises:
        InputError: an action unit is unknown, or a strength is not from 0 to 1.

    >>> from bimodal.synthetic.person import draw_person
    >>> person = draw_person(np.random.default_rng(0))
    >>> smile, rest = shape_of(person, {12: 1.0}), shape_of(person, {})
    >>> bool(smile.mouth_top[0, 1] < rest.mouth_top[0, 1])  # the corner has moved up
    True
    """
    for unit, strength in strengths.items():
        if unit not in UNITS:
            raise InputError(f"unknown action unit {unit}: expected one of {', '.join(map(str, UNITS))}")
        if not 0 <= strength <= 1:
            raise InputError(f"the strength of action unit {unit} must be from 0 to 1, got {strength}")
    au = {unit: float(strengths.get(unit, 0)) for unit in UNITS}
    jaw, age = 0.20 * au[26], person.age
    upper_lid, lower_lid = _lids(person, au)
    return Shape(
        _brow(person, au),
        upper_lid,
        lower_lid,
        *_mouth(person, au, jaw),
        jaw_drop=jaw,
        nostril_lift=0.045 * au[9] + 0.01 * au[12],
        upper_teeth=float(np.clip(0.25 + 0.75 * au[12] - 0.1 * au[26], 0, 0.9)),
        lower_teeth=0.7 * au[16] + 0.25 * au[20],
        forehead=_deep(0.4 * age, au[2] * 0.8),
        forehead_middle=_deep(0.4 * age, au[1] * 0.8),
        frown=_deep(0.35 * age, au[4]),
        nose_wrinkle=_deep(0.0, au[9]),
        crow_feet=_deep(0.5 * age, au[6] * 0.8),
        eye_bag=_deep(0.45 * age, 0.7 * au[6] + 0.4 * au[7]),
        cheek=au[6],
        nasolabial=_deep(0.15 + 0.45 * age, 0.75 * au[12] + 0.6 * au[9] + 0.25 * au[20]),
        corner_fold=_deep(0.4 * age, 0.8 * au[15]),
        chin_fold=_deep(0.25, 0.5 * au[15] + 0.3 * au[23]),
    )


def _deep(rest: float, more: float) -> float:
    """Return the depth of a fold that has the depth `rest` at rest and grows towards 1."""
    return float(1 - (1 - min(rest, 1.0)) * (1 - min(more, 1.0)))


def _brow(person: Person, au: Mapping[int, float]) -> Points:
    """Return the brow, (5, 2). A raiser lifts one end; the lowerer pulls the inner end down and to the middle."""
    along = np.linspace(0, 1, 5)  # from the nose outwards
    inner, outer = (1 - along) ** 1.3, along**1.2
    x = person.eye_x + person.eye_width * (-1.05 + 2.35 * along) - au[4] * 0.055 * (1 - along)
    arch = person.brow_arch * np.sin(np.pi * (0.15 + 0.75 * along)) - 0.025 * along**3
    y = person.eye_y - person.brow_gap - arch
    y = y - au[1] * 0.18 * inner - au[2] * (0.165 * outer * (1.15 - 0.35 * along) + 0.02)
    y = y + au[4] * (0.14 * inner + 0.035) * (1 - 0.45 * au[1]) + au[9] * (0.045 * inner + 0.02) - au[5] * 0.008
    return np.stack([x, y], 1)


def _lids(person: Person, au: Mapping[int, float]) -> tuple[Points, Points]:
    """Return the upper and the lower lid, (13, 2) each. Unit 5 lifts the upper lid; 6 and 7 push up the lower lid."""
    along = np.linspace(-1, 1, 13)
    bow = 1 - np.abs(along) ** 2.2
    up = person.eye_open * (1.05 + 0.8 * au[5] - 0.22 * au[7] - 0.22 * au[6] - 0.25 * au[9] - 0.12 * au[12])
    down = person.eye_open * (0.75 + 0.1 * au[5] - 0.5 * au[7] - 0.62 * au[6] - 0.35 * au[9])
    up, down = up * (1 - 0.95 * au[43]) - 0.5 * person.eye_open * au[43], down * (1 - 0.3 * au[43])
    x = person.eye_x + person.eye_width * along
    line = person.eye_y - person.eye_tilt * along
    # unit 4 presses on the inner half of the lid; 1 with 4 lets the outer half hang, as in sadness
    press = person.eye_open * (0.35 * au[4] * (1 - au[1]) * (1 - along) / 2 + 0.5 * au[1] * au[4] * (1 + along) / 2)
    lower = line + down * bow
    upper = np.minimum(line - (up - press) * bow, lower)  # the lids do not cross
    return np.stack([x, upper], 1), np.stack([x, lower], 1)


def _mouth(person: Person, au: Mapping[int, float], jaw: float) -> tuple[Points, Points, Points, Points, float]:
    """Return the four edges of the lips, (21, 2) each, and the height of the opening between them."""
    along = np.linspace(-1, 1, 21)
    from_middle = np.abs(along)
    width = person.mouth_width * (
        1 + 0.30 * au[12] + 0.26 * au[20] + 0.04 * au[15] - 0.16 * au[23] - 0.24 * au[26] * (1 - au[20]) + 0.06 * au[16]
    )
    corner = person.mouth_curve - 0.18 * au[12] + 0.16 * au[15] + 0.03 * au[20]
    corner += 0.42 * jaw * (1 - 0.5 * au[12])
    line = person.mouth_y + corner * from_middle ** (1.7 + 0.5 * au[15]) - 0.02 * au[9] - 0.015 * au[12]
    line = line - 0.035 * au[15] * (1 - from_middle**2) * (1 - au[26])

    square = 0.5 - 0.22 * au[20]  # stretched lips open as a slot, a dropped jaw as an oval
    bow = (1 - from_middle**2) ** square
    speak = 0.07 * au[25]
    rise = (0.02 * au[26] + 0.25 * speak + 0.03 * au[9] + 0.02 * au[12] * au[25]) * bow
    fall = (0.95 * jaw + 0.75 * speak + 0.055 * au[16] + 0.015 * au[20]) * bow
    thin = (1 - 0.62 * au[23]) * (1 - 0.25 * au[20]) * (1 - 0.22 * au[12])
    cupid = 1 - 0.22 * np.exp(-((along / 0.16) ** 2))
    upper = person.lip_upper * thin * (1 - 0.2 * au[9]) * (1 - from_middle**1.8) ** 0.7 * cupid
    lower = person.lip_lower * thin * (1 + 0.35 * au[16] - 0.15 * au[15]) * (1 - from_middle**2) ** 0.75
    x = width * along
    edges = [line - rise - upper, line - rise, line + fall, line + fall + lower]
    top, inner_top, inner_bottom, bottom = (np.stack([x, edge], 1) for edge in edges)
    return top, inner_top, inner_bottom, bottom, float((rise + fall).max())
