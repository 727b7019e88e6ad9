"""Drawing pictures without a face, which have no right label."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bimodal.synthetic.camera import background, canvas_side, expose
from bimodal.synthetic.canvas import Canvas, Layer
from bimodal.synthetic.curves import Points, ellipse, smooth, stroke

Painter = Callable[[np.random.Generator], list[Layer]]
_BARK = np.array([92.0, 64.0, 42.0])


def draw_scenery(rng: np.random.Generator, size: int = 96) -> NDArray[np.uint8]:
    """Draw a tree, a house, a pattern, a ball or scribbles: RGB, uint8 (size, size, 3), with a size of 32 to 512 pixels.

    Raises:
        InputError: the size is out of its range.

    >>> draw_scenery(np.random.default_rng(0), 64).shape
    (64, 64, 3)
    """
    side = canvas_side(size)
    canvas = Canvas(background(side, rng))
    layers = _PAINTERS[int(rng.integers(len(_PAINTERS)))](rng)
    canvas.paint([layer.scaled(side) for layer in layers])
    return expose(canvas.planes[:3], size, rng)


# In the painters below, x and y run from 0 to 1 over the picture.


def _box(x: float, y: float, width: float, height: float) -> Points:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def _ground(rng: np.random.Generator) -> Layer:
    y = rng.uniform(0.7, 0.85)
    hill = smooth([[-0.1, y + 0.05], [0.3, y - 0.06], [0.7, y + 0.04], [1.1, y - 0.02]])
    ground = np.concatenate([hill, [[1.2, 1.2], [-0.2, 1.2]]])
    return Layer([ground], np.array([84.0, 132.0, 62.0]) * rng.uniform(0.6, 1.3))


def _tree(rng: np.random.Generator) -> list[Layer]:
    x = rng.uniform(0.35, 0.65)
    leaves = np.array([58.0, 118.0, 52.0]) * rng.uniform(0.6, 1.4) + rng.normal(0, 12, 3)
    crown = [x, 0.36] + rng.normal(0, 1, (12, 2)) * [0.13, 0.10]
    trunk = [[x, 0.92], [x + 0.01, 0.7], [x, 0.35]]
    balls = [ellipse((cx, cy), (0.12, 0.11)) for cx, cy in crown.tolist()]
    lights = [ball * 0.55 + (centre - [0.04, 0.05]) * 0.45 for ball, centre in zip(balls, crown, strict=True)]
    return [
        _ground(rng),
        Layer([stroke(trunk, 0.10, (1.3, 0.4))], _BARK),
        Layer(balls, leaves),
        Layer(lights, leaves * 1.25, 0.6, 0.03),
    ]


def _house(rng: np.random.Generator) -> list[Layer]:
    left, right, top = rng.uniform(0.12, 0.25), rng.uniform(0.7, 0.88), rng.uniform(0.42, 0.52)
    wall, roof = rng.uniform(90, 240, 3), np.array([150.0, 70.0, 54.0]) * rng.uniform(0.5, 1.3)
    ridge = (left + right) / 2 + rng.normal(0, 0.05)
    span = right - left
    panes = [_box(left + span * share, top + 0.09, 0.12, 0.12) for share in (0.10, 0.42, 0.74)]
    frames = [stroke(np.concatenate([pane, pane[:2]]), 0.02, (1, 1)) for pane in panes]
    return [
        _ground(rng),
        Layer([_box(left, top, span, 0.42)], wall),
        Layer([np.array([[left - 0.06, top], [ridge, top - 0.28], [right + 0.06, top]])], roof),
        Layer(panes, np.array([64.0, 84.0, 108.0])),
        Layer(frames, np.array([240.0, 238.0, 230.0])),
        Layer([_box(left + span * 0.4, top + 0.24, 0.13, 0.18)], roof * 0.6),
    ]


def _pattern(rng: np.random.Generator) -> list[Layer]:
    count, turn = int(rng.integers(4, 9)), rng.uniform(0, np.pi)
    colours = rng.uniform(20, 240, (2, 3))
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    cell = 1.6 / count
    is_round = rng.random() < 0.5
    tile = ellipse((cell / 2, cell / 2), (cell * 0.4, cell * 0.4), 20) if is_round else _box(0, 0, cell, cell)
    places = [(i, j) for i in range(count) for j in range(count) if (i + j) % 2 == 0]
    tiles = [(tile + np.array(place) * cell - 0.8) @ matrix + 0.5 for place in places]
    return [Layer([_box(-0.1, -0.1, 1.2, 1.2)], colours[0]), Layer(tiles, colours[1])]


def _ball(rng: np.random.Generator) -> list[Layer]:
    x, y, radius = rng.uniform(0.4, 0.6), rng.uniform(0.42, 0.58), rng.uniform(0.22, 0.36)
    colour, stripe = rng.uniform(40, 240, (2, 3))
    ball = ellipse((x, y), (radius, radius), 48)
    band = smooth([[-1.1, 0.1], [-0.4, 0.45], [0.4, 0.45], [1.1, 0.1]]) * radius + [x, y]
    dark_side = ellipse((x + radius * 0.5, y + radius * 0.6), (radius * 0.9, radius * 0.8))
    gleam = ellipse((x - radius * 0.35, y - radius * 0.4), (radius * 0.25, radius * 0.2))
    return [
        Layer([ellipse((x, y + radius), (radius * 0.9, radius * 0.2))], np.zeros(3), 0.45, 0.03),
        Layer([ball], colour),
        Layer([stroke(band, radius * 0.4, (1, 1))], stripe, clip=ball),
        Layer([dark_side], np.zeros(3), 0.5, 0.08, ball),
        Layer([gleam], np.full(3, 255.0), 0.7, 0.04),
    ]


def _scribbles(rng: np.random.Generator) -> list[Layer]:
    paper = np.array([[0.06, 0.04], [0.95, 0.07], [0.93, 0.97], [0.04, 0.94]])
    lines = []
    for row in range(int(rng.integers(5, 9))):
        words = np.sort(rng.uniform(0.12, 0.88, 6)).reshape(3, 2)
        for start, end in words:
            count = max(int((end - start) * 50), 3)
            across = np.linspace(start, end, count)
            height = 0.14 + row * 0.09 + rng.normal(0, 0.016, count)
            lines.append(stroke(smooth(np.stack([across, height], 1), rounds=2), 0.014, (1, 1)))
    return [Layer([paper], np.array([236.0, 232.0, 220.0])), Layer(lines, rng.uniform(10, 90, 3))]


_PAINTERS: tuple[Painter, ...] = (_tree, _house, _pattern, _ball, _scribbles)
