"""Painting the face of a person with an expression, in layers."""

from collections.abc import Sequence

import numpy as np

from bimodal.synthetic.canvas import Colour, Layer
from bimodal.synthetic.curves import Points, ellipse, mirrored, smooth, stroke, symmetric
from bimodal.synthetic.expression import Shape
from bimodal.synthetic.person import Person

_WHITE = np.array([255.0, 255.0, 255.0])
_DARK = np.array([30.0, 16.0, 16.0])


class FacePainter:
    """Collects the layers of one face, from back to front, in the units of `Person`."""

    def __init__(self, person: Person, shape: Shape) -> None:
        self.person, self.shape = person, shape
        self.layers: list[Layer] = []
        self.shade = person.skin * np.array([0.60, 0.50, 0.47])
        self.crease = person.skin * np.array([0.50, 0.38, 0.34])
        self.light = person.skin + (_WHITE - person.skin) * 0.45
        self.outline = self._outline()

    def paint(self) -> None:
        """Paint the neck, the head and its features, without hair, beard, glasses and headwear (see `hair.py`)."""
        self._neck()
        self._ears()
        self._head()
        self._folds()
        self._nose()
        self._mouth()
        self._eyes()

    def fill(
        self,
        polygons: Sequence[Points],
        colour: Colour,
        alpha: float = 1.0,
        soft: float = 0.0,
        clip: Points | None = None,
        lift: float = 0.0,
    ) -> None:
        """Add a layer; the arguments are those of `Layer`."""
        self.layers.append(Layer(polygons, colour, alpha, soft, clip, lift))

    def both(self, polygon: Points, colour: Colour, alpha: float = 1.0, soft: float = 0.0) -> None:
        """Add an outline and its mirror image."""
        self.fill([polygon, mirrored(polygon)], colour, alpha, soft)

    def _outline(self) -> Points:
        p, drop = self.person, self.shape.jaw_drop
        top = [[0.26, -1.12], [p.cheek * 0.80, -0.98], [p.cheek * 1.02, -0.55], [p.cheek * 1.04, -0.1]]
        jaw = [[p.cheek * 0.98 + 0.02 * self.shape.cheek, 0.2], [p.jaw, 0.55 + 0.6 * drop]]
        return symmetric([*top, *jaw, [p.chin, p.length - 0.03 + drop], [p.chin * 0.45, p.length + 0.03 + drop]])

    def _neck(self) -> None:
        p = self.person
        wide = p.jaw * 0.78
        neck = np.array(
            [[-wide, 0.3], [wide, 0.3], [wide, 1.25], [1.2, 1.5], [1.2, 3], [-1.2, 3], [-1.2, 1.5], [-wide, 1.25]]
        )
        self.fill([neck], p.skin * 0.82)
        chin = self.outline[self.outline[:, 1] > 0.2] + [0.0, 0.12]
        self.fill([chin], self.shade, 0.7, 0.05)
        neckline = [[-wide - 0.05, 1.2], [0, 1.62], [wide + 0.05, 1.2]]
        shoulders = [[1.0, 1.42], [1.6, 1.75], [1.8, 3.2], [-1.8, 3.2], [-1.6, 1.75], [-1.0, 1.42]]
        self.fill([np.array([*neckline, *shoulders])], p.cloth)
        self.fill([stroke(neckline, 0.05, (1, 1))], p.cloth * 0.6, 0.8, 0.01)

    def _ears(self) -> None:
        p = self.person
        self.both(ellipse((p.cheek * 1.03, 0.02), (0.10, 0.19), 20), p.skin * 0.93)
        self.both(ellipse((p.cheek * 1.04, 0.03), (0.05, 0.11), 14), self.shade, 0.6, 0.015)

    def _head(self) -> None:
        p, s = self.person, self.shape
        self.fill([self.outline], p.skin)
        # soft colour on cheeks, temples and chin makes the head look round
        blush = p.skin * np.array([1.0, 0.74, 0.70])
        self.both(ellipse((p.cheek * 0.60, 0.24 - 0.05 * s.cheek), (0.17, 0.12), 14), blush, 0.40, 0.07)
        cheekbone = ellipse((p.cheek * 0.58, 0.14 - 0.06 * s.cheek), (0.13, 0.06), 14)
        self.both(cheekbone, self.light, 0.25 + 0.35 * s.cheek, 0.05)
        self.fill([ellipse((0, -0.55), (0.36, 0.14), 14)], self.light, 0.35, 0.10)
        self.fill([ellipse((0, p.length - 0.12 + s.jaw_drop), (0.12, 0.07), 14)], self.light, 0.35, 0.05)
        hollow = np.array([[p.cheek * 0.95, 0.15], [p.cheek * 0.62, 0.42], [p.jaw * 0.85, 0.72], [p.jaw * 1.05, 0.5]])
        self.both(hollow, self.shade, 0.30, 0.07)
        # eye sockets, deeper towards the nose
        socket = ellipse((p.eye_x * 0.97, p.eye_y - 0.05), (p.eye_width * 1.25, 0.12), 16)
        self.both(socket, self.shade, 0.34, 0.05)
        if p.freckles:
            spots = np.random.default_rng(int(p.age * 1e6)).normal(0, 1, (26, 2)) * [0.26, 0.09] + [0, 0.15]
            self.fill([ellipse((x, y), (0.012, 0.012), 6) for x, y in spots], self.crease, 0.30, 0.004)

    def _folds(self) -> None:
        """Paint the wrinkles of age and of the expression, each as a soft dark stroke."""
        self._forehead_folds()
        self._eye_folds()
        self._mouth_folds()

    def _forehead_folds(self) -> None:
        p, s = self.person, self.shape
        top = float(s.brow[:, 1].min())
        depth = 0.5 * s.forehead_middle + 0.5 * s.forehead
        for row, height in enumerate((0.11, 0.19, 0.27)):
            y, reach = top - height, 0.30 - 0.04 * row
            if y < p.hairline + 0.04:
                break
            left, right = [[-reach, y + 0.03], [-reach / 2, y]], [[reach / 2, y], [reach, y + 0.03]]
            curve = smooth([*left, [0, y + 0.012], *right], rounds=2)
            self.fill([stroke(curve, 0.026)], self.crease, 0.60 * depth, 0.008)
        # between the brows
        x, y = float(s.brow[0, 0]) * 0.45, float(s.brow[0, 1])
        furrow = [[x * 1.15, y - 0.07], [x * 0.9, y], [x * 1.0, y + 0.08]]
        self.both(stroke(furrow, 0.032), self.crease, 0.85 * s.frown, 0.008)
        # across the root of the nose
        if s.nose_wrinkle > 0.02:
            root = p.eye_y + 0.03
            heights = [root + offset for offset in (-0.06, 0.0, 0.06)]
            curves = [smooth([[-0.085, y - 0.02], [0, y + 0.02], [0.085, y - 0.02]], rounds=2) for y in heights]
            self.fill([stroke(curve, 0.028) for curve in curves], self.crease, 0.80 * s.nose_wrinkle, 0.008)
            sides = [[0.05, root + 0.06], [0.10, root + 0.12], [0.12, root + 0.2]]
            self.both(stroke(sides, 0.03), self.crease, 0.7 * s.nose_wrinkle, 0.01)

    def _eye_folds(self) -> None:
        """Paint crow's feet and the bags under the eyes."""
        s = self.shape
        x, y = s.lower_lid[-1] + [0.03, 0.0]
        feet = [stroke([[x, y], [x + 0.06, y + dy / 2], [x + 0.12, y + dy]], 0.02) for dy in (-0.07, 0.0, 0.07)]
        self.fill([*feet, *map(mirrored, feet)], self.crease, 0.7 * s.crow_feet, 0.006)
        bag = s.lower_lid + np.array([0.0, 0.05])
        bag[:, 1] += 0.035 * (1 - np.linspace(-1, 1, len(bag)) ** 2)
        self.both(stroke(bag, 0.03), self.crease, 0.5 * s.eye_bag, 0.01)

    def _mouth_folds(self) -> None:
        p, s = self.person, self.shape
        # from the nose past the corner of the mouth
        mouth = s.mouth_top[-1]
        wing = np.array([p.nose_width * 1.12, p.nose_y - 0.05 - s.nostril_lift])
        bulge = np.array([max(mouth[0] + 0.05, 0.27), (wing[1] + mouth[1]) / 2 - 0.02])
        end = [bulge[0] + 0.03, mouth[1] + 0.02]
        fold = smooth([wing, (wing + bulge) / 2 + [0.02, -0.01], bulge, end], rounds=2)
        self.both(stroke(fold, 0.036), self.crease, 0.62 * s.nasolabial, 0.012)
        self.both(stroke(fold + np.array([0.05, -0.02]), 0.07), self.light, 0.35 * s.nasolabial, 0.02)
        # below the corners of the mouth, and above the chin
        down = mouth + np.array([[0.015, 0.01], [0.045, 0.07], [0.05, 0.15]])
        self.both(stroke(down, 0.03), self.crease, 0.7 * s.corner_fold, 0.01)
        under = float(s.lip_bottom[:, 1].max()) + 0.05
        dent = [[-0.12, under + 0.015], [0, under], [0.12, under + 0.015]]
        self.fill([stroke(dent, 0.05)], self.shade, 0.65 * s.chin_fold, 0.02)

    def _nose(self) -> None:
        p = self.person
        lift, base, wide = self.shape.nostril_lift, p.nose_y, p.nose_width
        down = [[0.055, p.eye_y - 0.13], [0.075, p.eye_y], [0.07, base - 0.18], [wide * 0.95, base - 0.06]]
        self.both(np.array([*down, [wide * 0.6, base - 0.03], [0.045, base - 0.2]]), self.shade, 0.33, 0.02)
        top, bottom = p.eye_y - 0.08, base - 0.12
        bridge = np.array([[-0.022, top], [0.022, top], [0.03, bottom], [-0.03, bottom]])
        self.fill([bridge], self.light, 0.55, 0.018, lift=0.12)
        self.fill([ellipse((0, base - 0.07), (0.05, 0.04), 12)], self.light, 0.6, 0.02, lift=0.2)
        wing = ellipse((wide * 0.80, base - 0.045 - lift), (0.05, 0.055), 14)
        self.both(wing, p.skin * 0.95, 0.5, 0.01)
        outer = [[wide * 0.98, base - 0.10 - lift], [wide * 1.12, base - 0.05 - lift]]
        arc = smooth([*outer, [wide * 0.95, base - lift * 0.8]], rounds=2)
        self.both(stroke(arc, 0.028), self.crease, 0.75, 0.006)
        y = base - 0.01 - lift * 0.8
        middle = [[-wide * 0.3, base + 0.005], [0, base + 0.02], [wide * 0.3, base + 0.005]]
        under = smooth([[-wide * 0.85, y], *middle, [wide * 0.85, y]], rounds=2)
        self.fill([stroke(under, 0.045)], self.shade, 0.85, 0.012, lift=0.06)
        nostril = ellipse((wide * 0.47, base - 0.012 - lift * 0.5), (0.036, 0.018), 10)
        self.fill([nostril, mirrored(nostril)], self.crease * 0.45, 0.85, 0.005, lift=0.06)

    def _eyes(self) -> None:
        p, s = self.person, self.shape
        radius = p.eye_width * 0.50
        for flip in (lambda q: q, mirrored):
            upper, lower = flip(s.upper_lid), flip(s.lower_lid)
            eye = np.concatenate([upper, lower[::-1]])
            x = float(upper[6, 0])
            self.fill([eye], np.array([238.0, 234.0, 230.0]))
            discs = ((1.0, 24, p.iris * 0.55), (0.82, 20, p.iris * 1.15), (0.45, 16, _DARK * 0.5))
            for share, corners, colour in discs:  # the iris with its edge, and the pupil
                disc = ellipse((x, p.eye_y - 0.008), (radius * share, radius * share), corners)
                self.fill([disc], colour, clip=eye)
            shadow = np.concatenate([upper, upper[::-1] + np.array([0.0, 0.04])])
            self.fill([shadow], _DARK, 0.35, 0.012, clip=eye)
            glint = ellipse((x + 0.03, p.eye_y - 0.035), (0.018, 0.018), 10)
            self.fill([glint], _WHITE, 0.95, 0.003, clip=eye)
        lid, low = s.upper_lid, s.lower_lid
        self.both(stroke(lid, 0.034, (0.3, 0.6)), _DARK, 0.9, 0.004)
        self.both(stroke(low, 0.016, (0.3, 0.5)), self.crease, 0.75, 0.004)
        crease = lid + np.array([0.0, -0.045])
        crease[:, 1] = np.maximum(crease[:, 1], np.interp(lid[:, 0], s.brow[:, 0], s.brow[:, 1]) + 0.05)
        self.both(stroke(crease, 0.022), self.crease, 0.65, 0.006)
        brow = stroke(smooth(s.brow, rounds=2), p.brow_thick * 1.4, (0.75, 0.15))
        self.both(brow, p.brow, 0.88, 0.008)

    def _mouth(self) -> None:
        p, s = self.person, self.shape
        top, inner_top, inner_bottom, bottom = s.lip_top, s.mouth_top, s.mouth_bottom, s.lip_bottom
        self.fill([ellipse((0, float(top[10, 1]) - 0.07), (0.03, 0.05), 10)], self.shade, 0.3, 0.015)  # the philtrum
        self.fill([np.concatenate([top, inner_top[::-1]])], p.lip * 0.90, 0.92, 0.006)
        self.fill([np.concatenate([inner_bottom, bottom[::-1]])], p.lip, 0.92, 0.006)
        shine = (inner_bottom + bottom) / 2
        self.fill([stroke(shine[6:15], 0.022)], _WHITE, 0.30, 0.008)
        if s.gap > 0.012:
            opening = np.concatenate([inner_top, inner_bottom[::-1]])
            self.fill([opening], np.array([66.0, 22.0, 24.0]), 1.0, 0.003)
            tongue = ellipse((0, float(inner_bottom[10, 1])), (0.15, 0.35 * s.gap), 14)
            self.fill([tongue], np.array([176.0, 82.0, 84.0]), 0.8, 0.015, clip=opening)
            height = inner_bottom - inner_top
            teeth = np.array([232.0, 226.0, 214.0])
            if s.upper_teeth > 0.05:
                edge = inner_top + np.minimum(height * s.upper_teeth, 0.055)
                self.fill([np.concatenate([inner_top, edge[::-1]])[1:-1]], teeth, 0.95, 0.004, clip=opening)
            if s.lower_teeth > 0.05:
                edge = inner_bottom - np.minimum(height * 0.6 * s.lower_teeth, 0.045)
                self.fill([np.concatenate([edge, inner_bottom[::-1]])], teeth * 0.93, 0.9, 0.004, clip=opening)
            self.fill([stroke(inner_top, 0.014, (0.8, 0.8))], _DARK, 0.6, 0.004)
        else:
            self.fill([stroke((inner_top + inner_bottom) / 2, 0.032, (0.5, 0.5))], self.crease * 0.6, 0.9, 0.005)
        corner = ellipse((float(inner_top[-1, 0]) + 0.005, float(inner_top[-1, 1])), (0.02, 0.018), 8)
        self.both(corner, self.crease, 0.6, 0.012)
