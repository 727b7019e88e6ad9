"""From where a face is seen: its layers turned, scaled and shifted onto the canvas."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bimodal.synthetic.canvas import Layer
from bimodal.synthetic.curves import Points


@dataclass(frozen=True)
class View:
    """From where a face is seen: angles in radians, the centre and the scale in pixels of the canvas."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    centre: tuple[float, float]

    def place(self, layers: Sequence[Layer]) -> list[Layer]:
        """Return layers of the face, in its own units, as they are seen: in pixels of the canvas."""
        outlines = [outline for layer in layers for outline in _outlines(layer)]
        lengths = np.array([len(outline) for outline in outlines])
        lifts = np.repeat([layer.lift for layer in layers for _ in _outlines(layer)], lengths)
        # all at once: thousands of points in one call cost little more than one polygon
        seen = self.project(np.concatenate(outlines), lifts)
        ends = np.cumsum(lengths).tolist()
        pieces = iter([seen[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)])
        return [
            replace(
                layer,
                polygons=[next(pieces) for _ in layer.polygons],
                clip=None if layer.clip is None else next(pieces),
                soft=layer.soft * self.scale,
            )
            for layer in layers
        ]

    def project(self, points: Points, lift: NDArray[np.float64]) -> Points:
        """Return where points of the face, raised by `lift` from the rounded head, are on the canvas.

        The head is half an ellipsoid, so that features slide over it and foreshorten when it turns.

        >>> View(0.0, 0.0, 0.0, 10.0, (50.0, 50.0)).project(np.array([[0.5, -0.5]]), np.zeros(1)).tolist()
        [[55.0, 45.0]]
        """
        steepness = np.maximum(1 - points[:, 0] ** 2 - (points[:, 1] / 1.35) ** 2, 0)
        depth = 0.85 * np.sqrt(steepness) + (lift - 0.35)
        flat, deep = self._matrix
        return np.asarray(points @ flat + depth[:, None] * deep + self.centre)

    @cached_property
    def _matrix(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What a step along x and along y, and one along the depth, is on the canvas."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        turn = np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])  # rows: x, y, depth
        cos, sin = np.cos(self.pitch), np.sin(self.pitch)
        nod = np.array([[1.0, 0.0], [0.0, cos], [0.0, sin]])
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        tilt = np.array([[cos, sin], [-sin, cos]])
        matrix = turn @ nod @ tilt * self.scale
        return matrix[:2], matrix[2]


def _outlines(layer: Layer) -> list[Points]:
    return [*layer.polygons] if layer.clip is None else [*layer.polygons, layer.clip]
