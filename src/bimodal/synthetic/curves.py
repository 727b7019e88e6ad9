"""Outlines to draw with: rounded polylines, brush strokes and ellipses."""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
"""Points as rows of x (to the right) and y (downwards), float64 (n, 2)."""


def smooth(points: ArrayLike, closed: bool = False, rounds: int = 3) -> Points:
    """Round a polyline (n, 2) by cutting its corners (Chaikin, 1974); the ends of an open one are kept.

    Each round about doubles the number of points; `closed` connects the last point to the first.

    >>> smooth([[0.0, 0], [1, 1], [2, 0]], rounds=1).tolist()
    [[0.0, 0.0], [0.75, 0.75], [1.25, 0.75], [2.0, 0.0]]
    """
    given = np.asarray(points, np.float64)
    return np.asarray(_cutter(len(given), closed, rounds) @ given)


@cache
def _cutter(count: int, closed: bool, rounds: int) -> NDArray[np.float64]:
    """Return the matrix from `count` points to the rounded ones; cutting corners is linear."""
    points = np.eye(count)
    for _ in range(rounds):
        start, end = (points, np.roll(points, -1, 0)) if closed else (points[:-1], points[1:])
        cut = np.stack([0.75 * start + 0.25 * end, 0.25 * start + 0.75 * end], 1).reshape(-1, count)
        if not closed:
            cut[0], cut[-1] = points[0], points[-1]
        points = cut
    return points


def stroke(points: ArrayLike, width: float, taper: tuple[float, float] = (0.0, 0.0)) -> Points:
    """Return the outline of a brush stroke along a polyline (n, 2) of at least two points.

    `width` is the width in the middle, and `taper` the width at the start and at the end as fractions of it.

    >>> stroke([[0.0, 0], [1, 0], [2, 0]], 0.5, (1.0, 1.0)).tolist()
    [[0.0, 0.25], [1.0, 0.25], [2.0, 0.25], [2.0, -0.25], [1.0, -0.25], [0.0, -0.25]]
    """
    line = np.asarray(points, np.float64)
    ahead = np.empty_like(line)
    ahead[1:-1] = line[2:] - line[:-2]
    ahead[0], ahead[-1] = line[1] - line[0], line[-1] - line[-2]
    length = np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)
    aside = (ahead @ _QUARTER_TURN) * (width / 2 * _profile(len(line), taper) / length)[:, None]
    return np.concatenate([line + aside, (line - aside)[::-1]])


_QUARTER_TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])


@cache
def _profile(count: int, taper: tuple[float, float]) -> NDArray[np.float64]:
    along = np.linspace(0, 1, count)
    base = taper[0] + (taper[1] - taper[0]) * along
    return np.asarray(base + (1 - base) * np.sin(np.pi * along))


def ellipse(centre: tuple[float, float], radii: tuple[float, float], corners: int = 28) -> Points:
    """Return the outline of an ellipse as a polygon.

    >>> ellipse((1.0, 2.0), (1.0, 1.0), corners=4).round(6).tolist()
    [[2.0, 2.0], [1.0, 3.0], [0.0, 2.0], [1.0, 1.0]]
    """
    return np.asarray(_circle(corners) * radii + centre)


@cache
def _circle(corners: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.asarray(np.stack([np.cos(angle), np.sin(angle)], 1))


def mirrored(points: ArrayLike) -> Points:
    """Return the mirror image of points on the other side of the face.

    >>> mirrored([[1.0, 2]]).tolist()
    [[-1.0, 2.0]]
    """
    return np.asarray(points) * [-1.0, 1.0]


def symmetric(right: ArrayLike, rounds: int = 3) -> Points:
    """Return the rounded closed outline through points on the right side, from top to bottom, and their mirror image."""
    return smooth(np.concatenate([np.asarray(right), mirrored(right)[::-1]]), closed=True, rounds=rounds)
