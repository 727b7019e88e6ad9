"""Painting hair, beard, glasses, headscarf and cap."""

import numpy as np

from bimodal.synthetic.curves import Points, ellipse, mirrored, smooth, stroke, symmetric
from bimodal.synthetic.face import FacePainter

_LENS = np.array([24.0, 26.0, 30.0])
_CLEAR = np.array([236.0, 244.0, 250.0])
_GLEAM = np.array([150.0, 160.0, 172.0])
_SHINE = np.array([255.0, 244.0, 226.0])
_STYLES = {
    "cropped": (1.14, -0.25),
    "short": (1.24, -0.12),
    "parted": (1.27, -0.08),
    "curly": (1.26, 0.0),
    "bob": (1.30, 0.62),
    "long": (1.29, 0.75),
    "bun": (1.22, -0.15),
}
"""For each style of uncovered hair, the height of the hair above the eyes, and y of its end at the ears."""


def paint_behind(face: FacePainter) -> None:
    """Paint the hair behind the head."""
    p, style, wide = face.person, face.person.hair_style, face.person.cheek
    if style in ("long", "bob"):
        end = 1.9 if style == "long" else 0.85
        top = [[0.3, -1.3], [wide * 1.05, -1.1], [wide * 1.38, -0.4], [wide * 1.40, 0.3]]
        face.fill([symmetric([*top, [wide * 1.35, end], [0.2, end]])], p.hair * 0.78)
    elif style == "curly":
        angle = np.linspace(-np.pi * 1.12, np.pi * 0.12, 15)
        curls = [ellipse((1.14 * wide * np.cos(t), -0.35 + 0.92 * np.sin(t)), (0.25, 0.25), 14) for t in angle]
        face.fill(curls, p.hair * 0.85)
    elif style == "bun":
        face.fill([ellipse((0, -1.38), (0.30, 0.26), 20)], p.hair * 0.85)
    elif style == "scarf":
        top = [[0.3, -1.38], [wide * 1.2, -1.05], [wide * 1.32, -0.2], [wide * 1.2, 0.7]]
        face.fill([symmetric([*top, [1.1, 1.5], [1.3, 2.6], [0.2, 2.6]])], p.cloth * 0.8)


def paint_before(face: FacePainter) -> None:
    """Paint the beard, the glasses and the hair or headwear on the head."""
    _beard(face)
    style = face.person.hair_style
    if style == "bald":
        face.fill([ellipse((-0.2 * face.person.side, -0.9), (0.22, 0.09), 14)], face.light, 0.5, 0.06)
    elif style == "scarf":
        _scarf(face)
    elif style == "cap":
        _cap(face)
    else:
        _hair(face)
    _glasses(face)


def _cap(face: FacePainter) -> None:
    cloth, wide = face.person.cloth, face.person.cheek
    dome = symmetric([[0.3, -1.36], [wide * 1.1, -1.1], [wide * 1.16, -0.62], [wide * 0.9, -0.66], [0.3, -0.72]])
    face.fill([dome], cloth)
    brim = symmetric([[0.2, -0.80], [wide * 0.95, -0.72], [wide * 1.18, -0.56], [wide * 0.7, -0.55], [0.2, -0.60]])
    face.fill([brim + np.array([0.0, 0.10])], face.shade, 0.5, 0.05)
    face.fill([brim], cloth * 0.65)


def _hair(face: FacePainter) -> None:
    p, style, wide = face.person, face.person.hair_style, face.person.cheek
    height, end = _STYLES[style]
    outer = wide * (1.03 + 0.35 * (height - 1))
    # one side: from the top of the head down to the end of the hair at the ear, and back along the hairline
    down = [[0.25, -height], [outer * 0.8, -height * 0.92], [outer * 1.04, -0.62], [outer * 1.03, end - 0.12]]
    right = [*down, [outer * 0.99, end], [wide * 0.93, end], [wide * 0.90, -0.35]]
    shape = smooth(np.concatenate([right, _fringe(face), mirrored(right)[::-1]]), closed=True)
    face.fill([shape + np.array([0.0, 0.06])], face.shade, 0.45, 0.04, clip=face.outline)
    alpha, soft = (0.86, 0.014) if style == "cropped" else (1.0, 0.006)
    face.fill([shape], p.hair, alpha, soft)
    if style == "curly":
        places = [(x, -0.92 - 0.22 * (1 - abs(x)) + 0.1 * (i % 2)) for i, x in enumerate(np.linspace(-0.95, 0.95, 9))]
        face.fill([ellipse((x * wide, y), (0.13, 0.12), 12) for x, y in places], p.hair * 1.12, 0.7, 0.02)
        return
    bright = p.hair + (_SHINE - p.hair) * 0.28
    for reach, alpha in ((0.55, 0.5), (0.85, 0.3)):
        y = -0.80 - 0.1 * (1 - reach)
        arc = smooth([[-wide * reach, y], [-0.1 * p.side, -height * 0.93], [wide * reach, y]])
        face.fill([stroke(arc, 0.07)], bright, alpha, 0.025, clip=shape)
    ends = np.linspace(-outer * 0.95, outer * 0.95, 9)
    curves = [smooth([[0.28 * p.side, -height * 0.97], [x * 0.7, -0.98], [x, -0.62]], rounds=2) for x in ends]
    face.fill([stroke(curve, 0.018) for curve in curves], p.hair * 0.6, 0.55, 0.006, clip=shape)


