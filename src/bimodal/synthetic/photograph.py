"""One drawn face: a person by lot, an expression, and all that gets between the two and the picture."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bimodal.errors import InputError
from bimodal.synthetic.camera import Image, background, canvas_side, expose, head_light
from bimodal.synthetic.canvas import Canvas
from bimodal.synthetic.expression import EMOTION_UNITS, check_units, shape_of
from bimodal.synthetic.face import FacePainter
from bimodal.synthetic.hair import paint_before, paint_behind
from bimodal.synthetic.occlusion import paint_occlusion
from bimodal.synthetic.person import draw_person
from bimodal.synthetic.view import View


@dataclass(frozen=True)
class Circumstances:
    """How much gets between a face and its emotion. The defaults make the demo's task: hard, not hopeless."""

    weakest: float = 0.75  # action units have strengths from here to 1
    variety: float = 1.0  # of the geometry of faces
    yaw: float = 0.13  # standard deviations of the pose: radians
    pitch: float = 0.08
    roll: float = 0.1
    zoom: float = 0.08  # standard deviation of the logarithm of the scale
    shift: float = 0.045  # of the centre, as a share of the picture
    occlusion: float = 0.06  # how often something is in the way


DEFAULT = Circumstances()


def draw_face(emotion: int, rng: np.random.Generator, size: int = 96, how: Circumstances = DEFAULT) -> Image:
    """Draw somebody who shows an emotion, each of its action units with a strength of its own.

    Args:
        emotion: its code, 0 to 6.
        rng: where chance comes from; the picture depends on nothing else.
        size: the side in pixels, 32 to 512.
        how: how hard the picture is to read.

    Returns:
        Red, green, blue, shape (size, size, 3).

    Raises:
        InputError: for an unknown emotion or size.

    >>> draw_face(3, np.random.default_rng(0)).shape
    (96, 96, 3)
    """
    if emotion not in EMOTION_UNITS:
        raise InputError(f"the code of an emotion must be from 0 to 6, got {emotion}")
    strengths = {unit: float(rng.uniform(how.weakest, 1)) for unit in EMOTION_UNITS[emotion]}
    if rng.random() < 0.25:  # somebody speaks, or blinks: of no emotion in particular
        strengths[25] = float(rng.uniform(0.2, 1))
    if rng.random() < 0.05:
        strengths[43] = float(rng.uniform(0.5, 1))
    return draw_action_units(strengths, rng, size, how)


def draw_action_units(
    strengths: Mapping[int, float], rng: np.random.Generator, size: int = 96, how: Circumstances = DEFAULT
) -> Image:
    """Draw somebody whose action units have the given strengths.

    The same generator state gives the same person in the same picture, whatever the strengths.

    Args:
        strengths: 0 (at rest) to 1 by action unit (see `expression.UNITS`); units left out are at rest.
        rng: where chance comes from.
        size: the side in pixels, 32 to 512.
        how: how hard the picture is to read.

    Returns:
        Red, green, blue, shape (size, size, 3).

    Raises:
        InputError: for an unknown action unit, strength or size.

    >>> draw_action_units({6: 1.0, 12: 1.0}, np.random.default_rng(0), size=64).dtype
    dtype('uint8')
    """
    check_units(strengths)
    side = canvas_side(size)
    person = draw_person(rng, how.variety)
    view = _view(rng, side, how)
    light = head_light(view, side, rng)
    canvas = Canvas(background(side, rng))
    face = FacePainter(person, shape_of(person, strengths))
    paint_behind(face)
    face.paint()
    paint_before(face)
    paint_occlusion(face, rng, how.occlusion)
    canvas.paint(view.place(face.layers))
    colours, covered = canvas.planes[:3], canvas.planes[3]
    colours *= 1 + covered * (light - 1)
    return expose(colours, size, rng)


def _view(rng: np.random.Generator, side: int, how: Circumstances) -> View:
    yaw, pitch, roll, zoom, dx, dy = np.clip(rng.normal(size=6), -1.9, 1.9)
    return View(
        yaw=how.yaw * yaw,
        pitch=how.pitch * pitch,
        roll=how.roll * roll,
        scale=side * 0.43 * float(np.exp(how.zoom * zoom)),
        centre=(side * (0.5 + how.shift * dx), side * (0.51 + how.shift * dy)),
    )
