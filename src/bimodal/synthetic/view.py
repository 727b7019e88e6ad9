"""Projecting the layers of a face onto the canvas: rotation, scale and position."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bimodal.synthetic.canvas import Layer
from bimodal.synthetic.curves import Points


@dataclass(frozen=True)
class View:
    """The pose of a face: angles in radians, and the scale and the centre in pixels of the canvas."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    centre: tuple[float, float]

    def place(self, layers: Sequence[Layer]) -> list[Layer]:
        """Return layers of the face, given in the units of `Person`, in pixels of the canvas."""
        outlines = [outline for layer in layers for outline in _outlines(layer)]
        lengths = np.array([len(outline) for outline in outlines])
        lifts = np.repeat([layer.lift for layer in layers for _ in _outlines(layer)], lengths)
        # in one call, because thousands of points take little more time than one polygon
        projected = self.project(np.concatenate(outlines), lifts)
        ends = np.cumsum(lengths).tolist()
        pieces = iter([projected[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)])
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
        """Return the positions on the canvas, (n, 2), of points of the face that are `lift` above the rounded head.

        The head is half an ellipsoid, so that features move over it and are foreshortened when it turns.

        >>> View(0.0, 0.0, 0.0, 10.0, (50.0, 50.0)).project(np.array([[0.5, -0.5]]), np.zeros(1)).tolist()
        [[55.0, 45.0]]
        """
        steepness = np.maximum(1 - points[:, 0] ** 2 - (points[:, 1] / 1.35) ** 2, 0)
        depth = 0.85 * np.sqrt(steepness) + (lift - 0.35)
        flat, deep = self._matrix
        return np.asarray(points @ flat + depth[:, None] * deep + self.centre)

    @cached_property
    def _matrix(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The steps on the canvas, in pixels, for a unit step along x and y (2, 2), and along the depth (2,)."""
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
