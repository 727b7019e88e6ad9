"""Painting objects that cover a part of the face: a hand, a bar or a lock of hair."""

import numpy as np

from bimodal.synthetic.curves import ellipse, smooth, stroke
from bimodal.synthetic.face import FacePainter


def paint_occlusion(face: FacePainter, rng: np.random.Generator, probability: float) -> None:
    """Paint a hand, a bar or a lock of hair over the face, with the given probability."""
    kind, place, lean = rng.random(), rng.uniform(-1, 1), rng.normal()
    if rng.random() >= probability:
        return
    if kind < 0.4:
        _hand(face, place, lean)
    elif kind < 0.75:
        bar = [[1.2 * place - 0.4 * lean, -2.5], [1.2 * place + 0.4 * lean, 2.5]]
        face.fill([stroke(bar, 0.3, (1, 1))], face.person.cloth * 0.7, 1.0, 0.01)
    else:
        x = 0.5 * place
        lock = smooth([[x, -1.25], [x + 0.2, -0.6], [0.55 * place + 0.1, 0.0], [0.6 * place + 0.2, 0.75]])
        face.fill([stroke(lock, 0.22, (0.6, 0.05))], face.person.hair, 0.95, 0.01)


def _hand(face: FacePainter, place: float, lean: float) -> None:
    """Paint a hand with four fingers from below, on a cheek or over the mouth."""
    side, skin = 1.0 if place > 0 else -1.0, face.person.skin * 0.93
    at = np.array([side * (0.25 + 0.35 * abs(place)), 0.55 + 0.08 * lean])
    for i in range(4):
        tip = at + np.array([side * (-0.26 + 0.14 * i), -0.14 - 0.06 * (i in (1, 2))])
        root = at + np.array([side * (-0.10 + 0.13 * i), 0.55])
        finger = smooth([root, (root + tip) / 2, tip], rounds=2)
        x, y = tip.tolist()
        face.fill([stroke(finger, 0.165, (1, 0.85)), ellipse((x, y), (0.07, 0.07), 14)], face.crease, 0.8, 0.012)
        face.fill([stroke(finger, 0.14, (1, 0.85)), ellipse((x, y), (0.06, 0.06), 14)], skin, 1.0, 0.006)
    palm = ellipse((at[0] + side * 0.12, at[1] + 0.75), (0.34, 0.36), 20)
    face.fill([palm], skin, 1.0, 0.02)
