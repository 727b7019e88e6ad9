"""Drawing one face: curves, layers, the view, and what each action unit moves."""

from collections.abc import Callable

import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.synthetic.canvas import Canvas, Layer
from bimodal.synthetic.curves import ellipse, smooth, stroke
from bimodal.synthetic.expression import EMOTION_UNITS, UNITS, Shape, shape_of
from bimodal.synthetic.person import draw_person
from bimodal.synthetic.photograph import draw_action_units, draw_face
from bimodal.synthetic.scenery import draw_scenery
from bimodal.synthetic.view import View
from bimodal.vision.pictures import is_blank


def cut_corners(points: list[tuple[float, float]], closed: bool) -> list[tuple[float, float]]:
    """Apply one round of Chaikin's rule, point by point."""
    pairs = list(zip(points, points[1:] + points[:1] if closed else points[1:], strict=False))
    new = []
    for (ax, ay), (bx, by) in pairs:
        new += [(0.75 * ax + 0.25 * bx, 0.75 * ay + 0.25 * by), (0.25 * ax + 0.75 * bx, 0.25 * ay + 0.75 * by)]
    if not closed:
        new[0], new[-1] = points[0], points[-1]
    return new


@pytest.mark.parametrize("closed", [True, False])
def test_smooth_is_chaikins_rule(closed: bool) -> None:
    points = np.random.default_rng(0).normal(size=(5, 2))
    slow = [tuple(point) for point in points.tolist()]
    for _ in range(3):
        slow = cut_corners(slow, closed)
    np.testing.assert_allclose(smooth(points, closed, rounds=3), slow, atol=1e-12)


def test_stroke_is_as_wide_as_asked_across_its_direction() -> None:
    line = np.array([[0.0, 0], [3, 4], [6, 8]])
    outline = stroke(line, 2.0, (1, 1))
    left, right = outline[:3], outline[3:][::-1]
    np.testing.assert_allclose(np.linalg.norm(left - right, axis=1), 2.0)
    np.testing.assert_allclose((left - right) @ [3, 4], 0, atol=1e-12)


def test_canvas_covers_the_area_of_a_polygon() -> None:
    canvas = Canvas(np.zeros((96, 96, 3), np.float32))
    canvas.paint([Layer([ellipse((48.3, 47.6), (30.0, 20.0), 200)], np.full(3, 100.0))])
    assert canvas.planes[3].sum() == pytest.approx(np.pi * 30 * 20, rel=0.06)  # its edge is up to half a pixel wide
    assert canvas.planes[0].max() == 100


def test_canvas_mixes_by_alpha_and_paints_nothing_outside_the_clip() -> None:
    canvas = Canvas(np.full((40, 40, 3), 50, np.float32))
    square = np.array([[5.0, 5], [35, 5], [35, 35], [5, 35]])
    canvas.paint([Layer([square], np.array([250.0, 50, 50]), alpha=0.25, clip=square * [0.5, 1])])
    assert canvas.planes[:3, 20, 10].tolist() == pytest.approx([100, 50, 50])
    assert canvas.planes[:3, 20, 30].tolist() == [50, 50, 50]


def test_canvas_ignores_polygons_outside_it() -> None:
    canvas = Canvas(np.zeros((40, 40, 3), np.float32))
    for shift in (-500, -41, 41, 500):
        canvas.paint([Layer([ellipse((20 + shift, 20 + shift), (9, 9))], np.full(3, 255.0), soft=2.0)])
    assert canvas.planes[:, 8:32, 8:32].max() == 0


def test_view_turns_nods_and_tilts_as_rotations_do() -> None:
    view = View(0.3, -0.2, 0.1, 50.0, (90.0, 100.0))
    x, y, lift = 0.3, -0.4, 0.1
    depth = 0.85 * np.sqrt(1 - x**2 - (y / 1.35) ** 2) - 0.35 + lift
    yawed = x * np.cos(0.3) + depth * np.sin(0.3), depth * np.cos(0.3) - x * np.sin(0.3)
    nodded = y * np.cos(-0.2) + yawed[1] * np.sin(-0.2)
    tilted = complex(yawed[0], nodded) * np.exp(0.1j)
    expected = [tilted.real * 50 + 90, tilted.imag * 50 + 100]
    np.testing.assert_allclose(view.project(np.array([[x, y]]), np.array([lift]))[0], expected)


def opening(shape: Shape) -> float:
    return float((shape.lower_lid[:, 1] - shape.upper_lid[:, 1]).max())


