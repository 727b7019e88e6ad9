"""Which pixels of a face speak for an emotion: the prediction again with parts of the face blurred."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.model_files.network import Network
from bimodal.vision.pictures import resize

CELLS = 12
"""The map has so many cells a side."""
_PATCH = 3  # cells a side that are blurred at once
_BLUR = 0.12  # standard deviation, as a share of the side
_LEAST = 1e-6


def occlusion_map(network: Network, face: NDArray[np.uint8], emotion: int, cells: int = CELLS) -> NDArray[np.float64]:
    """Return how much each part of a face speaks for an emotion.

    Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014. A square of 3 by 3 cells is blurred at each
    place, instead of painted grey, because a grey square is like no picture that the network knows.

    Args:
        network: of any runtime.
        face: uint8 (H,W,3) RGB, a cropped face.
        emotion: position in `network.info.emotions`.
        cells: of the map, a side; at least 1.

    Returns:
        float64 (cells,cells): by how much the logarithm of the probability falls when the part is blurred, on average over the
        squares that hold the cell. Above 0, the part speaks for the emotion; below, against it.

    >>> from bimodal.model_files.info import ModelInfo
    >>> def left_is_bright(x):  # (N,3,S,S)
    ...     return np.stack([x[..., :8].std(axis=(1, 2, 3)), 0 * x[:, 0, 0, 0]], axis=1)
    >>> face = np.zeros((16, 16, 3), np.uint8)
    >>> face[4:12:2, 2:6] = 255
    >>> found = occlusion_map(Network(ModelInfo("trial", ("a", "b"), image_size=16), left_is_bright), face, 0)
    >>> bool(found[:, :6].mean() > 0.01 > found[:, 9:].mean())
    True
    """
    size = network.info.image_size
    small = face if face.shape[:2] == (size, size) else resize(face, size)
    blurred = cv2.GaussianBlur(small, (0, 0), _BLUR * size, borderType=cv2.BORDER_REPLICATE)
    edges = np.rint(np.linspace(0, size, cells + 1)).astype(int)
    places = [
        (max(top, 0), min(top + _PATCH, cells), max(left, 0), min(left + _PATCH, cells))
        for top in range(1 - _PATCH, cells)
        for left in range(1 - _PATCH, cells)
    ]
    pictures = np.repeat(small[None], len(places) + 1, axis=0)
    for picture, (top, bottom, left, right) in zip(pictures[1:], places, strict=True):
        part = np.s_[edges[top] : edges[bottom], edges[left] : edges[right]]
        picture[part] = blurred[part]
    logs = np.log(np.maximum(network.probabilities(pictures)[:, emotion], _LEAST))
    total, number = np.zeros((cells, cells)), np.zeros((cells, cells))
    for fall, (top, bottom, left, right) in zip(logs[0] - logs[1:], places, strict=True):
        total[top:bottom, left:right] += fall
        number[top:bottom, left:right] += 1
    return np.asarray(total / number)
