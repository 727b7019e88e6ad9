"""A canvas on which anti-aliased polygons are painted in layers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.synthetic.curves import Points

Colour = NDArray[np.float64]
"""RGB from 0 to 255, float64 (3,)."""

_SHIFT = 4  # OpenCV draws polygons at 1/16 pixel with this many fractional bits


@dataclass(frozen=True)
class Layer:
    """Polygons of one colour.

    Attributes:
        polygons: closed outlines.
        colour: their colour.
        alpha: the opacity, 0 (invisible) to 1 (opaque).
        soft: standard deviation of the blur of the edge, in the unit of the outlines; 0 for a sharp edge.
        clip: an outline; only its inside is painted.
        lift: the height of the outlines above the rounded head (see `View`).
    """

    polygons: Sequence[Points]
    colour: Colour
    alpha: float = 1.0
    soft: float = 0.0
    clip: Points | None = None
    lift: float = 0.0

    def scaled(self, factor: float) -> "Layer":
        """Return the layer with all lengths multiplied by `factor`."""
        polygons = [polygon * factor for polygon in self.polygons]
        clip = None if self.clip is None else self.clip * factor
        return replace(self, polygons=polygons, soft=self.soft * factor, clip=clip)


class Canvas:
    """A square picture in progress.

    Attributes:
        side: its side in pixels.
        planes: float32 (4, side, side): red, green, blue, and the share of the background that is covered. The colour is
            the first axis because most operations multiply a whole plane, which is fast with long rows.

    >>> canvas = Canvas(np.zeros((8, 8, 3), np.float32))
    >>> canvas.paint([Layer([np.array([[2.0, 2], [6, 2], [6, 6], [2, 6]])], np.array([255.0, 0, 0]))])
    >>> canvas.planes[:, 4, 4].tolist(), canvas.planes[:, 0, 0].tolist()
    ([255.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(self, background: NDArray[np.float32]) -> None:
        self.side = background.shape[0]
        self.planes = np.zeros((4, self.side, self.side), np.float32)
        self.planes[:3] = background.transpose(2, 0, 1)

    def paint(self, layers: Sequence[Layer]) -> None:
        """Paint layers in their order; their lengths are in pixels."""
        for layer in layers:
            if layer.alpha > 0.01:
                self._paint(layer)

    def _paint(self, layer: Layer) -> None:
        points = np.concatenate(layer.polygons)
        margin = int(2.5 * layer.soft) + 2
        (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
        x0, y0 = max(int(x0) - margin, 0), max(int(y0) - margin, 0)
        x1, y1 = min(int(x1) + margin, self.side), min(int(y1) + margin, self.side)
        if x0 >= x1 or y0 >= y1:
            return
        mask = _mask(layer.polygons, (x0, y0), (y1 - y0, x1 - x0))
        if layer.soft > 0.3:
            mask = _blur(mask, layer.soft)
        if layer.clip is not None:
            mask = cv2.multiply(mask, _mask([layer.clip], (x0, y0), mask.shape), scale=1 / 255)
        share = mask.astype(np.float32)
        share *= layer.alpha / 255
        patch = self.planes[:, y0:y1, x0:x1]
        patch += (np.array([*layer.colour, 1.0], np.float32)[:, None, None] - patch) * share


def _mask(polygons: Sequence[Points], corner: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    for polygon in polygons:  # one by one, because overlaps of one call become holes
        points = ((polygon - corner) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, _SHIFT)
    return mask


def _blur(mask: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Blur with a Gaussian; a wide one is applied to a smaller picture, which is faster and looks the same."""
    if sigma < 4:
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.uint8)
    rows, columns = mask.shape
    small = cv2.resize(mask, (max(columns // 4, 1), max(rows // 4, 1)), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / 4, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(cv2.resize(blurred, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)