def lips(shape: Shape) -> float:
    above = shape.mouth_top[:, 1] - shape.lip_top[:, 1]
    below = shape.lip_bottom[:, 1] - shape.mouth_bottom[:, 1]
    return float((above + below).max())


RISES: dict[str, tuple[int, Callable[[Shape], float]]] = {
    "inner brow up": (1, lambda s: -s.brow[0, 1]),
    "outer brow up": (2, lambda s: -s.brow[-1, 1]),
    "inner brow down": (4, lambda s: s.brow[0, 1]),
    "brows together": (4, lambda s: -s.brow[0, 0]),
    "upper lid up": (5, lambda s: -s.upper_lid[6, 1]),
    "lower lid up by the cheek": (6, lambda s: -s.lower_lid[6, 1]),
    "eyes narrower": (7, lambda s: -opening(s)),
    "nose wings up": (9, lambda s: s.nostril_lift),
    "wrinkled nose": (9, lambda s: s.nose_wrinkle),
    "corners up": (12, lambda s: -s.mouth_top[-1, 1]),
    "corners apart": (12, lambda s: s.mouth_top[-1, 0]),
    "corners down": (15, lambda s: s.mouth_top[-1, 1]),
    "lower lip down": (16, lambda s: s.lip_bottom[10, 1]),
    "mouth wider": (20, lambda s: s.mouth_top[-1, 0] - s.mouth_top[0, 0]),
    "lips thinner": (23, lambda s: -lips(s)),
    "lips apart": (25, lambda s: s.gap),
    "jaw down": (26, lambda s: s.jaw_drop),
    "mouth open": (26, lambda s: s.gap),
    "eyes closed": (43, lambda s: -opening(s)),
}


@pytest.mark.parametrize("name", RISES)
def test_an_action_unit_moves_its_part_of_the_face_further_the_stronger_it_is(name: str) -> None:
    unit, measure = RISES[name]
    for seed in range(5):
        person = draw_person(np.random.default_rng(seed))
        values = [measure(shape_of(person, {unit: strength})) for strength in (0.0, 0.3, 0.6, 1.0)]
        assert (np.diff(values) > 0).all(), (seed, values)


def test_every_action_unit_is_checked_above_and_every_emotion_can_be_drawn() -> None:
    assert {unit for unit, _ in RISES.values()} == set(UNITS)
    assert {unit for units in EMOTION_UNITS.values() for unit in units} <= set(UNITS)


def test_lids_and_lips_never_cross() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        strengths = {unit: float(rng.random()) for unit in UNITS}
        shape = shape_of(draw_person(rng), strengths)
        assert (shape.lower_lid[:, 1] - shape.upper_lid[:, 1]).min() > -1e-9
        for upper, lower in ((shape.lip_top, shape.mouth_top), (shape.mouth_top, shape.mouth_bottom)):
            assert (lower[:, 1] - upper[:, 1]).min() > -1e-9


def test_the_same_generator_gives_the_same_person_with_any_expression() -> None:
    for seed in range(6):
        rest, smile = (draw_action_units(units, np.random.default_rng(seed)) for units in ({}, {12: 1.0}))
        change = np.abs(rest.astype(int) - smile).mean((1, 2))
        assert change[50:80].mean() > 20 * change[:20].mean(), seed  # the mouth has changed, the forehead has not
        assert change[50:80].mean() > 0.5


@pytest.mark.parametrize("size", [32, 50, 96, 512])
def test_any_size_is_drawn_and_no_picture_is_blank(size: int) -> None:
    for image in (draw_face(2, np.random.default_rng(1), size), draw_scenery(np.random.default_rng(1), size)):
        assert image.shape == (size, size, 3)
        assert image.dtype == np.uint8
        assert not is_blank(image)


def test_sceneries_and_faces_have_contrast() -> None:
    for seed in range(30):
        assert draw_scenery(np.random.default_rng(seed), 32).std() > 4
        assert draw_face(seed % 7, np.random.default_rng(seed), 32).std() > 4


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda rng: draw_face(7, rng), "got 7"),
        (lambda rng: draw_face(0, rng, 31), "got 31"),
        (lambda rng: draw_face(0, rng, 513), "got 513"),
        (lambda rng: draw_scenery(rng, 0), "got 0"),
        (lambda rng: draw_action_units({3: 0.5}, rng), "action unit 3"),
        (lambda rng: draw_action_units({12: 1.5}, rng), "got 1.5"),
        (lambda rng: draw_action_units({12: float("nan")}, rng), "got nan"),
    ],
)
def test_bad_input_is_named(call: Callable[[np.random.Generator], object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        call(np.random.default_rng(0))
