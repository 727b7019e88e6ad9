"""Painting hair, beard, glasses, headscarf and cap."""

import numpy as np

from bimodal.synthetic.curves import Points, ellipse, mirrored, smooth, stroke
from bimodal.synthetic.face import FacePainter

_LENS = np.array([24.0, 26.0, 30.0])


def paint_behind(face: FacePainter) -> None:
    """Paint the hair behind the head."""
    p, style = face.person, face.person.hair_style
    wide = p.cheek
    if style in ("long", "bob"):
        end = 1.9 if style == "long" else 0.85
        right = [
            [0.3, -1.3],
            [wide * 1.05, -1.1],
            [wide * 1.38, -0.4],
            [wide * 1.40, 0.3],
            [wide * 1.35, end],
            [0.2, end],
        ]
        face.fill([_closed(right)], p.hair * 0.78)
    elif style == "curly":
        angle = np.linspace(-np.pi * 1.12, np.pi * 0.12, 15)
        curls = [ellipse((1.14 * wide * np.cos(t), -0.35 + 0.92 * np.sin(t)), (0.25, 0.25), 14) for t in angle]
        face.fill(curls, p.hair * 0.85)
    elif style == "bun":
        face.fill([ellipse((0, -1.38), (0.30, 0.26), 20)], p.hair * 0.85)
    elif style == "scarf":
        right = [
            [0.3, -1.38],
            [wide * 1.2, -1.05],
            [wide * 1.32, -0.2],
            [wide * 1.2, 0.7],
            [1.1, 1.5],
            [1.3, 2.6],
            [0.2, 2.6],
        ]
        face.fill([_closed(right)], p.cloth * 0.8)


def paint_before(face: FacePainter) -> None:
    """Paint the beard, the glasses and the hair on the head."""
    _beard(face)
    _hair(face)
    _glasses(face)


def _closed(right: list[list[float]]) -> Points:
    half = np.array(right)
    return smooth(np.concatenate([half, mirrored(half)[::-1]]), closed=True, rounds=3)


def _hair(face: FacePainter) -> None:
    p, style = face.person, face.person.hair_style
    wide, line = p.cheek, p.hairline
    if style == "bald":
        face.fill([ellipse((-0.2 * p.side, -0.9), (0.22, 0.09), 14)], face.light, 0.5, 0.06)
        return
    if style == "scarf":
        _scarf(face)
        return
    if style == "cap":
        dome = _closed([[0.3, -1.36], [wide * 1.1, -1.1], [wide * 1.16, -0.62], [wide * 0.9, -0.66], [0.3, -0.72]])
        face.fill([dome], p.cloth)
        brim = _closed([[0.2, -0.80], [wide * 0.95, -0.72], [wide * 1.18, -0.56], [wide * 0.7, -0.55], [0.2, -0.60]])
        face.fill([brim + np.array([0.0, 0.10])], face.shade, 0.5, 0.05)
        face.fill([brim], p.cloth * 0.65)
        return
    volume = {"cropped": 1.14, "short": 1.24, "parted": 1.27, "curly": 1.26, "bob": 1.30, "long": 1.29, "bun": 1.22}[
        style
    ]
    burn = {"cropped": -0.25, "short": -0.12, "parted": -0.08, "curly": 0.0, "bob": 0.62, "long": 0.75, "bun": -0.15}[
        style
    ]
    outer = wide * (1.03 + 0.35 * (volume - 1))
    # one side: from the top of the head down to the end of the hair at the ear, and back along the hairline
    right = np.array(
        [
            [0.25, -volume],
            [outer * 0.8, -volume * 0.92],
            [outer * 1.04, -0.62],
            [outer * 1.03, burn - 0.12],
            [outer * 0.99, burn],
            [wide * 0.93, burn],
            [wide * 0.90, -0.35],
        ]
    )
    if style in ("parted", "bob", "long"):
        part = 0.28 * p.side
        fringe = np.array(
            [
                [wide * 0.72, line + 0.16],
                [part + 0.12, line - 0.12],
                [part, line - 0.22],
                [part - 0.1, line - 0.08],
                [-wide * 0.72, line + 0.18],
            ]
        )
    else:
        peak = 0.05 if style == "short" else 0.0
        fringe = np.array(
            [
                [wide * 0.78, line + 0.12],
                [wide * 0.45, line - 0.02],
                [0.0, line + peak],
                [-wide * 0.45, line - 0.02],
                [-wide * 0.78, line + 0.12],
            ]
        )
    shape = smooth(np.concatenate([right, fringe, mirrored(right)[::-1]]), closed=True, rounds=3)
    shadow = shape + np.array([0.0, 0.06])
    face.fill([shadow], face.shade, 0.45, 0.04, clip=face.outline)
    face.fill([shape], p.hair, 0.86 if style == "cropped" else 1.0, 0.014 if style == "cropped" else 0.006)
    if style == "curly":
        dots = [
            ellipse((x * wide, -0.92 - 0.22 * (1 - abs(x)) + 0.1 * (i % 2)), (0.13, 0.12), 12)
            for i, x in enumerate(np.linspace(-0.95, 0.95, 9))
        ]
        face.fill(dots, p.hair * 1.12, 0.7, 0.02)
        return
    bright = p.hair + (np.array([255.0, 244.0, 226.0]) - p.hair) * 0.28
    for reach, alpha in ((0.55, 0.5), (0.85, 0.3)):
        arc = np.array(
            [
                [-wide * reach, -0.80 - 0.1 * (1 - reach)],
                [-0.1 * p.side, -volume * 0.93],
                [wide * reach, -0.80 - 0.1 * (1 - reach)],
            ]
        )
        face.fill([stroke(smooth(arc, rounds=3), 0.07)], bright, alpha, 0.025, clip=shape)
    strands = [
        stroke(smooth(np.array([[0.28 * p.side, -volume * 0.97], [x * 0.7, -0.98], [x, -0.62]]), rounds=2), 0.018)
        for x in np.linspace(-outer * 0.95, outer * 0.95, 9)
    ]
    face.fill(strands, p.hair * 0.6, 0.55, 0.006, clip=shape)