def _fringe(face: FacePainter) -> Points:
    """Return the hairline over the forehead, (5, 2), from right to left: parted on one side, or even."""
    p, wide, line = face.person, face.person.cheek, face.person.hairline
    if p.hair_style in ("parted", "bob", "long"):
        part = 0.28 * p.side
        parting = [[part + 0.12, line - 0.12], [part, line - 0.22], [part - 0.1, line - 0.08]]
        return np.array([[wide * 0.72, line + 0.16], *parting, [-wide * 0.72, line + 0.18]])
    peak = 0.05 if p.hair_style == "short" else 0.0
    middle = [[wide * 0.45, line - 0.02], [0.0, line + peak], [-wide * 0.45, line - 0.02]]
    return np.array([[wide * 0.78, line + 0.12], *middle, [-wide * 0.78, line + 0.12]])


def _scarf(face: FacePainter) -> None:
    p, wide, drop = face.person, face.person.cheek, face.shape.jaw_drop
    around = symmetric(
        [[0.3, -1.36], [wide * 1.16, -1.02], [wide * 1.26, -0.1], [wide * 1.12, 0.75], [0.45, 1.35], [0.1, 1.5]]
    )
    chin, jaw = [0.12, p.length + 0.06 + drop], [p.jaw * 0.93, 0.62 + 0.6 * drop]
    opening = symmetric([chin, jaw, [wide * 0.9, 0.0], [wide * 0.78, -0.55], [0.25, -0.78]])
    face.fill([np.concatenate([_from_top(around), _from_top(opening)[::-1], [[0.0, -1.4]]])], p.cloth)
    edge = np.concatenate([opening, opening[:1]])
    face.fill([stroke(edge, 0.06, (1, 1))], p.cloth * 0.55, 0.6, 0.02)
    fold = smooth([[0.2, 1.05], [wide * 0.9, 0.75], [wide * 1.18, -0.1]], rounds=2)
    face.both(stroke(fold, 0.04), p.cloth * 0.6, 0.5, 0.02)


def _from_top(ring: Points) -> Points:
    """Return the closed outline, clockwise from its highest point and back to it."""
    turned = np.roll(ring, -int(ring[:, 1].argmin()), axis=0)
    if turned[1, 0] < turned[-1, 0]:
        turned = np.roll(turned[::-1], 1, axis=0)
    return np.concatenate([turned, turned[:1]])


def _beard(face: FacePainter) -> None:
    p, s = face.person, face.shape
    mouth_x, mouth_y = s.mouth_top[-1].tolist()
    lip = float(s.lip_bottom[:, 1].max())
    jaw = face.outline[face.outline[:, 1] > 0.12]
    jaw = jaw[np.argsort(np.arctan2(jaw[:, 1] - 0.12, jaw[:, 0]))]  # from its right end over the chin to its left end
    below = [[max(mouth_x, 0.2) + 0.16, 0.45], [mouth_x + 0.07, mouth_y + 0.05], [0.12, lip + 0.05]]
    cheek = np.array([[p.cheek * 0.86, 0.22], *below])
    area = np.concatenate([jaw, mirrored(cheek), cheek[::-1]])
    above, top = p.nose_y + 0.09, float(s.lip_top[:, 1].min())
    outer = [[0.0, above], [mouth_x * 0.7, (above + top) / 2 + 0.01], [mouth_x + 0.06, mouth_y + 0.08]]
    inner = [[mouth_x + 0.01, mouth_y], [mouth_x * 0.5, top - 0.004], [0, top + 0.005]]
    whiskers = symmetric([*outer, *inner], rounds=2)
    if p.beard:
        face.fill([area], p.hair * 0.9, 0.92, 0.022)
    elif p.stubble > 0.15:
        face.fill([area, whiskers], p.hair * 0.8, 0.30 * p.stubble, 0.03)
    if p.moustache:
        face.fill([whiskers], p.hair * 0.85, 0.92, 0.012)


def _glasses(face: FacePainter) -> None:
    p = face.person
    if not p.glasses:
        return
    x, y, wide = p.eye_x, p.eye_y + 0.02, p.eye_width
    if p.glasses == "round":
        lens = ellipse((x, y), (wide * 1.35, wide * 1.30), 26)
    else:
        box = np.array([[-1.35, -0.9], [1.4, -0.95], [1.3, 0.95], [-1.1, 0.95]]) * wide
        lens = smooth(box + np.array([x, y]), closed=True)
    if p.glasses == "dark":
        face.both(lens, _LENS, 0.96)
        face.both(stroke([[x - wide * 0.7, y + 0.05], [x - 0.02, y - 0.1]], 0.05), _GLEAM, 0.5, 0.02)
    else:
        face.both(lens, _CLEAR, 0.10)
    colour = p.cloth * 0.35
    frame = np.concatenate([lens, lens[:2]])
    frames = [stroke(frame, 0.034, (1, 1)), stroke(mirrored(frame), 0.034, (1, 1))]
    bridge = smooth([[-x + wide * 1.3, y - 0.03], [0, y - 0.08], [x - wide * 1.3, y - 0.03]], rounds=2)
    face.fill([*frames, stroke(bridge, 0.03, (1, 1))], colour, 0.95)
    face.both(stroke([[x + wide * 1.35, y - 0.03], [p.cheek * 1.06, y - 0.02]], 0.03, (1, 1)), colour, 0.9)
