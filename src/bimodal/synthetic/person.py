"""Random persons: the geometry of a face at rest, its skin, its hair, and glasses and headwear."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float64]

HAIR_STYLES = ("bald", "cropped", "short", "parted", "curly", "bob", "long", "bun", "scarf", "cap")
_MENS_STYLES = np.array([0.14, 0.24, 0.28, 0.16, 0.10, 0.0, 0.03, 0.0, 0.0, 0.05])
_WOMENS_STYLES = np.array([0.01, 0.03, 0.06, 0.10, 0.14, 0.2, 0.24, 0.12, 0.06, 0.04])

# RGB palettes: skin from fair to dark, hair from black to grey; a person has a colour between two neighbours.
_SKIN = np.array([[246, 214, 190], [228, 184, 150], [204, 152, 112], [160, 110, 76], [112, 74, 52], [78, 52, 40]])
_HAIR = np.array(
    [[24, 20, 20], [52, 34, 26], [92, 60, 38], [140, 92, 52], [196, 152, 92], [150, 62, 32], [170, 168, 166]]
)
_IRIS = np.array([[70, 44, 26], [96, 66, 36], [86, 112, 72], [84, 124, 156], [58, 40, 32]])
_GLASSES = {"round": 0.07, "square": 0.14, "dark": 0.155}
"""The kinds of glasses, with the share of persons that have this kind or an earlier one."""


@dataclass(frozen=True)
class Person:
    """A face at rest. Lengths are in units of about half a face's height; y runs down, x to the right."""

    cheek: float  # half the width at the cheekbones
    jaw: float  # half the width at the jaw
    chin: float  # half the width of the chin
    length: float  # y of the chin
    eye_x: float  # distance of an eye from the middle
    eye_y: float
    eye_width: float  # half of it
    eye_open: float  # half the height of the opening
    eye_tilt: float  # the height of the outer corner above the inner one
    brow_gap: float  # from the eye to the brow
    brow_thick: float
    brow_arch: float
    nose_y: float  # of its base
    nose_width: float  # half of it
    mouth_y: float
    mouth_width: float  # half of it
    mouth_curve: float  # how far the corners are lowered at rest
    lip_upper: float
    lip_lower: float
    age: float  # 0 (smooth) to 1 (lined)
    skin: Colour
    lip: Colour
    hair: Colour
    brow: Colour
    iris: Colour
    cloth: Colour
    hair_style: str
    hairline: float  # y of the hairline
    side: float  # -1 or 1: the side on which the hair is parted
    freckles: bool
    stubble: float  # 0 to 1
    beard: bool
    moustache: bool
    glasses: str  # "", "round", "square" or "dark"


def draw_person(rng: np.random.Generator, variety: float = 1.0) -> Person:
    """Return a random person; `variety` scales how much the geometry differs between persons (0: all have the mean face).

    >>> draw_person(np.random.default_rng(3)).age == draw_person(np.random.default_rng(3)).age
    True
    """

    def about(mean: float, spread: float) -> float:
        return mean + variety * spread * float(np.clip(rng.normal(), -2, 2))

    def between(palette: NDArray[np.int_]) -> Colour:
        first = int(rng.integers(len(palette) - 1))
        return np.asarray(palette[first] + rng.random() * (palette[first + 1] - palette[first]) + rng.normal(0, 5, 3))

    man = rng.random() < 0.5
    age = float(rng.beta(1.3, 2.2))
    skin = np.clip(between(_SKIN), 30, 250)
    hair = np.clip(_HAIR[rng.integers(len(_HAIR) - 1)] + rng.normal(0, 8, 3), 8, 240)
    hair = hair + (np.array([172.0, 170, 168]) - hair) * float(np.clip((age - 0.45) * 2, 0, 1) * rng.random())
    made_up = not man and rng.random() < 0.5
    lip = skin * ([0.82, 0.38, 0.42] if made_up else [0.86, 0.60, 0.60])
    style_weights = _MENS_STYLES if man else _WOMENS_STYLES
    has_beard_parts = rng.random(2) < (0.22, 0.12)
    glasses_number = float(rng.random())
    cheek = about(0.73, 0.04)
    return Person(
        cheek=cheek,
        jaw=cheek * about(0.86 if man else 0.80, 0.04),
        chin=about(0.34 if man else 0.27, 0.04),
        length=about(0.97, 0.05),
        eye_x=about(0.335, 0.016),
        eye_y=about(-0.12, 0.03),
        eye_width=about(0.182, 0.012),
        eye_open=about(0.084, 0.009),
        eye_tilt=about(0.012, 0.014),
        brow_gap=about(0.20, 0.022),
        brow_thick=about(0.072 if man else 0.052, 0.012),
        brow_arch=about(0.03 if man else 0.045, 0.014),
        nose_y=about(0.27, 0.03),
        nose_width=about(0.145 if man else 0.125, 0.014),
        mouth_y=about(0.52, 0.03),
        mouth_width=about(0.28, 0.018),
        mouth_curve=about(0.0, 0.018),
        lip_upper=about(0.055, 0.012),
        lip_lower=about(0.075, 0.014),
        age=age,
        skin=skin,
        lip=lip,
        hair=hair,
        brow=hair * 0.75,
        iris=np.clip(between(_IRIS), 15, 200),
        cloth=rng.uniform(20, 235, 3),
        hair_style=str(rng.choice(HAIR_STYLES, p=style_weights / sum(style_weights))),
        hairline=about(-0.70, 0.06),
        side=float(rng.choice([-1.0, 1.0])),
        freckles=bool(rng.random() < 0.08),
        stubble=float(man) * float(rng.random()) ** 2,
        beard=man and bool(has_beard_parts[0]),
        moustache=man and bool(has_beard_parts.any()),
        glasses=next((kind for kind, limit in _GLASSES.items() if glasses_number < limit), ""),
    )