def _scarf(face: FacePainter) -> None:
    p, wide = face.person, face.person.cheek
    outer = np.array(
        [[0.3, -1.36], [wide * 1.16, -1.02], [wide * 1.26, -0.1], [wide * 1.12, 0.75], [0.45, 1.35], [0.1, 1.5]]
    )
    inner = np.array(
        [
            [0.12, p.length + 0.06 + face.shape.jaw_drop],
            [p.jaw * 0.93, 0.62 + 0.6 * face.shape.jaw_drop],
            [wide * 0.9, 0.0],
            [wide * 0.78, -0.55],
            [0.25, -0.78],
        ]
    )
    opening = smooth(np.concatenate([inner, mirrored(inner)[::-1]]), closed=True, rounds=3)
    around = smooth(np.concatenate([outer, mirrored(outer)[::-1]]), closed=True, rounds=3)
    seam = np.array([[0.0, -1.4]])
    ring = np.concatenate([_from_top(around), _from_top(opening)[::-1], seam])
    face.fill([ring], p.cloth)
    edge = np.concatenate([opening, opening[:1]])
    face.fill([stroke(edge, 0.06, (1, 1))], p.cloth * 0.55, 0.6, 0.02)
    fold = np.array([[0.2, 1.05], [wide * 0.9, 0.75], [wide * 1.18, -0.1]])
    face.both(stroke(smooth(fold, rounds=2), 0.04), p.cloth * 0.6, 0.5, 0.02)


def _from_top(ring: Points) -> Points:
    """Return the closed outline, clockwise from its highest point and back to it."""
    start = int(ring[:, 1].argmin())
    turned = np.roll(ring, -start, axis=0)
    if turned[1, 0] < turned[-1, 0]:
        turned = np.roll(turned[::-1], 1, axis=0)
    return np.concatenate([turned, turned[:1]])


def _beard(face: FacePainter) -> None:
    p, s = face.person, face.shape
    mouth_x, mouth_y = float(s.mouth_top[-1, 0]), float(s.mouth_top[-1, 1])
    lip = float(s.lip_bottom[:, 1].max())
    jaw = face.outline[face.outline[:, 1] > 0.12]
    cheek = np.array(
        [[p.cheek * 0.86, 0.22], [max(mouth_x, 0.2) + 0.16, 0.45], [mouth_x + 0.07, mouth_y + 0.05], [0.12, lip + 0.05]]
    )
    area = np.concatenate([_sorted_round(jaw), mirrored(cheek), cheek[::-1]])
    above = p.nose_y + 0.09
    top = float(s.lip_top[:, 1].min())
    whiskers = np.array(
        [
            [0.0, above],
            [mouth_x * 0.7, (above + top) / 2 + 0.01],
            [mouth_x + 0.06, mouth_y + 0.08],
            [mouth_x + 0.01, mouth_y],
            [mouth_x * 0.5, top - 0.004],
            [0, top + 0.005],
        ]
    )
    whiskers = smooth(np.concatenate([whiskers, mirrored(whiskers)[::-1]]), closed=True, rounds=2)
    if p.beard:
        face.fill([area], p.hair * 0.9, 0.92, 0.022)
    elif p.stubble > 0.15:
        face.fill([area, whiskers], p.hair * 0.8, 0.30 * p.stubble, 0.03)
    if p.moustache:
        face.fill([whiskers], p.hair * 0.85, 0.92, 0.012)


def _sorted_round(jaw: Points) -> Points:
    """Return the lower part of the face's outline, from its right end over the chin to its left end."""
    return jaw[np.argsort(np.arctan2(jaw[:, 1] - 0.12, jaw[:, 0]))]


def _glasses(face: FacePainter) -> None:
    p = face.person
    if not p.glasses:
        return
    x, y, wide = p.eye_x, p.eye_y + 0.02, p.eye_width
    if p.glasses == "round":
        lens = ellipse((x, y), (wide * 1.35, wide * 1.30), 26)
    else:
        box = np.array([[-1.35, -0.9], [1.4, -0.95], [1.3, 0.95], [-1.1, 0.95]]) * wide + np.array([x, y])
        lens = smooth(box, closed=True, rounds=3)
    frame = np.concatenate([lens, lens[:2]])
    if p.glasses == "dark":
        face.both(lens, _LENS, 0.96)
        gleam = np.array([[x - wide * 0.7, y + 0.05], [x - 0.02, y - 0.1]])
        face.both(stroke(gleam, 0.05), np.array([150.0, 160.0, 172.0]), 0.5, 0.02)
    else:
        face.both(lens, np.array([236.0, 244.0, 250.0]), 0.10)
    bridge = smooth(np.array([[-x + wide * 1.3, y - 0.03], [0, y - 0.08], [x - wide * 1.3, y - 0.03]]), rounds=2)
    temple = np.array([[x + wide * 1.35, y - 0.03], [p.cheek * 1.06, y - 0.02]])
    colour = p.cloth * 0.35
    face.fill(
        [stroke(frame, 0.034, (1, 1)), stroke(mirrored(frame), 0.034, (1, 1)), stroke(bridge, 0.03, (1, 1))],
        colour,
        0.95,
    )
    face.both(stroke(temple, 0.03, (1, 1)), colour, 0.9)
