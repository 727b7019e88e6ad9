"""Drawing one face: a random person with an expression, as a simulated photograph."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bimodal.errors import InputError
from bimodal.synthetic.camera import Image, background, canvas_side, expose, head_light
from bimodal.synthetic.canvas import Canvas
from bimodal.synthetic.expression import EMOTION_UNITS, shape_of
from bimodal.synthetic.face import FacePainter
from bimodal.synthetic.hair import paint_before, paint_behind
from bimodal.synthetic.occlusion import paint_occlusion
from bimodal.synthetic.person import draw_person
from bimodal.synthetic.view import View


@dataclass(frozen=True)
class Difficulty:
    """How hard it is to recognise the emotion of a drawn face; the demo uses the defaults."""

    weakest: float = 0.75  # the least strength of an action unit; the strengths are uniform from here to 1
    variety: float = 1.0  # of the geometry of faces, see `draw_person`
    yaw: float = 0.13  # standard deviation in radians, as the next two
    pitch: float = 0.08
    roll: float = 0.1
    zoom: float = 0.08  # standard deviation of the logarithm of the scale
    shift: float = 0.045  # standard deviation of the centre, as a fraction of the side
    occlusion: float = 0.06  # the probability that an object covers a part of the face


DEFAULT = Difficulty()


def draw_face(emotion: int, rng: np.random.Generator, size: int = 96, difficulty: Difficulty = DEFAULT) -> Image:
    """Draw a random person with an emotion (0 to 6); each of its action units has a random strength.

    Returns RGB, uint8 (size, size, 3), with a size of 32 to 512 pixels.

    Raises:
        InputError: the emotion or the size is out of its range.

    >>> draw_face(3, np.random.default_rng(0)).shape
    (96, 96, 3)
    """
    if emotion not in EMOTION_UNITS:
        raise InputError(f"the code of an emotion must be from 0 to 6, got {emotion}")
    strengths = {unit: float(rng.uniform(difficulty.weakest, 1)) for unit in EMOTION_UNITS[emotion]}
    if rng.random() < 0.25:  # persons with any emotion speak or blink
        strengths[25] = float(rng.uniform(0.2, 1))
    if rng.random() < 0.05:
        strengths[43] = float(rng.uniform(0.5, 1))
    return draw_action_units(strengths, rng, size, difficulty)


def draw_action_units(
    strengths: Mapping[int, float], rng: np.random.Generator, size: int = 96, difficulty: Difficulty = DEFAULT
) -> Image:
    """Draw a random person whose action units have the given strengths.

    The person and the rest of the picture depend only on the state of the generator, not on the strengths.

    Args:
        strengths: by action unit (see `expression.UNITS`), from 0 (at rest) to 1; missing units are at rest.
        rng, size, difficulty: as for `draw_face`.

    Raises:
        InputError: an action unit is unknown, or a strength or the size is out of its range.

    >>> draw_action_units({6: 1.0, 12: 1.0}, np.random.default_rng(0), size=64).dtype
    dtype('uint8')
    """
    side = canvas_side(size)
    person = draw_person(rng, difficulty.variety)
    view = _view(rng, side, difficulty)
    light = head_light(view, side, rng)
    canvas = Canvas(background(side, rng))
    face = FacePainter(person, shape_of(person, strengths))
    paint_behind(face)
    face.paint()
    paint_before(face)
    paint_occlusion(face, rng, difficulty.occlusion)
    canvas.paint(view.place(face.layers))
    colours, covered = canvas.planes[:3], canvas.planes[3]
    colours *= 1 + covered * (light - 1)
    return expose(colours, size, rng)


def _view(rng: np.random.Generator, side: int, difficulty: Difficulty) -> View:
    yaw, pitch, roll, zoom, dx, dy = np.clip(rng.normal(size=6), -1.9, 1.9)
    return View(
        yaw=difficulty.yaw * yaw,
        pitch=difficulty.pitch * pitch,
        roll=difficulty.roll * roll,
        scale=side * 0.43 * float(np.exp(difficulty.zoom * zoom)),
        centre=(side * (0.5 + difficulty.shift * dx), side * (0.51 + difficulty.shift * dy)),
    )
